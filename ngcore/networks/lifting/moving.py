"""Rules for operations that move, repeat, cut and reduce: most cost no step."""

import math
from collections.abc import Sequence

import torch

from ngcore.networks.layers import (
    AdaptivePool,
    Affine,
    ChannelPool,
    Concat,
    Constant,
    GlobalAveragePool,
    Pad,
    Pool,
    PositionPool,
    Resize,
    Slice,
    Softmax,
)
from ngcore.networks.lifting.builder import Traced, Value
from ngcore.networks.lifting.layout import Factor, Layout, Run, UnsupportedError, size_of, sizes_of
from ngcore.networks.lifting.lifter import Lifter
from ngcore.networks.lifting.nodes import Node


def lift_permute(lifter: Lifter, node: Node) -> Traced:
    """Axes in another order."""
    traced = lifter.read(node)
    axes = lifter.axes(traced)
    return Traced(traced.value, tuple(axes[axis] for axis in node.attrs["order"]))


def lift_reshape(lifter: Lifter, node: Node) -> Traced:
    """The same numbers along other axes."""
    traced = lifter.read(node)
    axes = lifter.builder.factors.reshaped(lifter.axes(traced), node.shape)
    if axes is None:
        traced = _as_vector(lifter, traced)
        axes = lifter.builder.factors.reshaped(lifter.axes(traced), node.shape)
    if axes is None:
        raise UnsupportedError(f"a reshape to {node.shape} takes the axes apart")
    return Traced(_with_joined_positions(lifter, traced.value, axes), axes)


def _with_joined_positions(lifter: Lifter, value: Value, axes: Layout) -> Value:
    """The value with those axes of positions joined that are one now, so that no later layer has to do so again."""
    layout = lifter.builder.layout(value)
    wanted = list(layout)
    for run in axes:
        parts = [own for own in wanted[1:] if own and own[0] in run]
        if len(parts) > 1 and tuple(factor for own in parts for factor in own) == run:
            place = wanted.index(parts[0], 1)
            wanted = [own for own in wanted if own not in parts]
            wanted.insert(place, run)
    return value if len(wanted) == len(layout) else lifter.builder.arranged(value, wanted)


def _as_vector(lifter: Lifter, traced: Traced) -> Traced:
    """All that is no batch as one new axis, where the batch is the first."""
    traced = lifter.builder.whole(traced)
    (batch, *rest) = (factor for run in lifter.axes(traced) for factor in run)
    if batch is not lifter.batch:
        raise UnsupportedError("the batch is divided or joined with other axes")
    joined = lifter.builder.arranged(traced.value, (tuple(rest),))
    run = lifter.run_of(size_of(rest))
    return Traced(lifter.builder.emit(Affine(), [joined], (run,)), ((batch,), run))


def lift_expand(lifter: Lifter, node: Node) -> Traced:
    """Axes of one entry repeated, for which the value itself stands."""
    traced = lifter.read(node)
    axes = ((),) * (len(node.shape) - len(traced.axes)) + lifter.axes(traced)
    is_told = lifter.graph.batch_size is not None
    new = [(lifter.batch,) if is_told and size == lifter.batch.size else lifter.run_of(size) for size in node.shape]
    return Traced(traced.value, tuple(run or other for run, other in zip(axes, new, strict=True)))


def lift_slice(lifter: Lifter, node: Node) -> Traced:
    """Some entries of an axis."""
    traced, (axis, start, stop) = lifter.read(node), (node.attrs[key] for key in ("axis", "start", "stop"))
    axes, step = lifter.axes(traced), node.attrs.get("step", 1)
    run = axes[axis]
    entries = range(start, stop, step)
    if not entries:
        raise UnsupportedError("no entry is left of an axis")
    if len(entries) == size_of(run):
        return traced
    if lifter.batch in run:
        raise UnsupportedError("some samples of the batch are taken, others not")
    new = lifter.run_of(len(entries))
    made = (*axes[:axis], new, *axes[axis + 1 :])
    if all(lifter.builder.is_repeated(traced.value, factor) for factor in run):
        return Traced(traced.value, made)
    if any(lifter.builder.is_repeated(traced.value, factor) for factor in run):
        traced = lifter.builder.whole(traced)
    return Traced(_sliced(lifter, traced.value, run, entries, new), made)


def _sliced(lifter: Lifter, value: Value, run: Run, entries: range, new: Run) -> Value:
    """The value with `entries` of a run alone, which is cut out where it lies if it is first or last on an axis."""
    layout = lifter.builder.layout(value)
    for number, own in enumerate(layout):
        outside = size_of(own) // size_of(run)
        if own[: len(run)] == run and (entries.step == 1 or own == run):
            keepdim = number == 0 or own != run or bool(new)
            cut = Slice(entries.start * outside, _end(entries) * outside, number, entries.step, keepdim)
            left = (*layout[:number], *(((*new, *own[len(run) :]),) if keepdim else ()), *layout[number + 1 :])
            return lifter.builder.emit(cut, [value], left)
        if own[-len(run) :] == run and len(entries) == 1:
            cut = Slice(entries.start, size_of(own) - size_of(run) + entries.start + 1, number, size_of(run))
            left = (*layout[:number], own[: -len(run)], *layout[number + 1 :])
            return lifter.builder.emit(cut, [value], left)
    return _sliced(lifter, with_axis(lifter, value, run), run, entries, new)


def _end(entries: range) -> int:
    return entries[-1] + 1


def with_axis(lifter: Lifter, value: Value, run: Run) -> Value:
    """The value with a run as an axis of its own: channels if it is all channels, else positions."""
    layout = lifter.builder.layout(value)
    if run in layout:
        return value
    left = tuple(tuple(factor for factor in own if factor not in run) for own in layout)
    kept = [new for new, own in zip(left[1:], layout[1:], strict=True) if new or not own]
    if not left[0] and layout[0]:
        return lifter.builder.arranged(value, (run, *kept))
    return lifter.builder.arranged(value, (left[0], *kept, run))


def lift_reduce(lifter: Lifter, node: Node) -> Traced:
    """The mean, sum, maximum or minimum over some axes."""
    traced, reduction, keepdim = lifter.read(node), node.attrs["reduction"], node.attrs.get("keepdim", False)
    axes = lifter.axes(traced)
    wanted = [axis % len(axes) for axis in node.attrs["axes"]]
    factors = [factor for axis in wanted for factor in axes[axis]]
    if lifter.batch in factors:
        raise UnsupportedError("samples of the batch are combined with one another")
    repeats = math.prod(f.size for f in factors if lifter.builder.is_repeated(traced.value, f))
    value = _reduced(lifter, traced.value, factors, reduction, keepdim=keepdim, path=node.path)
    if reduction == "sum" and repeats > 1:
        value = lifter.builder.emit(Affine(repeats), [value], lifter.builder.layout(value))
    if keepdim:
        return Traced(value, tuple(() if axis in wanted else run for axis, run in enumerate(axes)))
    return Traced(value, tuple(run for axis, run in enumerate(axes) if axis not in wanted))


def _reduced(
    lifter: Lifter, value: Value, factors: Sequence[Factor], reduction: str, *, keepdim: bool, path: str
) -> Value:
    layout = lifter.builder.layout(value)
    gone = {factor for factor in factors if any(factor in run for run in layout)}
    for run in layout:
        if 0 < len(gone & set(run)) < len(run):
            value = with_axis(lifter, value, tuple(factor for factor in run if factor in gone))
            layout = lifter.builder.layout(value)
    if gone & set(layout[0]):
        layout = ((), *layout[1:])
        value = lifter.builder.emit(ChannelPool(reduction), [value], layout, path=path)  # type: ignore[arg-type]
    pooled = tuple(axis for axis, run in enumerate(layout) if axis and run and set(run) <= gone)
    if not pooled:
        return value
    if reduction == "mean" and not keepdim and all(set(run) <= gone for run in layout[1:]):
        return lifter.builder.emit(GlobalAveragePool(), [value], layout[:1], path=path)
    layer = PositionPool(reduction, pooled, keepdim)  # type: ignore[arg-type]
    left = tuple(() if axis in pooled else run for axis, run in enumerate(layout) if keepdim or axis not in pooled)
    return lifter.builder.emit(layer, [value], left, path=path)


def lift_softmax(lifter: Lifter, node: Node) -> Traced:
    """Softmax over one axis."""
    traced = lifter.builder.whole(lifter.read(node))
    run = lifter.axes(traced)[node.attrs["axis"]]
    if lifter.batch in run:
        raise UnsupportedError("samples of the batch are combined with one another")
    if not run:
        raise UnsupportedError("a softmax over one entry")
    value = with_axis(lifter, traced.value, run)
    layout = lifter.builder.layout(value)
    layer = Softmax(layout.index(run), node.attrs.get("is_log", False))
    return Traced(lifter.builder.emit(layer, [value], layout, path=node.path), traced.axes)


def as_map(lifter: Lifter, traced: Traced, *, with_samples: bool = True) -> tuple[Value, Layout]:
    """A foreign (batch, channels, *positions) as a value with those axes, and its layout.

    Where other axes go along with the batch they stand before the channels, if the layer to come treats each channel
    alike.
    """
    traced = lifter.builder.whole(traced)
    first, *rest = lifter.axes(traced)
    if not first or first[0] is not lifter.batch or (len(first) > 1 and not with_samples):
        raise UnsupportedError("the first axis is not the batch alone")
    layout = ((*first[1:], *rest[0]), *rest[1:])
    return lifter.builder.arranged(traced.value, layout), layout


def _on_maps(lifter: Lifter, node: Node, layer: Pool | AdaptivePool | Resize | Pad) -> Traced:
    """A layer that works on the positions of every channel."""
    value, layout = as_map(lifter, lifter.read(node))
    axes = lifter.axes(lifter.read(node))
    sizes = zip(layout[1:], layer.output_shape(value.shape)[1:], strict=True)
    positions = [run if size_of(run) == size else lifter.run_of(size) for run, size in sizes]
    made = lifter.builder.emit(layer, [value], (layout[0], *positions), path=node.path)
    return Traced(made, (*axes[:2], *positions))


def lift_pool(lifter: Lifter, node: Node) -> Traced:
    """Pooling over windows."""
    return _on_maps(lifter, node, Pool(**node.attrs))


def lift_adaptive_pool(lifter: Lifter, node: Node) -> Traced:
    """Pooling over parts of the map; over all of it is a mean or maximum."""
    size = tuple(node.attrs["output_size"])
    if set(size) == {1}:
        value, layout = as_map(lifter, lifter.read(node))
        factors = [factor for run in layout[1:] for factor in run]
        made = _reduced(lifter, value, factors, node.attrs["reduction"], keepdim=False, path=node.path)
        return Traced(made, (*lifter.axes(lifter.read(node))[:2], *((),) * len(size)))
    return _on_maps(lifter, node, AdaptivePool(node.attrs["reduction"], size))


def lift_resize(lifter: Lifter, node: Node) -> Traced:
    """Interpolation."""
    return _on_maps(lifter, node, Resize(**node.attrs))


def lift_pad(lifter: Lifter, node: Node) -> Traced:
    """More entries before and after those of some axes."""
    amounts = list(node.attrs["amounts"])
    pairs = [(0, 0)] * len(node.shape)
    for number in range(len(amounts) // 2):
        pairs[-1 - number] = (amounts[2 * number], amounts[2 * number + 1])
    traced = lifter.builder.whole(lifter.read(node))
    for axis, pair in enumerate(pairs):
        if pair != (0, 0):
            traced = _padded(lifter, node, traced, axis, pair)
    return traced


def _padded(lifter: Lifter, node: Node, traced: Traced, axis: int, pair: tuple[int, int]) -> Traced:
    axes = lifter.axes(traced)
    run = axes[axis]
    if lifter.batch in run:
        raise UnsupportedError("samples are added to the batch")
    value = with_axis(lifter, traced.value, run)
    layout = lifter.builder.layout(value)
    number = layout.index(run) if run else len(layout)
    new = lifter.run_of(size_of(run) + sum(pair))
    if number == 0:
        made = _with_more_channels(lifter, node, value, pair, new)
        return Traced(made, (*axes[:axis], new, *axes[axis + 1 :]))
    if not run:
        value = lifter.builder.arranged(value, (*layout, ()))
        layout = lifter.builder.layout(value)
    all_amounts = [0] * (2 * len(layout) - 2)
    all_amounts[2 * number - 2 : 2 * number] = pair
    layer = Pad(tuple(all_amounts), node.attrs.get("mode", "constant"), node.attrs.get("value", 0.0))
    made = lifter.builder.emit(layer, [value], (*layout[:number], new, *layout[number + 1 :]), path=node.path)
    return Traced(made, (*axes[:axis], new, *axes[axis + 1 :]))


def _with_more_channels(lifter: Lifter, node: Node, value: Value, pair: tuple[int, int], new: Run) -> Value:
    if min(pair) < 0 or node.attrs.get("mode", "constant") != "constant":
        raise UnsupportedError("channels are padded with other channels")
    layout = lifter.builder.layout(value)

    def filled(count: int) -> list[Value]:
        if not count:
            return []
        numbers = torch.full((count, *value.shape[1:]), node.attrs.get("value", 0.0), dtype=node.dtype)
        own, parameters = (lifter.run_of(count), *layout[1:]), {"value": lifter.graph.constant(numbers)}
        layer = Constant(sizes_of(own), is_learned=False)
        return [lifter.builder.emit(layer, [], own, path=node.path or "pad", parameters=parameters)]

    parts = [*filled(pair[0]), value, *filled(pair[1])]
    return lifter.builder.emit(Concat(0), parts, (new, *layout[1:]))
