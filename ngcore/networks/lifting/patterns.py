"""Recognises what several operations spell out together: arithmetic with numbers, activations, norms, attention."""

import dataclasses
import math
from collections.abc import Callable

import torch

from ngcore.networks.layers import Activation
from ngcore.networks.lifting.matching import activated, fixed, read_of, scaled, sides
from ngcore.networks.lifting.nodes import Graph, Node
from ngcore.networks.lifting.norm_patterns import early_weight, local_response_norm, rms_norm, weighted_norm
from ngcore.networks.lifting.operations import activation
from ngcore.networks.lifting.rotations import partly_rotated, rotated, rotated_in_pairs

MASKED = -1e4
"""Scores set to this or less count for nothing."""


Pattern = Callable[[Graph, Node], Node | None]


def simplified(graph: Graph, node: Node) -> Node:
    """The node, or a simpler one that computes the same."""
    for pattern in PATTERNS.get(node.op, ()):
        found = pattern(graph, node)
        if found is not None and found.shape == node.shape:
            return found
    return node


def with_number(graph: Graph, node: Node) -> Node | None:
    """Recognises x + 2 and 2 · x."""
    for x, other in sides(node):
        number = other.number
        if number is not None:
            setting = {"factor": 1.0, "shift": number} if node.op == "add" else {"factor": number, "shift": 0.0}
            return graph.apply("affine", x, path=node.path, **setting)
    return None


def affine(graph: Graph, node: Node) -> Node | None:
    """Arithmetic with numbers one after the other; nothing, where it changes nothing."""
    x, factor, shift = read_of(node), node.attrs.get("factor", 1.0), node.attrs.get("shift", 0.0)
    if factor == 1 and shift == 0:
        return x
    if x.op != "affine":
        return None
    inner, before = x.attrs.get("factor", 1.0), x.attrs.get("shift", 0.0)
    merged = {"factor": float(factor * inner), "shift": float(factor * before + shift)}
    return graph.apply("affine", read_of(x), path=node.path, **merged)


def wave(graph: Graph, node: Node) -> Node | None:
    """sin(ω x), cos(ω x)."""
    layer: Activation = node.attrs["layer"]
    x, factor = scaled(read_of(node))
    if layer.function not in ("sine", "cosine") or x is node.reads[0]:
        return None
    faster = dataclasses.replace(layer, omega_0=layer.omega_0 * factor)
    return graph.apply("activate", x, layer=faster, path=node.path)


def power(graph: Graph, node: Node) -> Node | None:
    """1 / √x, written in two steps; x⁰·⁵ is only of what is not negative."""
    layer: Activation = node.attrs["layer"]
    inner = read_of(node)
    if layer.function != "power" or inner.op != "activate" or inner.attrs["layer"].function != "power":
        return None
    first = inner.attrs["layer"].alpha
    if abs(first) != 0.5:
        return None
    both = activation("power", alpha=first * layer.alpha)
    return graph.apply("activate", read_of(inner), layer=both, path=node.path)


def square(graph: Graph, node: Node) -> Node | None:
    """Recognises x · x."""
    if node.reads[0] is not node.reads[1]:
        return None
    return graph.apply("activate", node.reads[0], layer=activation("power", alpha=2.0), path=node.path)


def gated(graph: Graph, node: Node) -> Node | None:
    """Recognises x · sigmoid(x) and x · sigmoid(1.702 x)."""
    for x, gate in sides(node):
        inside = activated(gate, "sigmoid")
        if inside is x:
            return graph.apply("activate", x, layer=activation("silu"), path=node.path)
        if inside is not None and scaled(inside)[0] is x and math.isclose(scaled(inside)[1], 1.702, rel_tol=1e-6):
            return graph.apply("activate", x, layer=activation("quick_gelu"), path=node.path)
    return None


def gelu(graph: Graph, node: Node) -> Node | None:
    """½ x (1 + erf(x / √2)), and by tanh."""
    for one, gate in sides(node):
        x, factor = scaled(one)
        if gate.op != "affine" or not math.isclose(gate.attrs.get("factor", 1.0), gate.attrs.get("shift", 0.0)):
            continue
        inside, half = read_of(gate), gate.attrs["shift"]
        kind = ""
        if inside.op == "erf":
            root, number = scaled(read_of(inside))
            kind = "gelu" if root is x and math.isclose(number, math.sqrt(0.5), rel_tol=1e-6) else ""
        elif (argument := activated(inside, "tanh")) is not None and _is_cubic(argument, x):
            kind = "gelu_tanh"
        if kind:
            made = graph.apply("activate", x, layer=activation(kind), path=node.path)
            return graph.apply("affine", made, factor=2 * half * factor, path=node.path)
    return None


def _is_cubic(argument: Node, x: Node) -> bool:
    """Whether a node is √(2/π) (x + 0.044715 x³)."""
    total, factor = scaled(argument)
    if total.op != "add" or not math.isclose(factor, math.sqrt(2 / math.pi), rel_tol=1e-6):
        return False
    for one, other in sides(total):
        cube, number = scaled(other)
        if one is x and math.isclose(number, 0.044715, rel_tol=1e-6):
            if activated(cube, "power", alpha=3.0) is x:
                return True
            if cube.op == "multiply":
                return any(a is x and activated(b, "power", alpha=2.0) is x for a, b in sides(cube))
    return False


def biased(graph: Graph, node: Node) -> Node | None:
    """W x, then + b."""
    for x, other in sides(node):
        if x.op == "linear" and x.operand(2) is None and other.is_constant and other.shape == x.shape[-1:]:
            return graph.apply("linear", x.reads[0], x.reads[1], other, path=x.path)
    return None


def as_linear(graph: Graph, node: Node) -> Node | None:
    """A product with a matrix of the network itself."""
    one, other = node.reads
    assert one is not None
    assert other is not None
    if other.is_constant and len(other.shape) > 2 and set(other.shape[:-2]) == {1}:
        other = graph.apply("reshape", other, shape=other.shape[-2:])
    if other.is_constant and len(other.shape) == 2:
        weight = graph.apply("permute", other, order=(1, 0))
        made = graph.apply("linear", one, weight, path=node.path)
        return made if made.shape == node.shape else graph.apply("reshape", made, shape=node.shape)
    if other.is_constant and len(other.shape) == 1:
        made = graph.apply("linear", one, graph.apply("reshape", other, shape=(1, *other.shape)), path=node.path)
        return graph.apply("reshape", made, shape=node.shape)
    if one.is_constant and len(one.shape) == 2 and len(other.shape) > 1:
        swap = (*range(len(other.shape) - 2), len(other.shape) - 1, len(other.shape) - 2)
        made = graph.apply("linear", graph.apply("permute", other, order=swap), one, path=node.path)
        return graph.apply("permute", made, order=swap)
    return None


def attention(graph: Graph, node: Node) -> Node | None:
    """softmax(scale · Q Kᵀ + mask) V."""
    weights, value = node.reads
    assert weights is not None
    assert value is not None
    if (
        weights.op != "softmax"
        or weights.attrs.get("is_log")
        or weights.attrs["axis"] % len(weights.shape) != len(weights.shape) - 1
    ):
        return None
    scores, mask = _unmasked(graph, read_of(weights))
    scores, scale = scaled(scores)
    if scores.op != "matmul" or scores.reads[1] is None or scores.shape != weights.shape:
        return None
    rank = len(scores.shape)
    if rank < 3:
        return None
    query, first = scaled(read_of(scores))
    swapped, again = scaled(scores.reads[1])
    key, third = scaled(graph.apply("permute", swapped, order=(*range(rank - 2), rank - 1, rank - 2)))
    total = scale * first * again * third
    plain = math.isclose(total, query.shape[-1] ** -0.5, rel_tol=1e-12)
    return graph.apply("attend", query, key, value, mask, path=node.path, scale=None if plain else total)


def _unmasked(graph: Graph, scores: Node) -> tuple[Node, Node | None]:
    """Scores without the numbers added to them, or put in place of some."""
    if scores.op == "reshape" and read_of(scores).op == "add":  # (batch · heads, …) for the product, apart for the mask
        return scores, None
    if scores.op != "add":
        return scores, None
    for inner, other in sides(scores):
        mask = fixed(other) or other
        if not mask.is_constant:
            continue
        if inner.op == "multiply" and mask.value is not None:
            for plain, kept in sides(inner):
                if kept.value is not None and _hides(kept.value, mask.value):
                    hidden = torch.where(kept.value == 0, -math.inf, 0.0).to(mask.value.dtype)
                    return plain, graph.constant(hidden)
        return inner, mask
    return scores, None


def _hides(kept: torch.Tensor, mask: torch.Tensor) -> bool:
    """Whether scores are kept or replaced by so little that they count for nothing, but some are kept in every row."""
    is_choice = bool(((kept == 0) | (kept == 1)).all()) and kept.shape == mask.shape
    return is_choice and bool((mask[kept == 0] <= MASKED).all()) and bool((kept == 1).any(dim=-1).all())


def part_of_concat(graph: Graph, node: Node) -> Node | None:
    """A cut of tensors one after the other that lies in one of them."""
    whole, axis = read_of(node), node.attrs["axis"]
    if whole.op != "concat" or whole.attrs["axis"] != axis:
        return None
    start, stop = node.attrs["start"], node.attrs["stop"]
    for part in whole.reads:
        assert part is not None
        size = part.shape[axis]
        if start >= 0 and stop <= size:
            if (start, stop, node.attrs.get("step", 1)) == (0, size, 1):
                return part
            return graph.apply("slice", part, **{**node.attrs, "start": start, "stop": stop})
        start, stop = start - size, stop - size
    return None


def whole_cut(graph: Graph, node: Node) -> Node | None:
    """All entries of an axis."""
    return read_of(node) if read_of(node).shape == node.shape and node.attrs.get("step", 1) == 1 else None


def cut_of_repeated(graph: Graph, node: Node) -> Node | None:
    """A cut of numbers that are repeated for every sample."""
    whole, axis = read_of(node), node.attrs["axis"]
    numbers = fixed(whole)
    if numbers is None or numbers is whole:
        return None
    place = axis - len(whole.shape) + len(numbers.shape)
    if place >= 0 and numbers.shape[place] > 1:
        numbers = graph.apply("slice", numbers, **{**node.attrs, "axis": place})
    return graph.apply("expand", numbers, shape=node.shape, path=node.path)


def softsign(graph: Graph, node: Node) -> Node | None:
    """Recognises x / (1 + |x|)."""
    for x, other in sides(node):
        below = activated(other, "power", alpha=-1.0)
        if below is None or below.op != "affine" or below.attrs != {"factor": 1.0, "shift": 1.0}:
            continue
        if activated(read_of(below), "abs") is x:
            return graph.apply("activate", x, layer=activation("softsign"), path=node.path)
    return None


def tanh_shrink(graph: Graph, node: Node) -> Node | None:
    """Recognises x − tanh(x)."""
    for x, other in sides(node):
        inside, factor = scaled(other)
        if factor == -1 and activated(inside, "tanh") is x:
            return graph.apply("activate", x, layer=activation("tanh_shrink"), path=node.path)
    return None


def embedded_view(graph: Graph, node: Node) -> Node | None:
    """Rows of moved tokens are moved rows."""
    tokens, table = node.reads
    assert tokens is not None
    assert table is not None
    if tokens.op not in ("permute", "reshape", "slice", "expand"):
        return None
    rows = graph.apply("embed", tokens.reads[0], table, path=node.path)
    if tokens.op == "permute":
        return graph.apply("permute", rows, order=(*tokens.attrs["order"], len(tokens.shape)))
    if tokens.op == "slice":
        return graph.apply("slice", rows, **tokens.attrs)
    return graph.apply(tokens.op, rows, shape=node.shape)


def strided(graph: Graph, node: Node) -> Node | None:
    """x.reshape(…, m, n)[…, i] is every n-th of x."""
    cut = read_of(node)
    if cut.op != "slice" or read_of(cut).op != "reshape" or cut.shape[-1] != 1 or node.shape != cut.shape[:-1]:
        return None
    view, axis = read_of(cut), cut.attrs["axis"] % len(cut.shape)
    x = read_of(view)
    if axis != len(cut.shape) - 1:
        return None
    x = graph.apply("reshape", x, shape=(*view.shape[:-2], view.shape[-2] * view.shape[-1]))
    start, size = cut.attrs["start"], view.shape[-1]
    return graph.apply("slice", x, axis=len(x.shape) - 1, start=start, stop=x.shape[-1], step=size, path=node.path)


def reshaped_twice(graph: Graph, node: Node) -> Node | None:
    """A reshape of a reshape; nothing, where the shape is as before."""
    x = read_of(node)
    if x.shape == node.shape:
        return x
    if x.op == "reshape":
        return graph.apply("reshape", x.reads[0], shape=node.shape, path=node.path)
    return None


def permuted_twice(graph: Graph, node: Node) -> Node | None:
    """A permutation of a permutation; nothing, where it changes nothing."""
    x, order = read_of(node), tuple(node.attrs["order"])
    if order == tuple(range(len(order))):
        return x
    if x.op == "permute":
        both = tuple(x.attrs["order"][axis] for axis in order)
        return graph.apply("permute", x.reads[0], order=both, path=node.path)
    return None


PATTERNS: dict[str, tuple[Pattern, ...]] = {
    "add": (with_number, biased, weighted_norm, rotated, tanh_shrink),
    "multiply": (
        with_number,
        square,
        gated,
        gelu,
        softsign,
        local_response_norm,
        rms_norm,
        early_weight,
        weighted_norm,
    ),
    "affine": (affine,),
    "activate": (wave, power),
    "matmul": (as_linear, attention),
    "concat": (partly_rotated,),
    "embed": (embedded_view,),
    "reshape": (rotated_in_pairs, strided, reshaped_twice),
    "permute": (permuted_twice,),
    "slice": (whole_cut, part_of_concat, cut_of_repeated),
}
