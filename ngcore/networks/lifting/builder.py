"""Emits steps: values with known layouts, their parameters and names, and the moves from one layout to another."""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence

from ngcore.networks.layers import Concat, Flatten, Layer, Reshape, Shape, Turn, Unflatten
from ngcore.networks.lifting.graph import ForeignGraph
from ngcore.networks.lifting.layout import Factor, Factors, Layout, Run, UnsupportedError, sizes_of
from ngcore.networks.lifting.nodes import Node

Atom = tuple[Factor, ...]
TOP = "0"
"""The name of a module that is no part of another, as `torch.nn.Sequential` would call it."""


@dataclasses.dataclass(eq=False)
class Value:
    """A value of the network to be.

    Attributes:
        layer: What makes it; None for inputs.
        reads: The values that the layer reads.
        layout: What each of its axes (channels, *positions) is made of.
        shape: (channels, *positions).
        name: Of the step; empty without parameters.
        parameters: The numbers of the layer's parameters.
        path: The module that called it, where that is known.
    """

    layer: Layer | None
    reads: tuple["Value", ...]
    layout: Layout
    shape: Shape
    name: str = ""
    parameters: Mapping[str, Node] = dataclasses.field(default_factory=dict)
    path: str = ""


@dataclasses.dataclass(eq=False)
class Traced:
    """A foreign tensor: a value, and what each foreign axis is made of; what is not in the value is repeated."""

    value: Value
    axes: Layout


class StepBuilder:
    """Collects the steps of a network.

    Attributes:
        graph: The foreign graph, which also computes with constants.
        factors: Account of the factors of all axes.
        values: All values made so far.
    """

    def __init__(self, graph: ForeignGraph, batch_size: int) -> None:
        self.graph, self.factors = graph, Factors(batch_size)
        self.values: list[Value] = []
        self._names: dict[str, object] = {}
        self._named: dict[object, str] = {}
        self._moved: dict[tuple[Value, Layout], Value] = {}

    def input(self, layout: Layout) -> Value:
        """A value that is given."""
        value = Value(None, (), layout, sizes_of(layout))
        self.values.append(value)
        return value

    def emit(
        self,
        layer: Layer,
        reads: Sequence[Value],
        layout: Layout,
        *,
        path: str = "",
        parameters: Mapping[str, Node] | None = None,
    ) -> Value:
        """A value made by a layer.

        Raises:
            ArchitectureError: If the layer cannot read these values.
        """
        shape = layer.output_shape(*(value.shape for value in reads))
        assert shape == sizes_of(layout), f"{layer} makes {shape}, not {sizes_of(layout)}"
        name = self._name(parameters, path) if parameters else ""
        value = Value(layer, tuple(reads), layout, shape, name, parameters or {}, path)
        self.values.append(value)
        return value

    def _name(self, parameters: Mapping[str, Node], path: str) -> str:
        """The name of a step with parameters: that of another step with the very same, or a new one."""
        signature = tuple((key, identity(node), node.shape) for key, node in parameters.items())
        if signature in self._named:
            return self._named[signature]
        name = base = named_after(parameters) or path or TOP
        count = 1
        while name in self._names:
            count += 1
            name = f"{base}_{count}"
        self._names[name] = signature
        self._named[signature] = name
        return name

    def layout(self, value: Value) -> Layout:
        """The layout of a value as it is known now."""
        value.layout = self.factors.layout(value.layout)
        return value.layout

    def axes(self, traced: Traced) -> Layout:
        """The axes of a foreign tensor as they are known now."""
        traced.axes = self.factors.layout(traced.axes)
        return traced.axes

    def is_repeated(self, value: Value, factor: Factor) -> bool:
        """Whether a value is the same for all entries of a factor."""
        return factor is not self.factors.batch and not any(factor in run for run in self.layout(value))

    def whole(self, traced: Traced) -> Traced:
        """The same tensor with nothing repeated."""
        value = traced.value
        for factor in (factor for run in self.axes(traced) for factor in run):
            if self.is_repeated(value, factor):
                value = self._repeated(value, factor)
        return Traced(value, traced.axes)

    def _repeated(self, value: Value, factor: Factor) -> Value:
        layout = (*self.layout(value), ())
        value = self.emit(Reshape(sizes_of(layout)[1:]), [value], layout)
        axis = len(layout) - 1
        return self.emit(Concat(axis), [value] * factor.size, (*layout[:-1], (factor,)))

    def arranged(self, value: Value, wanted: Sequence[Run]) -> Value:
        """The numbers of a value in another layout, moved by as few steps as can be.

        Raises:
            UnsupportedError: If the value lacks something wanted.
        """
        target = self.factors.layout(wanted)
        key = (value, target)
        if self.layout(value) == target:
            return value
        if key not in self._moved:
            held = {factor for run in value.layout for factor in run}
            if held != {factor for run in target for factor in run}:
                raise UnsupportedError("axes are combined that do not belong together")
            self._moved[key] = Mover(self, value, target).moved()
        return self._moved[key]

    def with_channels(self, value: Value, channels: Run) -> Value:
        """The value with an axis of its own as channels, its other axes as they were."""
        layout = self.layout(value)
        channels = self.factors.run(channels)
        if layout[0] == channels:
            return value
        moved = tuple(factor for factor in layout[0] if factor not in channels)
        rest = []
        for run in layout[1:]:
            kept = tuple(factor for factor in run if factor not in channels)
            if kept or not run:
                rest.append(kept)
        return self.arranged(value, (channels, *((moved,) if moved else ()), *rest))


def identity(node: Node) -> object:
    """What tells whether two constants are the same tensor of the original."""
    return node.source or id(node)


def named_after(parameters: Mapping[str, Node]) -> str:
    """The module whose parameters these are ("encoder.linear1"); of others the name of the parameter itself."""
    for key, node in parameters.items():
        if node.source is None:
            continue
        name = node.source.name
        head, _, last = name.rpartition(".")
        if last == key:
            return head or TOP
        for suffix in ("weight_", "bias_"):  # of recurrences: weight_ih_l0_reverse
            if last.startswith(suffix) and key.startswith(suffix):
                tail = last.removeprefix(key).strip("_")
                return ".".join(part for part in (head, tail) if part) or TOP
        return name.removesuffix("_weight").removesuffix("_bias")
    return ""


class Mover:
    """Moves the numbers of one value into another layout."""

    def __init__(self, builder: StepBuilder, value: Value, wanted: Layout) -> None:
        self.builder, self.value, self.wanted = builder, value, wanted
        after = {a: b for run in wanted for a, b in itertools.pairwise(run)}
        before = {a: b for run in value.layout for a, b in itertools.pairwise(run)}
        self.joined = {a: b for a, b in after.items() if before.get(a) is b}

    def atoms(self, run: Run) -> list[Atom]:
        """An axis as runs of factors that stay together."""
        found: list[list[Factor]] = []
        for factor in run:
            if found and self.joined.get(found[-1][-1]) is factor:
                found[-1].append(factor)
            else:
                found.append([factor])
        return [tuple(atom) for atom in found]

    def flat(self, layout: Layout) -> list[Atom]:
        """All atoms of axes of positions, those of one entry left out."""
        return [atom for run in layout[1:] for atom in self.atoms(run)]

    def moved(self) -> Value:
        """The value in the wanted layout."""
        have, want = self.atoms(self.value.layout[0]), self.atoms(self.wanted[0])
        if have == want:
            if len(self.wanted) == 1:
                return self.builder.emit(Flatten(), [self.value], self.wanted)
            self._turn_positions(self.flat(self.wanted))
        elif not have and self.flat(self.value.layout) == [*want, *self.flat(self.wanted)]:
            self._reshape(self.flat(self.value.layout))
            self.value = self._flattened(want, self.flat(self.wanted), is_last=False)
        elif not want:
            self._reshape(self.flat(self.value.layout))
            layout = ((), *have, *self.value.layout[1:])
            self.value = self.builder.emit(Unflatten(sizes_of(have)), [self.value], layout)
            self._turn_positions(self.flat(self.wanted))
        else:
            self._divide(have, want)
            self._gather(want, self.flat(self.wanted))
        self._reshape(self.wanted[1:])
        return self.value

    def _reshape(self, positions: Sequence[Run]) -> None:
        layout = (self.value.layout[0], *positions)
        if layout != self.value.layout:
            self.value = self.builder.emit(Reshape(sizes_of(positions)), [self.value], layout)

    def _turn(self, axes: Sequence[Run]) -> None:
        """Bring axes, channels first, into an order; empty ones are any axis of one entry."""
        left = list(enumerate(self.value.layout))
        order = []
        for run in axes:
            index = next(index for index, (_, own) in enumerate(left) if own == run)
            order.append(left.pop(index)[0])
        if order != sorted(order):
            self.value = self.builder.emit(Turn(tuple(order)), [self.value], tuple(axes))

    def _turn_positions(self, wanted: list[Atom]) -> None:
        if self.flat(self.value.layout) != wanted:
            self._reshape(self.flat(self.value.layout))
            self._turn([self.value.layout[0], *wanted])

    def _divide(self, have: list[Atom], want: list[Atom]) -> None:
        """Make every atom an axis."""
        self._reshape(self.flat(self.value.layout))
        if len(have) < 2:
            return
        is_last = have[-1] in want or have[0] not in want
        keep, rest = (have[-1], have[:-1]) if is_last else (have[0], have[1:])
        layer = Unflatten(sizes_of(rest), channels_last=is_last)
        self.value = self.builder.emit(layer, [self.value], (keep, *rest, *self.value.layout[1:]))

    def _gather(self, want: list[Atom], positions: list[Atom]) -> None:
        """Join atoms as channels."""
        channels = self.value.layout[0]
        if len(want) < 2:
            self._turn([want[0], *([] if channels else [()]), *positions])
            return
        is_last = channels == want[-1] or channels != want[0]
        first, rest = (want[-1], want[:-1]) if is_last else (want[0], want[1:])
        self._turn([first, *([] if channels else [()]), *rest, *positions])
        self._reshape([*rest, *positions])
        self.value = self._flattened(want, positions, is_last=is_last)

    def _flattened(self, want: list[Atom], positions: list[Atom], *, is_last: bool) -> Value:
        joined = tuple(factor for atom in want for factor in atom)
        layer = Flatten(channels_last=is_last, kept=len(positions))
        return self.builder.emit(layer, [self.value], (joined, *positions))
