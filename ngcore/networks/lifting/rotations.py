"""Recognises rotary positions in the ways in which they are written."""

from typing import Any

import torch

from ngcore.networks.lifting.nodes import Graph, Node


def rotated(graph: Graph, node: Node) -> Node | None:
    """Recognises x · cos + rotate(x) · sin, with halves or pairs of channels exchanged."""
    one, other = node.reads
    for first, second in ((one, other), (other, one)):
        plain, turned = _with_table(first), _with_table(second)
        if plain is None or turned is None:
            continue
        x, cos = plain
        for is_interleaved in (False, True):
            if _is_turned(turned[0], x, is_interleaved=is_interleaved):
                return _rotation(graph, x, cos, turned[1], is_interleaved=is_interleaved, path=node.path)
    return None


def _with_table(node: Node | None) -> tuple[Node, Node] | None:
    if node is None or node.op != "multiply":
        return None
    for x, table in (node.reads, node.reads[::-1]):
        if x is not None and table is not None and table.is_constant and not x.is_constant:
            return x, table
    return None


def _is_turned(node: Node, x: Node, *, is_interleaved: bool) -> bool:
    """Whether a node is (−x₂, x₁) of halves or pairs."""
    size, last = x.shape[-1], len(x.shape) - 1
    if is_interleaved:
        if node.op != "reshape" or node.shape != x.shape:
            return False
        node = node.reads[0] or node
    if node.op != "concat" or len(node.reads) != 2 or node.attrs["axis"] % len(node.shape) != len(node.shape) - 1:
        return False
    minus, plus = (_unlifted(read, is_interleaved=is_interleaved) for read in node.reads)
    if (
        minus is None
        or plus is None
        or minus.op != "affine"
        or minus.attrs.get("factor") != -1
        or minus.attrs.get("shift")
    ):
        return False
    ranges = [(1, size, 2), (0, size, 2)] if is_interleaved else [(size // 2, size, 1), (0, size // 2, 1)]
    return all(_is_slice(part, x, last, *entries) for part, entries in zip((minus.reads[0], plus), ranges, strict=True))


def _unlifted(node: Node | None, *, is_interleaved: bool) -> Node | None:
    """What has one more axis of one entry at the end, without it."""
    if node is None or not is_interleaved:
        return node
    return node.reads[0] if node.op == "reshape" and node.shape[-1] == 1 else None


def _is_slice(node: Node | None, x: Node, axis: int, start: int, stop: int, step: int) -> bool:
    if node is None or node.op != "slice" or node.reads[0] is not x:
        return False
    settings = node.attrs
    entries = range(settings["start"], settings["stop"], settings.get("step", 1))
    return settings["axis"] % len(x.shape) == axis and entries == range(start, stop, step)


def rotated_in_pairs(graph: Graph, node: Node) -> Node | None:
    """(x₁ cos − x₂ sin, x₁ sin + x₂ cos) of even and odd channels, side by side."""
    stack = node.reads[0]
    if stack is None or stack.op != "concat" or len(stack.reads) != 2 or stack.shape[-1] != 2:
        return None
    if stack.attrs["axis"] % len(stack.shape) != len(stack.shape) - 1 or node.shape[-1] != 2 * stack.shape[-2]:
        return None
    parts = [_unlifted(read, is_interleaved=True) for read in stack.reads]
    found = [_products(part) for part in parts]
    if found[0] is None or found[1] is None:
        return None
    return _matched(graph, node, found[0], found[1])


def partly_rotated(graph: Graph, node: Node) -> Node | None:
    """The first channels of a head rotated, the others as they are."""
    turned, rest = node.reads[0], node.reads[-1]
    if len(node.reads) != 2 or turned is None or rest is None or turned.op != "rotate" or rest.op != "slice":
        return None
    first, x, last = turned.reads[0], rest.reads[0], len(node.shape) - 1
    count = turned.shape[-1]
    if x is None or x.shape != node.shape or 2 * turned.reads[1].shape[1] != count:  # type: ignore[union-attr]
        return None
    if not _is_slice(first, x, last, 0, count, 1) or not _is_slice(rest, x, last, count, x.shape[-1], 1):
        return None
    return graph.apply("rotate", x, *turned.reads[1:], path=node.path, **turned.attrs)


Product = tuple[Node, Node, int]
"""What is multiplied, by which table, and its sign."""


def _products(node: Node | None) -> list[Product] | None:
    """A sum of two products with tables."""
    if node is None or node.op != "add":
        return None
    found = []
    for read in node.reads:
        sign = 1
        if read is not None and read.op == "affine" and read.attrs.get("factor") == -1 and not read.attrs.get("shift"):
            read, sign = read.reads[0], -1
        product = _with_table(read)
        if product is None:
            return None
        found.append((*product, sign))
    return found


def _matched(graph: Graph, node: Node, first: list[Product], second: list[Product]) -> Node | None:
    for even, odd in (first, first[::-1]):
        for even_too, odd_too in (second, second[::-1]):
            x = even[0].reads[0] if even[0].op == "slice" else None
            if x is None or x.shape != node.shape:
                continue
            last, size = len(x.shape) - 1, x.shape[-1]
            fits = (
                (even[2], odd[2], even_too[2], odd_too[2]) == (1, -1, 1, 1)
                and _is_slice(even[0], x, last, 0, size, 2)
                and _is_slice(odd[0], x, last, 1, size, 2)
                and even_too[0] is even[0]
                and odd_too[0] is odd[0]
                and _same(even[1], odd_too[1])
                and _same(odd[1], even_too[1])
            )
            if fits:
                return _rotation(graph, x, even[1], odd[1], is_interleaved=None, path=node.path)
    return None


def _same(one: Node, other: Node) -> bool:
    return one is other or (one.value is not None and other.value is not None and torch.equal(one.value, other.value))


def _rotation(graph: Graph, x: Node, cos: Node, sin: Node, *, is_interleaved: bool | None, path: str) -> Node | None:
    """The rotation by tables for all channels of a head, or (`is_interleaved` None) for every pair once."""
    width = x.shape[-1] // 2 if is_interleaved is None else x.shape[-1]
    tables = [_as_table(table, x, width) for table in (cos, sin)]
    if tables[0] is None or tables[1] is None or tables[0][1] != tables[1][1]:
        return None
    axis = tables[0][1]
    halves = [table[0] for table in tables if table is not None]
    if is_interleaved is not None:
        cut = [(t[:, ::2], t[:, 1::2]) if is_interleaved else t.chunk(2, dim=1) for t in halves]
        if not all(torch.equal(a, b) for a, b in cut):
            return None
        step = {"start": 0, "stop": width, "step": 2} if is_interleaved else {"start": 0, "stop": width // 2}
        picks: dict[str, Any] = {"axis": 1, **step}
    nodes = []
    for table, numbers in zip((cos, sin), halves, strict=True):
        flat = graph.apply("reshape", table, shape=tuple(numbers.shape))
        nodes.append(flat if is_interleaved is None else graph.apply("slice", flat, **picks))
    rank = len(x.shape)
    order = (*(a for a in range(rank) if a not in (axis, rank - 1)), axis, rank - 1)
    moved = x if order == tuple(range(rank)) else graph.apply("permute", x, order=order)
    made = graph.apply("rotate", moved, *nodes, is_interleaved=is_interleaved is not False, path=path)
    return made if moved is x else graph.apply("permute", made, order=tuple(order.index(a) for a in range(rank)))


def _as_table(table: Node, x: Node, width: int) -> tuple[torch.Tensor, int] | None:
    """Numbers (tokens, width), and the axis of x along which the tokens lie."""
    sizes = (1,) * (len(x.shape) - len(table.shape)) + table.shape
    longer = [axis for axis, size in enumerate(sizes[:-1]) if size > 1]
    if table.value is None or table.is_learned or sizes[-1] != width or len(longer) != 1 or longer[0] == 0:
        return None
    return table.value.reshape(-1, width), longer[0]
