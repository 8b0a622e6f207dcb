"""Recognises norms that are written out: RMS, layer and local response norm, and their weights applied afterwards."""

from ngcore.networks.lifting.matching import activated, read_of, scaled, sides
from ngcore.networks.lifting.nodes import Graph, Node


def rms_norm(graph: Graph, node: Node) -> Node | None:
    """Recognises x / √(mean(x²) + ε); of x − mean(x) that is layer norm."""
    for x, root in sides(node):
        inside = activated(root, "power", alpha=-0.5)
        if inside is None or inside.op != "affine" or inside.attrs.get("factor", 1.0) != 1:
            continue
        mean = read_of(inside)
        if not _is_mean(mean) or activated(read_of(mean), "power", alpha=2.0) is not x:
            continue
        axis, eps = mean.attrs["axes"][0] % len(x.shape), inside.attrs.get("shift", 0.0)
        if eps <= 0:
            continue
        plain = _uncentred(x, axis)
        settings = {"eps": eps} if plain is None else {"rank": 1, "eps": eps}
        order = (*(a for a in range(len(x.shape)) if a != axis), axis)
        name = "rms_norm" if plain is None else "layer_norm"
        moved = _permuted(graph, x if plain is None else plain, order)
        normal = graph.apply(name, moved, path=node.path, **settings)
        return _permuted(graph, normal, tuple(order.index(a) for a in range(len(order))))
    return None


def early_weight(graph: Graph, node: Node) -> Node | None:
    """A norm whose scale is applied before the division."""
    for x, root in sides(node):
        if x.op != "multiply" or activated(root, "power", alpha=-0.5) is None:
            continue
        for inner, weight in sides(x):
            if weight.is_constant and not inner.is_constant:
                plain = graph.apply("multiply", inner, root, path=node.path)
                if plain.op in ("rms_norm", "layer_norm", "permute"):
                    return graph.apply("multiply", plain, weight, path=node.path)
    return None


def _is_mean(node: Node) -> bool:
    settings = node.attrs
    return (
        node.op == "reduce" and settings["reduction"] == "mean" and len(settings["axes"]) == 1 and settings["keepdim"]
    )


def _uncentred(x: Node, axis: int) -> Node | None:
    """Recognises y where x is y − mean(y)."""
    if x.op != "add":
        return None
    for y, other in sides(x):
        mean, factor = scaled(other)
        if factor == -1 and _is_mean(mean) and read_of(mean) is y and mean.attrs["axes"][0] % len(x.shape) == axis:
            return y
    return None


def _permuted(graph: Graph, node: Node, order: tuple[int, ...]) -> Node:
    return node if order == tuple(range(len(order))) else graph.apply("permute", node, order=order, path=node.path)


def weighted_norm(graph: Graph, node: Node) -> Node | None:
    """A norm's scale, and its shift, applied afterwards."""
    for x, other in sides(node):
        order = None
        normal = x
        if x.op == "permute" and read_of(x).op in ("rms_norm", "layer_norm"):
            normal, order = read_of(x), x.attrs["order"]
        if normal.op not in ("rms_norm", "layer_norm") or not other.is_constant or normal.attrs.get("rank", 1) > 1:
            continue
        axis = len(x.shape) - 1 if order is None else list(order).index(len(x.shape) - 1)
        sizes = (1,) * (len(x.shape) - len(other.shape)) + other.shape
        if any(size != 1 for place, size in enumerate(sizes) if place != axis) or sizes[axis] != x.shape[axis]:
            continue
        vector = graph.apply("reshape", other, shape=(sizes[axis],))
        weight, bias = normal.operand(1), normal.operand(2)
        if node.op == "multiply" and weight is None and bias is None:
            made = graph.apply(normal.op, normal.reads[0], vector, path=node.path, **normal.attrs)
        elif node.op == "add" and normal.op == "layer_norm" and weight is not None and bias is None:
            made = graph.apply(normal.op, normal.reads[0], weight, vector, path=node.path, **normal.attrs)
        else:
            continue
        return made if order is None else _permuted(graph, made, tuple(order))
    return None


def local_response_norm(graph: Graph, node: Node) -> Node | None:
    """Recognises x / (k + α mean(x² of neighbouring channels))^β, as torch writes it."""
    for x, other in sides(node):
        root = activated(other, "power", alpha=-1.0)
        if root is None or root.op != "activate" or root.attrs["layer"].function != "power":
            continue
        below = read_of(root)
        pool = _under(below, "affine", "reshape") if below.op == "affine" else None
        if (
            pool is None
            or pool.op != "pool"
            or pool.attrs["reduction"] != "mean"
            or set(pool.attrs["kernel_size"][1:]) != {1}
        ):
            continue
        size, padded = pool.attrs["kernel_size"][0], read_of(pool)
        amounts = [0] * (2 * len(pool.attrs["kernel_size"]) - 2) + [size // 2, (size - 1) // 2]
        squares = _under(padded, "pad", "reshape")
        if padded.op != "pad" or list(padded.attrs["amounts"]) != amounts or squares is None:
            continue
        if activated(squares, "power", alpha=2.0) is x and len(x.shape) > 2:
            settings = {"alpha": below.attrs["factor"], "beta": root.attrs["layer"].alpha, "k": below.attrs["shift"]}
            return graph.apply("local_response_norm", x, size=size, path=node.path, **settings)
    return None


def _under(node: Node, *ops: str) -> Node | None:
    """What lies below operations that may follow one another."""
    below = node
    for op in ops:
        while below.op == op:
            below = read_of(below)
    return below
