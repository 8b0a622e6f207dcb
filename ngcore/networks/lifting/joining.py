"""Rules for sums and products, and for tensors one after the other."""

from collections.abc import Sequence

from ngcore.networks.layers import Activation, Add, Affine, Concat, Layer, Multiply
from ngcore.networks.lifting.builder import Traced, Value
from ngcore.networks.lifting.layout import Factor, Layout, Run, UnsupportedError
from ngcore.networks.lifting.lifter import Lifter
from ngcore.networks.lifting.nodes import Node


def lift_sum(lifter: Lifter, node: Node) -> Traced:
    """Computes x + y."""
    return combined(lifter, Add(), node)


def lift_product(lifter: Lifter, node: Node) -> Traced:
    """Computes x · y."""
    return combined(lifter, Multiply(), node)


def lift_affine(lifter: Lifter, node: Node) -> Traced:
    """Computes factor · x + shift."""
    return lifter.apply(Affine(**node.attrs), lifter.read(node), path=node.path)


def lift_activation(lifter: Lifter, node: Node) -> Traced:
    """A function of every number."""
    layer: Activation = node.attrs["layer"]
    return lifter.apply(layer, lifter.read(node), path=node.path)


def combined(lifter: Lifter, layer: Layer, node: Node) -> Traced:
    """A sum or product with broadcasting."""
    one, other = node.reads
    assert one is not None
    assert other is not None
    one, other = lifter.apart(one), lifter.apart(other)
    if one.is_constant:
        one, other = other, one
    first = lifter.lift(one)
    axes = _padded(lifter.axes(first), len(node.shape))
    if other.is_constant:
        return _with_constant(lifter, layer, Traced(first.value, axes), other)
    second = _agreeing(lifter, Traced(first.value, axes), _as_long(lifter, lifter.lift(other), len(node.shape)))
    axes, others = lifter.axes(Traced(first.value, axes)), lifter.axes(second)
    layout = common_layout(lifter.builder.layout(first.value), lifter.builder.layout(second.value))
    parts = [conformed(lifter, value, layout) for value in (first.value, second.value)]
    if lifter.builder.values.index(parts[0]) > lifter.builder.values.index(parts[1]):
        parts.reverse()  # what was there first is read first
    value = lifter.builder.emit(layer, parts, _as_wide(layout, parts))
    return Traced(value, tuple(a or b for a, b in zip(axes, others, strict=True)))


def _with_constant(lifter: Lifter, layer: Layer, first: Traced, other: Node) -> Traced:
    axes = first.axes[len(first.axes) - len(other.shape) :]
    if max(other.shape, default=1) == 1:
        axes, other = ((),), lifter.graph.apply("reshape", other, shape=(1,))
    like = [run or lifter.run_of(size) for run, size in zip(axes, other.shape, strict=True)]
    own = [run for run, size in zip(like, other.shape, strict=True) if size > 1]
    held = [run for run in (tuple(f for f in run if f is not lifter.batch) for run in own) if run]
    layout = common_layout(lifter.builder.layout(first.value), (*held,) or ((),))
    placed = lifter.constant(other, like, layout)
    parts = [conformed(lifter, value, layout) for value in (first.value, placed.value)]
    value = lifter.builder.emit(layer, parts, _as_wide(layout, parts))
    padded = _padded(placed.axes, len(first.axes))
    return Traced(value, tuple(a or b for a, b in zip(first.axes, padded, strict=True)))


def _padded(axes: Layout, rank: int) -> Layout:
    return ((),) * (rank - len(axes)) + tuple(axes)


def _as_long(lifter: Lifter, traced: Traced, rank: int) -> Traced:
    return Traced(traced.value, _padded(lifter.axes(traced), rank))


def _agreeing(lifter: Lifter, one: Traced, other: Traced, *, apart: int | None = None) -> Traced:
    """The other tensor, its axes (but for one `apart`) called as those of the one along the same foreign axis."""
    if _clashes(lifter, one, other, apart):
        value, new = lifter.fresh(other.value)
        other = Traced(value, tuple(tuple(new.get(f, f) for f in run) for run in lifter.axes(other)))
    for a, b in _different(lifter, one, other, apart):
        lifter.builder.factors.same(a, b)
    return other


def _different(lifter: Lifter, one: Traced, other: Traced, apart: int | None) -> list[tuple[Factor, Factor]]:
    """Factors that stand for the same entries of the same axis and are not one yet."""
    found = []
    for axis in range(len(one.axes)):
        mine, its = lifter.axes(one)[axis], lifter.axes(other)[axis]
        if axis != apart and mine and its and mine != its:
            found.extend(lifter.builder.factors.paired(mine, its))
    return [(a, b) for a, b in found if a is not b]


def _clashes(lifter: Lifter, one: Traced, other: Traced, apart: int | None) -> bool:
    """Whether calling axes the same would make two axes of one value the same."""
    different = _different(lifter, one, other, apart)
    place = {factor: axis for axis, run in enumerate(lifter.axes(one)) for factor in run if axis != apart}
    if any(place.get(factor, axis) != axis for axis, run in enumerate(lifter.axes(other)) for factor in run):
        return True
    if not different:
        return False
    for value in lifter.builder.values:
        held = {factor for run in lifter.builder.layout(value) for factor in run}
        if any(a in held and b in held for a, b in different):
            return True
    return False


def common_layout(one: Layout, other: Layout) -> Layout:
    """A layout that both can be brought into with axes of one entry where they lack something."""
    count = [sum(map(len, layout)) for layout in (one, other)]
    large, small = (one, other) if count[0] >= count[1] else (other, one)
    held = {factor for run in large for factor in run}
    lacking = [tuple(factor for factor in run if factor not in held) for run in small]
    if not large[0] and lacking[0]:
        large, lacking = (lacking[0], *large[1:]), lacking[1:]
    while len(large) > 1 and not large[-1]:
        large = large[:-1]
    merged = (*large, *(run for run in lacking if run))
    for layout in (one, other):
        merged = _refined(merged, {factor for run in layout for factor in run})
    return merged


def _refined(layout: Layout, held: set) -> Layout:
    """Axes that are held in part only, divided."""
    made: list[Run] = []
    for place, run in enumerate(layout):
        parts: list[Run] = []
        for factor in run:
            if parts and (parts[-1][-1] in held) == (factor in held):
                parts[-1] = (*parts[-1], factor)
            else:
                parts.append((factor,))
        if place == 0 and len(parts) > 1:
            parts = [parts[-1], *parts[:-1]]
        made.extend(parts or [()])
    return tuple(made)


def conformed(lifter: Lifter, value: Value, layout: Layout) -> Value:
    """A value in a layout, with one entry on the axes that it lacks; those at the end are left out."""
    own = lifter.builder.layout(value)
    held = {factor for run in own for factor in run}
    target = [run if set(run) <= held else () for run in layout]
    if _stripped(target) == _stripped(own):
        return value
    return lifter.builder.arranged(value, _stripped(target))


def _stripped(layout: Sequence[Run]) -> Layout:
    kept = list(layout)
    while len(kept) > 1 and not kept[-1]:
        kept.pop()
    return tuple(kept)


def _as_wide(layout: Layout, values: Sequence[Value]) -> Layout:
    rank = max(len(value.shape) for value in values)
    return (*layout, *((),) * (rank - len(layout)))[: max(rank, 1)]


def lift_concat(lifter: Lifter, node: Node) -> Traced:
    """Tensors one after the other."""
    axis, reads = node.attrs["axis"], [lifter.apart(read) for read in node.reads if read is not None]
    lifted = [None if read.is_constant else lifter.builder.whole(lifter.lift(read)) for read in reads]
    base = max((t for t in lifted if t), key=lambda t: len(lifter.axes(t)[axis]) > 0)
    traced = [one and (one if one is base else _agreeing(lifter, base, one, apart=axis)) for one in lifted]
    run = lifter.axes(base)[axis]
    if lifter.batch in run:
        raise UnsupportedError("samples of the batch are put one after the other")
    layout, number = set_apart(lifter, base.value, run)
    apart = (layout, number, layout[number][len(run) :])
    parts = [_part(lifter, read, one, base, axis, apart) for read, one in zip(reads, traced, strict=True)]
    total = lifter.run_of(node.shape[axis])
    made = (*layout[:number], (*total, *apart[2]), *layout[number + 1 :])
    value = lifter.builder.emit(Concat(number), parts, made)
    axes = lifter.axes(base)
    return Traced(value, (*axes[:axis], total, *axes[axis + 1 :]))


def _part(
    lifter: Lifter, read: Node, one: Traced | None, base: Traced, axis: int, apart: tuple[Layout, int, Run]
) -> Value:
    layout, number, rest = apart
    if one is None:
        like: list[Run | None] = list(lifter.axes(base))
        like[axis] = lifter.run_of(read.shape[axis])
        wanted = (*layout[:number], (*(like[axis] or ()), *rest), *layout[number + 1 :])
        placed = lifter.builder.whole(lifter.constant(read, like, wanted))
        return lifter.builder.arranged(placed.value, wanted)
    own = lifter.axes(one)[axis]
    return lifter.builder.arranged(one.value, (*layout[:number], (*own, *rest), *layout[number + 1 :]))


def set_apart(lifter: Lifter, value: Value, run: Run) -> tuple[Layout, int]:
    """A layout in which a run is an axis, or comes first in one, and which axis that is."""
    layout = lifter.builder.layout(value)
    if not run:
        return (*layout, ()), len(layout)
    for number, own in enumerate(layout):
        if own[: len(run)] == run:
            return layout, number
    left = tuple(tuple(factor for factor in own if factor not in run) for own in layout)
    kept = (left[0], *(new for new, own in zip(left[1:], layout[1:], strict=True) if new or not own))
    return (*kept, run), len(kept)
