"""Torch's own operations that are compositions of simpler ones: norms, cells of recurrences, complex numbers."""

import itertools
import math
from types import SimpleNamespace

import torch

from ngcore.networks.lifting.aten import ARITHMETIC, Handler, Made, listed, subtract
from ngcore.networks.lifting.aten_moves import stack
from ngcore.networks.lifting.graph import ForeignGraph
from ngcore.networks.lifting.nodes import Node
from ngcore.networks.lifting.operations import activation

MOST_FLIPPED = 64
"""Entries of an axis that are put in reverse order one by one."""


def vector_norm(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """The square root of a sum of squares."""
    order = getattr(a, "ord", getattr(a, "p", 2))
    if order != 2:
        return graph.unknown(f"a norm of order {order}", _without(a), a.self.dtype, [a.self], path)
    axes = _axes(a)
    squares = graph.apply("activate", a.self, layer=activation("power", alpha=2.0), path=path)
    total = graph.apply("reduce", squares, reduction="sum", axes=axes, keepdim=bool(a.keepdim), path=path)
    return graph.apply("activate", total, layer=activation("power", alpha=0.5), path=path)


def _axes(a: SimpleNamespace) -> tuple[int, ...]:
    rank, asked = len(a.self.shape), getattr(a, "dim", None)
    return tuple(range(rank)) if asked is None else tuple(axis % rank for axis in listed(asked))


def _without(a: SimpleNamespace) -> tuple[int, ...]:
    axes = _axes(a)
    kept = [1 if axis in axes else size for axis, size in enumerate(a.self.shape) if a.keepdim or axis not in axes]
    return tuple(kept)


def deviation(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """The square root of the variance."""
    made = ARITHMETIC["var"](graph, a, path)
    assert isinstance(made, Node)
    return graph.apply("activate", made, layer=activation("power", alpha=0.5), path=path)


def log_sum_exp(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """The logarithm of a sum of exponentials."""
    powers = graph.apply("activate", a.self, layer=activation("exp"), path=path)
    total = graph.apply("reduce", powers, reduction="sum", axes=_axes(a), keepdim=bool(a.keepdim), path=path)
    return graph.apply("activate", total, layer=activation("log"), path=path)


def larger(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """The larger of two: y + relu(x − y)."""
    apart = subtract(graph, SimpleNamespace(self=a.self, other=a.other), path)
    assert isinstance(apart, Node)
    return graph.apply("add", a.other, graph.apply("activate", apart, layer=activation("relu"), path=path), path=path)


def smaller(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """The smaller of two: x − relu(x − y)."""
    apart = subtract(graph, SimpleNamespace(self=a.self, other=a.other), path)
    assert isinstance(apart, Node)
    positive = graph.apply("activate", apart, layer=activation("relu"), path=path)
    return subtract(graph, SimpleNamespace(self=a.self, other=positive), path)


def running_sum(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """Sums of all entries so far, by a triangle of ones."""
    rank = len(a.self.shape)
    axis, size = a.dim % rank, a.self.shape[a.dim]
    order = (*(i for i in range(rank) if i != axis), axis)
    moved = graph.apply("permute", a.self, order=order)
    summed = graph.apply("linear", moved, graph.constant(torch.ones(size, size, dtype=a.self.dtype).tril()), path=path)
    return graph.apply("permute", summed, order=tuple(order.index(i) for i in range(rank)), path=path)


def _joined(graph: ForeignGraph, x: Node, axis: int, runs: list[tuple[int, int]], path: str) -> Node:
    parts = [graph.apply("slice", x, axis=axis, start=start, stop=stop, path=path) for start, stop in runs]
    return parts[0] if len(parts) == 1 else graph.apply("concat", *parts, axis=axis, path=path)


def rolled(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """Entries moved along an axis; those that leave it at one end come in at the other."""
    x: Node = a.self
    shifts, axes = listed(a.shifts), listed(a.dims)
    if not axes:
        return graph.unknown("a roll over all axes", x.shape, x.dtype, [x], path)
    for shift, axis in zip(shifts, axes, strict=True):
        size, place = x.shape[axis], axis % len(x.shape)
        start = -shift % size
        if start:
            x = _joined(graph, x, place, [(start, size), (0, start)], path)
    return x


def flipped(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """Axes in reverse order."""
    x: Node = a.self
    if max(x.shape[axis] for axis in a.dims) > MOST_FLIPPED:
        return graph.unknown("a flip of a long axis", x.shape, x.dtype, [x], path)
    for axis in a.dims:
        place = axis % len(x.shape)
        x = _joined(graph, x, place, [(i, i + 1) for i in reversed(range(x.shape[place]))], path)
    return x


def windows(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """Unfold: every window of a map as a column, by a cut of the map for every place in the window."""
    kernel, dilation, stride = a.kernel_size, a.dilation, a.stride
    batch, channels, height, width = a.self.shape
    down, right = a.padding
    counts = [
        (size + 2 * pad - dilate * (side - 1) - 1) // step + 1
        for size, pad, dilate, side, step in zip((height, width), (down, right), dilation, kernel, stride, strict=True)
    ]
    shape = (batch, channels * kernel[0] * kernel[1], counts[0] * counts[1])
    if kernel[0] * kernel[1] > MOST_FLIPPED:
        return graph.unknown("unfold with large windows", shape, a.self.dtype, [a.self], path)
    x = a.self
    if down or right:
        x = graph.apply("pad", x, amounts=(right, right, down, down), path=path)
    parts = []
    for place in itertools.product(range(kernel[0]), range(kernel[1])):
        part = x
        for axis, (start, dilate, step, count) in enumerate(zip(place, dilation, stride, counts, strict=True)):
            first = start * dilate
            settings = {"axis": axis + 2, "start": first, "stop": first + step * (count - 1) + 1, "step": step}
            part = graph.apply("slice", part, path=path, **settings)
        parts.append(graph.apply("reshape", part, shape=(batch, channels, 1, *counts)))
    made = parts[0] if len(parts) == 1 else graph.apply("concat", *parts, axis=2, path=path)
    return graph.apply("reshape", made, shape=shape, path=path)


def masked_triangle(*, upper: bool) -> Handler:
    """The part of a matrix on one side of a diagonal."""

    def handle(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
        ones = torch.ones(a.self.shape[-2:], dtype=a.self.dtype)
        kept = ones.triu(a.diagonal) if upper else ones.tril(a.diagonal)
        return graph.apply("multiply", a.self, graph.constant(kept), path=path)

    return handle


def bilinear(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """x₁ᵀ W x₂ for each output."""
    count, first, second = a.weight.shape
    weight = graph.apply("permute", a.weight, order=(0, 2, 1))
    weight = graph.apply("reshape", weight, shape=(count * second, first))
    lead = a.input1.shape[:-1]
    made = graph.apply("reshape", graph.apply("linear", a.input1, weight, path=path), shape=(*lead, count, second))
    other = graph.apply("reshape", a.input2, shape=(*lead, 1, second))
    made = graph.apply("multiply", made, other, path=path)
    made = graph.apply("reduce", made, reduction="sum", axes=(len(lead) + 1,), path=path)
    return made if a.bias is None else graph.apply("add", made, a.bias, path=path)


def _gates(graph: ForeignGraph, a: SimpleNamespace, hidden: Node, path: str, count: int) -> list[list[Node]]:
    """What the input and the hidden state say to each gate."""
    found = []
    for x, weight, bias in ((a.input, a.w_ih, a.b_ih), (hidden, a.w_hh, a.b_hh)):
        all_gates = graph.apply("linear", x, weight, bias, path=path)
        size, axis = weight.shape[0] // count, len(x.shape) - 1
        runs = [(i * size, (i + 1) * size) for i in range(count)]
        found.append([graph.apply("slice", all_gates, axis=axis, start=s, stop=e, path=path) for s, e in runs])
    return found


def _activated(graph: ForeignGraph, x: Node, function: str, path: str) -> Node:
    return graph.apply("activate", x, layer=activation(function), path=path)


def lstm_cell(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """One step of an LSTM: the hidden and the cell state."""
    hidden, cell = a.hx
    sums = [graph.apply("add", x, h, path=path) for x, h in zip(*_gates(graph, a, hidden, path, 4), strict=True)]
    functions = ("sigmoid", "sigmoid", "tanh", "sigmoid")
    i, f, g, o = (_activated(graph, x, kind, path) for x, kind in zip(sums, functions, strict=True))
    kept = graph.apply("multiply", f, cell, path=path)
    cell = graph.apply("add", kept, graph.apply("multiply", i, g, path=path), path=path)
    return [graph.apply("multiply", o, _activated(graph, cell, "tanh", path), path=path), cell]


def gru_cell(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """One step of a GRU."""
    (r_x, z_x, n_x), (r_h, z_h, n_h) = _gates(graph, a, a.hx, path, 3)
    r = _activated(graph, graph.apply("add", r_x, r_h, path=path), "sigmoid", path)
    z = _activated(graph, graph.apply("add", z_x, z_h, path=path), "sigmoid", path)
    n = _activated(graph, graph.apply("add", n_x, graph.apply("multiply", r, n_h, path=path), path=path), "tanh", path)
    new = graph.apply("multiply", graph.apply("affine", z, factor=-1.0, shift=1.0), n, path=path)
    return graph.apply("add", new, graph.apply("multiply", z, a.hx, path=path), path=path)


def rnn_cell(function: str) -> Handler:
    """One step of a plain recurrence."""

    def handle(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
        (x,), (h,) = _gates(graph, a, a.hx, path, 1)
        return _activated(graph, graph.apply("add", x, h, path=path), function, path)

    return handle


def as_complex(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """Pairs as complex numbers, which only a product with fixed ones may follow."""
    made = graph.unknown("view_as_complex", a.self.shape[:-1], torch.complex128, [a.self], path)
    made.attrs["why"] = "complex numbers"
    return made


def as_real(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """Complex numbers as pairs, where they are pairs times fixed numbers."""
    product: Node = a.self
    pairs, turns = product.reads if product.attrs.get("what") == "a product of complex numbers" else (None, None)
    if pairs is None or turns is None or turns.value is None or pairs.attrs.get("what") != "view_as_complex":
        return graph.unknown("view_as_real", (*product.shape, 2), torch.float64, [product], path)
    x = pairs.reads[0]
    assert x is not None
    axis, shape = len(x.shape) - 1, x.shape[:-1]
    first, second = (
        graph.apply("reshape", graph.apply("slice", x, axis=axis, start=i, stop=i + 1), shape=shape) for i in (0, 1)
    )
    cos, sin = (graph.derived(part.to(x.dtype), [turns], path) for part in (turns.value.real, turns.value.imag))
    minus = graph.apply("affine", graph.apply("multiply", second, sin), factor=-1.0)
    real = graph.apply("add", graph.apply("multiply", first, cos), minus, path=path)
    imaginary = graph.apply("add", graph.apply("multiply", first, sin), graph.apply("multiply", second, cos), path=path)
    return stack(graph, SimpleNamespace(tensors=[real, imaginary], dim=-1), path)


def multiply_and_add(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """The sum x + value · y · z."""
    made = graph.apply("multiply", a.tensor1, a.tensor2, path=path)
    return graph.apply("add", a.self, graph.apply("affine", made, factor=float(a.value)), path=path)


def logarithm(base: float) -> Handler:
    """A logarithm to another base."""

    def handle(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
        made = _activated(graph, a.self, "log", path)
        return graph.apply("affine", made, factor=1 / math.log(base), path=path)

    return handle


COMPOSITIONS: dict[str, Handler] = {
    "addcmul": multiply_and_add,
    "bilinear": bilinear,
    "cumsum": running_sum,
    "expm1": lambda graph, a, path: graph.apply("affine", _activated(graph, a.self, "exp", path), shift=-1.0),
    "flip": flipped,
    "gru_cell": gru_cell,
    "im2col": windows,
    "linalg_vector_norm": vector_norm,
    "log10": logarithm(10.0),
    "log1p": lambda graph, a, path: _activated(graph, graph.apply("affine", a.self, shift=1.0), "log", path),
    "log2": logarithm(2.0),
    "logsumexp": log_sum_exp,
    "lstm_cell": lstm_cell,
    "maximum": larger,
    "minimum": smaller,
    "norm": vector_norm,
    "rnn_relu_cell": rnn_cell("relu"),
    "rnn_tanh_cell": rnn_cell("tanh"),
    "roll": rolled,
    "std": deviation,
    "tril": masked_triangle(upper=False),
    "triu": masked_triangle(upper=True),
    "view_as_complex": as_complex,
    "view_as_real": as_real,
}
