"""Operators of ONNX on numbers that depend on no input: the arithmetic of shapes, masks, and scales."""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ngcore.networks.lifting.layout import UnsupportedError
from ngcore.networks.lifting.nodes import Node
from ngcore.upload.onnx_format.call import Call, Made, Operator


def each(function: Callable[..., Tensor]) -> Operator:
    """A function of each number, with broadcasting."""

    def operate(call: Call) -> Made:
        values = _values(call)
        call.graph.spend(math.prod(torch.broadcast_shapes(*(value.shape for value in values))))
        return _made(call, function(*values))

    return operate


def whole(function: Callable[[Call, Sequence[Tensor]], Tensor]) -> Operator:
    """A function whose result is no larger than what it reads."""

    def operate(call: Call) -> Made:
        values = _values(call)
        call.graph.spend(sum(value.numel() for value in values) + 1)
        return _made(call, function(call, values))

    return operate


def _values(call: Call) -> list[Tensor]:
    return [read.value for read in call.reads if read is not None and read.value is not None]


def _made(call: Call, value: Tensor) -> Node:
    return call.constant(value, *(read for read in call.reads if read is not None))


def _divide(one: Tensor, other: Tensor) -> Tensor:
    """A division; of whole numbers rounded towards 0."""
    is_whole = not (one.is_floating_point() or other.is_floating_point())
    if is_whole and bool((other == 0).any()):
        raise UnsupportedError("a division by 0")
    return torch.div(one, other, rounding_mode="trunc" if is_whole else None)


def _remainder(one: Tensor, other: Tensor) -> Tensor:
    if not other.is_floating_point() and bool((other == 0).any()):
        raise UnsupportedError("a division by 0")
    return torch.remainder(one, other)


def shape_of(call: Call) -> Made:
    """The shape of a tensor, or some of it."""
    sizes = call.x.shape[slice(call.attrs.get("start", 0), call.attrs.get("end"))]
    return call.graph.constant(torch.tensor(sizes, dtype=torch.long))


def size_of(call: Call) -> Made:
    """How many numbers a tensor holds."""
    return call.graph.constant(torch.tensor(math.prod(call.x.shape)))


def constant_of_shape(call: Call) -> Made:
    """One number, many times."""
    shape = [int(size) for size in call.list("shape", 0) or ()]
    if any(size < 0 for size in shape):
        raise UnsupportedError("a shape below 0")
    call.graph.spend(math.prod(shape))
    fill = call.attrs.get("value")
    number = torch.zeros(1) if fill is None else torch.as_tensor(fill).reshape(-1)[:1]
    return call.constant(number.expand(math.prod(shape)).reshape(shape).clone())


def range_of(call: Call) -> Made:
    """Numbers from one to another."""
    start, limit, delta = (value.reshape(-1)[0] for value in _values(call))
    count = max(math.ceil((float(limit) - float(start)) / float(delta)), 0) if float(delta) else 0
    call.graph.spend(count)
    return _made(call, start + delta * torch.arange(count, dtype=start.dtype))


def one_hot(call: Call) -> Made:
    """A row with one number for each of some places."""
    places, depth, values = _values(call)
    count, axis = int(depth.reshape(-1)[0]), int(call.attrs.get("axis", -1))
    call.graph.spend(places.numel() * max(count, 0))
    found = torch.where(places.long().remainder(count)[..., None] == torch.arange(count), values[1], values[0])
    return _made(call, found.movedim(-1, axis))


def scatter(call: Call) -> Made:
    """Some numbers replaced, by whole indices."""
    data, indices, updates = _values(call)
    call.graph.spend(data.numel())
    return _made(call, data.index_put(tuple(indices.long().unbind(-1)), updates.to(data.dtype)))


def dequantised(call: Call) -> Made:
    """Whole numbers times their scales: of weights the weights themselves; of activations nothing is rounded here."""
    x, scale, zero = call.x, call.fixed(1), call.optional(2)
    if x.value is None:
        return x
    if call.attrs.get("block_size", 0):
        raise UnsupportedError("scales for blocks")
    call.graph.spend(math.prod(x.shape))
    assert scale.value is not None
    steps, start = scale.value, torch.zeros((), dtype=torch.long) if zero is None else call.fixed(2).value
    assert start is not None
    if steps.dim() == 1 and steps.numel() > 1:
        sizes = [1] * len(x.shape)
        sizes[call.axis(call.attrs.get("axis", 1))] = -1
        steps, start = steps.reshape(sizes), start.reshape(sizes) if start.dim() else start
    return call.constant((x.value.to(steps.dtype) - start.to(steps.dtype)) * steps, x, scale)


def _trilu(call: Call, values: Sequence[Tensor]) -> Tensor:
    offset = int(values[1]) if len(values) > 1 else 0
    return torch.triu(values[0], offset) if call.attrs.get("upper", 1) else torch.tril(values[0], offset)


def _cumulated(call: Call, values: Sequence[Tensor]) -> Tensor:
    if call.attrs.get("exclusive", 0) or call.attrs.get("reverse", 0):
        raise UnsupportedError("a running sum that is exclusive or backwards")
    return values[0].cumsum(int(values[1].reshape(-1)[0]))


def _product(call: Call, values: Sequence[Tensor]) -> Tensor:
    asked = call.list("axes", 1)
    found = values[0]
    for axis in sorted(map(call.axis, range(found.dim()) if asked is None else asked), reverse=True):
        found = found.prod(axis, keepdim=bool(call.attrs.get("keepdims", 1)))
    return found


ON_NUMBERS: dict[str, Operator] = {
    "Abs": each(torch.abs),
    "Add": each(torch.add),
    "And": each(torch.logical_and),
    "Ceil": each(torch.ceil),
    "CumSum": whole(_cumulated),
    "Div": each(_divide),
    "Equal": each(torch.eq),
    "Floor": each(torch.floor),
    "Greater": each(torch.gt),
    "GreaterOrEqual": each(torch.ge),
    "IsInf": each(torch.isinf),
    "IsNaN": each(torch.isnan),
    "Less": each(torch.lt),
    "LessOrEqual": each(torch.le),
    "Max": each(lambda *values: torch.stack(torch.broadcast_tensors(*values)).amax(0)),
    "Min": each(lambda *values: torch.stack(torch.broadcast_tensors(*values)).amin(0)),
    "Mod": each(_remainder),
    "Mul": each(torch.mul),
    "Neg": each(torch.neg),
    "NonZero": whole(lambda call, values: torch.stack(values[0].nonzero(as_tuple=True))),
    "Not": each(torch.logical_not),
    "OneHot": one_hot,
    "Or": each(torch.logical_or),
    "Pow": each(torch.pow),
    "Range": range_of,
    "ReduceProd": whole(_product),
    "Round": each(torch.round),
    "ScatterND": scatter,
    "Sign": each(torch.sign),
    "Sqrt": each(torch.sqrt),
    "Sub": each(torch.sub),
    "Trilu": whole(_trilu),
    "Where": each(lambda condition, one, other: torch.where(condition.bool(), one, other)),
    "Xor": each(torch.logical_xor),
}
"""Where everything that is read is fixed."""

WITHOUT_NUMBERS: dict[str, Operator] = {
    "ConstantOfShape": constant_of_shape,
    "DequantizeLinear": dequantised,
    "QuantizeLinear": lambda call: call.x,
    "Shape": shape_of,
    "Size": size_of,
}
"""Where what is read may depend on the input, but what is made does not, or hardly."""
