"""Lifted steps with as few turns as can be: those at inputs and outputs become the order in which these are given."""

import collections
import dataclasses
from collections.abc import Sequence

from ngcore.networks.architecture import Architecture, Step
from ngcore.networks.layers import Activation, Add, Affine, Layer, Multiply, Turn

Order = tuple[int, ...]
POINTWISE = (Activation, Add, Affine, Multiply)


@dataclasses.dataclass(eq=False)
class _Value:
    """A value while steps are moved about: an input has no layer."""

    layer: Layer | None
    reads: "list[_Value]"
    name: str = ""
    path: str = ""


def settle_turns(architecture: Architecture, paths: Sequence[str]) -> tuple[Architecture, tuple[str, ...]]:
    """The same function with inputs and outputs whose channels come first, however the caller gives them.

    Args:
        architecture: Lifted steps.
        paths: Where each step comes from.

    Returns:
        The architecture, with orders of inputs and outputs, and the paths of its steps.
    """
    inputs = [_Value(None, []) for _ in architecture.input_shapes]
    values = list(inputs)
    for step, path in zip(architecture.steps, paths, strict=True):
        values.append(_Value(step.layer, [values[number] for number in step.reads], step.name, path))
    outputs = [values[number] for number in architecture.outputs]
    orders = [_turn_input(number, own, values, outputs, architecture) for number, own in enumerate(inputs)]
    while _push_down(values) or _join_turns(values, outputs):
        pass
    output_orders = [_turn_output(number, outputs, architecture) for number in range(len(outputs))]
    made = _in_order(outputs)
    numbers = {id(value): number for number, value in enumerate([*inputs, *made])}
    steps = tuple(
        Step(value.layer, tuple(numbers[id(read)] for read in value.reads), value.name)
        for value in made
        if value.layer is not None
    )
    shapes = tuple(
        tuple(shape[axis] for axis in order) for shape, order in zip(architecture.input_shapes, orders, strict=True)
    )
    settled = Architecture(
        shapes,
        steps,
        tuple(numbers[id(value)] for value in outputs),
        _unless_plain(orders),
        _unless_plain(output_orders),
    )
    return settled, tuple(value.path for value in made)


def _plain(rank: int) -> Order:
    return tuple(range(rank))


def _unless_plain(orders: Sequence[Order]) -> tuple[Order, ...]:
    return () if all(order == _plain(len(order)) for order in orders) else tuple(orders)


def _turn_input(
    number: int, own: _Value, values: list[_Value], outputs: list[_Value], architecture: Architecture
) -> Order:
    """Give an input the order in which most layers read it; the others turn it back."""
    rank = len(architecture.input_shapes[number])
    turns = [v.layer.order for v in values if isinstance(v.layer, Turn) and v.reads == [own] and v.layer.order[0]]
    if not turns or number in architecture.token_values:
        return _plain(rank)
    order = collections.Counter(turns).most_common(1)[0][0]
    back = _Value(Turn(_inverse(order)), [own])
    for value in values:
        value.reads = [back if read is own else read for read in value.reads]
    outputs[:] = [back if value is own else value for value in outputs]
    values.insert(len(architecture.input_shapes), back)
    return order


def _inverse(order: Order) -> Order:
    return tuple(order.index(axis) for axis in range(len(order)))


def _push_down(values: list[_Value]) -> bool:
    """Turn what a pointwise layer makes rather than all that it reads."""
    for value in values:
        if not isinstance(value.layer, POINTWISE):
            continue
        turns = {read.layer.order if isinstance(read.layer, Turn) else None for read in value.reads}
        order = turns.pop()
        if turns or order is None or not order[0]:
            continue
        below = _Value(value.layer, [read.reads[0] for read in value.reads], value.name, value.path)
        values.insert(next(i for i, own in enumerate(values) if own is value), below)
        value.layer, value.reads, value.name = Turn(order), [below], ""
        return True
    return False


def _join_turns(values: list[_Value], outputs: list[_Value]) -> bool:
    """Make one turn of two, and none of two that undo each other."""
    for value in values:
        if not (isinstance(value.layer, Turn) and isinstance(value.reads[0].layer, Turn)):
            continue
        first = value.reads[0]
        assert isinstance(first.layer, Turn)
        order = tuple(first.layer.order[axis] for axis in value.layer.order)
        value.layer, value.reads = Turn(order), list(first.reads)
        if order == _plain(len(order)):
            _replace(value, first.reads[0], values, outputs)
        return True
    return False


def _replace(old: _Value, new: _Value, values: list[_Value], outputs: list[_Value]) -> None:
    values[:] = [value for value in values if value is not old]
    for value in values:
        value.reads = [new if read is old else read for read in value.reads]
    outputs[:] = [new if value is old else value for value in outputs]


def _turn_output(number: int, outputs: list[_Value], architecture: Architecture) -> Order:
    value = outputs[number]
    if isinstance(value.layer, Turn) and value.layer.order[0]:
        outputs[number] = value.reads[0]
        return value.layer.order
    return _plain(len(architecture.shapes[architecture.outputs[number]]))


def _in_order(outputs: Sequence[_Value]) -> list[_Value]:
    """The values that outputs need, each after what it reads."""
    found: dict[int, _Value] = {}
    stack = [(value, False) for value in reversed(outputs)]
    while stack:
        value, is_ready = stack.pop()
        if id(value) in found or value.layer is None:
            continue
        if is_ready:
            found[id(value)] = value
            continue
        stack.append((value, True))
        stack += [(read, False) for read in reversed(value.reads)]
    return list(found.values())
