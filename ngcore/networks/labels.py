"""Which neurons of a network are one and the same wherever they appear, and what holds them in their places."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ngcore.networks.architecture import Architecture, Step
from ngcore.networks.layers import Axis, Shape

Indices = NDArray[np.int64]
Part = tuple[Indices, Indices]
"""Labels, and the group that each is in."""


@dataclasses.dataclass(frozen=True, eq=False)
class Labels:
    """A number for every neuron; what moves together has one number.

    Attributes:
        of_value: For each value and each of its axes (channels, then positions) the labels along it.
        count: How many labels there are.
        is_fixed: By label, whether it must stay where it is (inputs, outputs, positions whose order matters).
        places: Labels and their roles, which they may exchange with none but the same role.
        groups: For each layer that keeps groups together, those groups among the labels that it reads and makes.
    """

    of_value: tuple[tuple[Indices, ...], ...]
    count: int
    is_fixed: NDArray[np.bool_]
    places: tuple[Part, ...]
    groups: tuple[tuple[Part, ...], ...]

    def along(self, reads: Sequence[int], made: int, axis: Axis) -> Indices:
        """The labels along an axis of a parameter of a step; all those of the value where the axis holds a group."""
        value = made if axis.end == "out" else reads[0]
        return np.tile(self.of_value[value][axis.of_value], axis.repeats)


@lru_cache(maxsize=256)
def labels_of(architecture: Architecture) -> Labels:
    """The labels of an architecture: those of inputs and of weights are new, all others follow by the layers' flows."""
    from scipy.sparse import coo_array  # takes long to import
    from scipy.sparse.csgraph import connected_components

    tracer = _Tracer(architecture)
    size = tracer.size
    one, other = (np.concatenate(side) if tracer.ties else np.zeros(0, np.int64) for side in (tracer.ones, tracer.ties))
    edges = coo_array((np.ones(len(one), np.int8), (one, other)), shape=(size, size))
    count, label = connected_components(edges, directed=False)
    label = label.astype(np.int64)
    is_fixed = np.zeros(count, bool)
    is_fixed[label[np.concatenate([*tracer.fixed, np.zeros(0, np.int64)])]] = True
    is_fixed |= _is_unread(tracer, label, count)
    return Labels(
        of_value=tuple(tuple(label[axis] for axis in axes) for axes in tracer.of),
        count=int(count),
        is_fixed=is_fixed,
        places=tuple((label[raw], place) for raw, place in tracer.places),
        groups=tuple(tuple((label[raw], group) for raw, group in parts) for parts in tracer.groups),
    )


def _is_unread(tracer: "_Tracer", label: Indices, count: int) -> NDArray[np.bool_]:
    """The positions that stand in one value alone: those of tables that are longer than what is read of them."""
    times, is_position = np.zeros(count, np.int64), np.zeros(count, bool)
    for axes in tracer.of:
        for number, axis in enumerate(axes):
            own = np.unique(label[axis])
            times[own] += 1
            is_position[own] |= number > 0
    return (times == 1) & is_position


class _Tracer:
    """Follows neurons along the steps; ties are found on the way and settled afterwards."""

    def __init__(self, architecture: Architecture) -> None:
        self.size = 0
        self.ones: list[Indices] = []
        self.ties: list[Indices] = []
        self.fixed: list[Indices] = []
        self.places: list[Part] = []
        self.groups: list[tuple[Part, ...]] = []
        self.of: list[tuple[Indices, ...]] = []
        for shape in architecture.input_shapes:
            self.of.append(tuple(self.fresh(size, is_fixed=True) for size in shape))
        shared: dict[tuple[str, str, int], Indices] = {}
        for step in architecture.steps:
            shapes = [architecture.shapes[value] for value in step.reads]
            self.of.append(self.follow(step, shapes, architecture.shapes[len(self.of)]))
            self._tie_shared(step, shared)
        for value in architecture.outputs:
            self.fixed.extend(self.of[value])

    def fresh(self, count: int, *, is_fixed: bool = False) -> Indices:
        """New labels."""
        labels = np.arange(self.size, self.size + count)
        self.size += count
        if is_fixed:
            self.fixed.append(labels)
        return labels

    def tie(self, one: Indices, other: Indices) -> None:
        """Make labels the same, one to one."""
        self.ones.append(one)
        self.ties.append(other)

    def _tie_shared(self, step: Step, shared: dict[tuple[str, str, int], Indices]) -> None:
        """Weights that are used twice tie the neurons along each of their axes."""
        for name, axes in step.layer.axes.items():
            for place, axis in enumerate(axes):
                if axis is None:
                    continue
                value = self.of[-1] if axis.end == "out" else self.of[step.reads[0]]
                own, key = value[axis.of_value], (step.name, name, place)
                if key in shared:
                    self.tie(shared[key], own)
                shared[key] = own

    def follow(self, step: Step, shapes: Sequence[Shape], shape: Shape) -> tuple[Indices, ...]:
        """The labels of what a step makes."""
        read = [self.of[value] for value in step.reads]
        if step.layer.pins_positions:
            self.fixed.extend(read[0][1:])
        follow: dict[str, Callable[..., tuple[Indices, ...]]] = {
            "mix": self._mix,
            "scan": self._mix,
            "keep": self._keep,
            "norm": self._keep,
            "spread": self._spread,
            "gather": self._gather,
            "join": self._join,
            "cut": self._cut,
            "turn": self._turn,
            "add": self._combine,
            "multiply": self._combine,
            "attend": self._attend,
            "source": self._source,
            "reduce": self._reduce,
        }
        return follow[step.layer.flow](step, read, shapes, shape)

    def _positions(self, step: Step, read: tuple[Indices, ...], shapes: Sequence[Shape], shape: Shape) -> list[Indices]:
        kept = step.layer.kept_positions(*shapes)
        pairs = zip(kept, shape[1:], strict=True)
        return [self.fresh(size, is_fixed=True) if axis is None else read[axis] for axis, size in pairs]

    def _mix(self, step: Step, read: list, shapes: Sequence[Shape], shape: Shape) -> tuple[Indices, ...]:
        channels, groups = self.fresh(shape[0]), step.layer.num_groups
        if groups > 1:
            if len(channels) == groups == shapes[0][0]:  # depthwise: neuron by neuron
                self.tie(read[0][0], channels)
            else:
                self.groups.append((_grouped(read[0][0], groups), _grouped(channels, groups)))
        for state in read[1:]:
            self.tie(state[0], channels)
        return (channels, *self._positions(step, read[0], shapes, shape))

    def _keep(self, step: Step, read: list, shapes: Sequence[Shape], shape: Shape) -> tuple[Indices, ...]:
        channels, layer = read[0][0], step.layer
        if layer.num_groups > 1:
            self.groups.append((_grouped(channels, layer.num_groups),))
        if layer.period is not None:
            self.places.append((channels, np.arange(len(channels)) % layer.period))
        return (channels, *self._positions(step, read[0], shapes, shape))

    def _spread(self, step: Step, read: list, shapes: Sequence[Shape], shape: Shape) -> tuple[Indices, ...]:
        channels = spread(read[0][0], shape[0] // shapes[0][0], channels_last=step.layer.channels_last)  # type: ignore[attr-defined]
        return (channels, *self._positions(step, read[0], shapes, shape))

    def _gather(self, step: Step, read: list, shapes: Sequence[Shape], shape: Shape) -> tuple[Indices, ...]:
        channels = self.fresh(shape[0])
        count = shapes[0][0] // shape[0]
        self.tie(read[0][0], spread(channels, count, channels_last=step.layer.channels_last))  # type: ignore[attr-defined]
        return (channels, *self._positions(step, read[0], shapes, shape))

    def _join(self, step: Step, read: list, shapes: Sequence[Shape], shape: Shape) -> tuple[Indices, ...]:
        axis = step.layer.axis  # type: ignore[attr-defined]
        for other in read[1:]:
            for place in range(len(shape)):
                if place != axis:
                    self.tie(read[0][place], other[place])
        joined = np.concatenate([value[axis] for value in read])
        return (*read[0][:axis], joined, *read[0][axis + 1 :])

    def _cut(self, step: Step, read: list, shapes: Sequence[Shape], shape: Shape) -> tuple[Indices, ...]:
        layer = step.layer
        axis = layer.axis  # type: ignore[attr-defined]
        own = read[0][axis][layer.start : layer.stop : layer.step]  # type: ignore[attr-defined]
        kept = (own,) if layer.keepdim else ()  # type: ignore[attr-defined]
        return (*read[0][:axis], *kept, *read[0][axis + 1 :])

    def _turn(self, step: Step, read: list, shapes: Sequence[Shape], shape: Shape) -> tuple[Indices, ...]:
        return tuple(read[0][axis] for axis in step.layer.order)  # type: ignore[attr-defined]

    def _combine(self, step: Step, read: list, shapes: Sequence[Shape], shape: Shape) -> tuple[Indices, ...]:
        found = []
        for axis, size in enumerate(shape):
            whole = [value[axis] for value in read if axis < len(value) and len(value[axis]) == size]
            for other in whole[1:]:
                self.tie(whole[0], other)
            found.append(whole[0])
        return tuple(found)

    def _attend(self, step: Step, read: list, shapes: Sequence[Shape], shape: Shape) -> tuple[Indices, ...]:
        query, key, value = read[:3]
        heads, kv_heads = step.layer.num_heads, step.layer.kv_heads  # type: ignore[attr-defined]
        self.tie(query[0], _for_heads(key[0], heads, kv_heads))
        self.tie(key[1], value[1])
        self.groups.append((_grouped(key[0], kv_heads), _grouped(value[0], kv_heads)))
        if step.layer.is_causal or len(read) == 4:  # type: ignore[attr-defined]
            self.fixed += [query[1], key[1]]
        if len(read) == 4 and len(read[3][0]) > 1:  # a mask of its own for each head
            self.places += [_grouped(key[0], kv_heads), _grouped(value[0], kv_heads)]
            self.fixed.append(read[3][0])
        return (_for_heads(value[0], heads, kv_heads), query[1])

    def _source(self, step: Step, read: list, shapes: Sequence[Shape], shape: Shape) -> tuple[Indices, ...]:
        return tuple(self.fresh(size) for size in shape)

    def _reduce(self, step: Step, read: list, shapes: Sequence[Shape], shape: Shape) -> tuple[Indices, ...]:
        return (self.fresh(1), *read[0][1:])


def spread(channels: Indices, positions: int, *, channels_last: bool) -> Indices:
    """What stands at each place after Flatten: each channel once for every position."""
    return np.tile(channels, positions) if channels_last else np.repeat(channels, positions)


def _grouped(labels: Indices, groups: int) -> Part:
    return labels, np.arange(len(labels)) // (len(labels) // groups)


def _for_heads(labels: Indices, heads: int, kv_heads: int) -> Indices:
    """Labels of the heads of keys or values as those of the heads of queries read them."""
    return np.repeat(labels.reshape(kv_heads, -1), heads // kv_heads, axis=0).reshape(-1)


def parameter_axes(architecture: Architecture) -> Iterator[tuple[str, int, Step, int, tuple[Axis | None, ...]]]:
    """(full name, value made, step, number of groups, axes) of every parameter, shared ones once."""
    seen = set()
    for number, step in enumerate(architecture.steps):
        for name, axes in step.layer.axes.items():
            full = f"{step.name}.{name}"
            if full not in seen:
                seen.add(full)
                yield full, architecture.num_inputs + number, step, step.layer.num_groups, axes
