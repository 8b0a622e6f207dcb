"""Turns a foreign graph into steps: every tensor becomes a value, or a value seen along other axes."""

import dataclasses
from collections.abc import Callable, Iterable, Sequence

import torch

from ngcore.errors import ArchitectureError
from ngcore.networks.layers import Affine, Constant, Layer
from ngcore.networks.lifting.builder import StepBuilder, Traced, Value, identity
from ngcore.networks.lifting.graph import ForeignGraph
from ngcore.networks.lifting.layout import Factor, Layout, Run, UnsupportedError, sizes_of
from ngcore.networks.lifting.nodes import Node, first_line

Rule = Callable[["Lifter", Node], Traced]


@dataclasses.dataclass(frozen=True)
class Cut:
    """A tensor that could not be made, and became an input instead."""

    node: Node
    reason: str


class Lifter:
    """Lifts the nodes of a foreign graph one after the other.

    Attributes:
        graph: The foreign graph.
        builder: The steps made so far.
        inputs: The values that are given: those of the graph, then those of `cuts`.
        cuts: What could not be made.
        split_biases: Weights that several Linear layers use with biases of their own.
        shared_tables: Tensors of the original of which several parts are added or joined to others.
    """

    def __init__(self, graph: ForeignGraph, *, batch_size: int, rules: dict[str, Rule]) -> None:
        self.graph, self.rules = graph, rules
        self.builder = StepBuilder(graph, batch_size)
        self.batch = self.builder.factors.batch
        self.cuts: list[Cut] = []
        self.inputs: list[Value] = []
        self._traced: dict[Node, Traced] = {}
        self.nodes = ordered(graph.outputs)
        self.split_biases = _with_several_biases(self.nodes)
        self.shared_tables = _with_several_parts(self.nodes)
        self._read_inputs()

    def _read_inputs(self) -> None:
        vocabularies = {
            node.reads[0]: node.reads[1].shape[0]
            for node in self.nodes
            if node.op == "embed" and node.reads[0] is not None and node.reads[1] is not None
        }
        for node in self.graph.inputs:
            runs = tuple(self.run_of(size) for size in node.shape[1:])
            words = vocabularies.get(node)
            layout = (self.run_of(words), *runs) if words else (runs or ((),))
            self.inputs.append(self.builder.input(layout))
            self._traced[node] = Traced(self.inputs[-1], ((self.batch,), *runs))

    def run_of(self, size: int) -> Run:
        """A new axis."""
        return (Factor(size),) if size > 1 else ()

    def lift_all(self) -> None:
        """Lift every node that the outputs need; what cannot be lifted is cut off."""
        for node in self.nodes:
            if node.is_constant or node in self._traced:
                continue
            try:
                self._traced[node] = self.rules[node.op](self, node)
            except Exception as error:  # also what no rule has foreseen: it is reported, not lost
                reason = str(error) if isinstance(error, ArchitectureError) else first_line(error)
                self.cuts.append(Cut(node, reason))
                self._traced[node] = self._stand_in(node, reason)

    def _stand_in(self, node: Node, reason: str) -> Traced:
        """A new input in place of what could not be made, its batch axis the first of that size."""
        if self.batch.size not in node.shape:
            raise ArchitectureError(
                "Expected a module that treats each sample of the batch by itself, got "
                f"{node.attrs.get('what', node.op)} at {node.path or 'the top'}: {reason}. If the batch is on another "
                "axis of the inputs, say so by batch_axis."
            )
        place = node.shape.index(self.batch.size)
        runs = [self.run_of(size) for size in node.shape]
        layout = tuple(run for axis, run in enumerate(runs) if axis != place) or ((),)
        self.inputs.append(self.builder.input(layout))
        runs[place] = (self.batch,)
        return Traced(self.inputs[-1], tuple(runs))

    def lift(self, node: Node) -> Traced:
        """The foreign tensor as a value, lifted now if it is new."""
        if node not in self._traced:
            if node.is_constant:
                return self.constant(node, self.repeated_for_samples(node))
            self._traced[node] = self.rules[node.op](self, node)
        return self._traced[node]

    def repeated_for_samples(self, node: Node) -> list[Run | None]:
        """For each axis of a constant whether it goes along the batch, being the same for every sample."""
        like: list[Run | None] = [None] * len(node.shape)
        is_long = node.value is not None and node.shape[:1] == (self.batch.size,)
        if is_long and node.value is not None and torch.equal(node.value[:1].expand_as(node.value), node.value):
            like[0] = (self.batch,)
        return like

    def apart(self, node: Node) -> Node:
        """A part of a table of which there are others, as a cut of all of it: so it stays one table."""
        if node.is_constant and node.source and node.source.views and node.source.name in self.shared_tables:
            return self.graph.held(node)
        return node

    def read(self, node: Node, index: int = 0) -> Traced:
        """What a node reads."""
        read = node.reads[index]
        assert read is not None
        return self.lift(read)

    def axes(self, traced: Traced) -> Layout:
        """The axes of a foreign tensor as they are known now."""
        return self.builder.axes(traced)

    def apply(self, layer: Layer, traced: Traced, *, path: str) -> Traced:
        """An element-wise layer."""
        value = self.builder.emit(layer, [traced.value], self.builder.layout(traced.value), path=path)
        return Traced(value, traced.axes)

    def fresh(self, value: Value) -> tuple[Value, dict[Factor, Factor]]:
        """A copy of a value whose axes are new ones, and which is which."""
        layout = self.builder.layout(value)
        new = {factor: Factor(factor.size) for run in layout for factor in run}
        copied = tuple(tuple(new[factor] for factor in run) for run in layout)
        return self.builder.emit(Affine(), [value], copied), new

    def constant(self, node: Node, like: Sequence[Run | None], wanted: Layout | None = None) -> Traced:
        """A constant as a value.

        Args:
            node: The constant.
            like: For each of its axes the run that it goes along; None for a new axis.
            wanted: A layout of which it takes the axes that it has; None: its last axis becomes the channels.

        Raises:
            UnsupportedError: If it differs between the samples of the batch.
        """
        base = self._without_repeats(node, like)
        runs = []
        for size, run in zip(base.shape, like, strict=True):
            runs.append(() if size == 1 else self.run_of(size) if run is None else self.builder.factors.run(run))
        own = {factor for run in runs for factor in run}
        if wanted is None:
            layout: Layout = (runs[-1] if runs else (), *(run for run in runs[:-1] if run))
        else:
            layout = tuple(run if set(run) <= own else () for run in wanted)
            while len(layout) > 1 and not layout[-1]:
                layout = layout[:-1]
        numbers = self._moved(base, runs, layout)
        layer = Constant(sizes_of(layout), is_learned=node.is_learned)
        value = self.builder.emit(layer, [], layout, path=node.path or "constant", parameters={"value": numbers})
        full = [run or () if run is not None else own for run, own in zip(like, runs, strict=True)]
        return Traced(value, tuple(r if n > 1 else () for r, n in zip(full, node.shape, strict=True)))

    def _without_repeats(self, node: Node, like: Sequence[Run | None]) -> Node:
        base = node
        for axis, run in enumerate(like):
            if run is None or self.batch not in run or base.shape[axis] == 1:
                continue
            assert base.value is not None
            first = base.value.narrow(axis, 0, 1)
            if len(run) > 1 or not torch.equal(first.expand_as(base.value), base.value):
                raise UnsupportedError("numbers differ between the samples of the batch")
            base = self.graph.apply("slice", base, axis=axis, start=0, stop=1)
        return base

    def _moved(self, base: Node, runs: Sequence[Run], layout: Layout) -> Node:
        """A constant with axes of the given runs, permuted and joined into a layout."""
        flat = [factor for run in runs for factor in run]
        order = [flat.index(factor) for run in layout for factor in run]
        node = base
        for op, shape in (
            ("reshape", sizes_of([(f,) for f in flat])),
            ("permute", order),
            ("reshape", sizes_of(layout)),
        ):
            if op == "permute" and order != sorted(order):
                node = self.graph.apply(op, node, order=tuple(shape))
            elif op == "reshape" and node.shape != tuple(shape):
                node = self.graph.apply(op, node, shape=tuple(shape))
        return node

    def outputs(self) -> list[Value]:
        """The values of the graph's outputs, each with the axes of the foreign tensor, that of the batch apart."""
        found = []
        for node in self.graph.outputs:
            traced = self.builder.whole(self.lift(node))
            runs = []
            for run in self.axes(traced):
                rest = tuple(factor for factor in run if factor is not self.batch)
                if rest or self.batch not in run:
                    runs.append(rest)
            found.append(self.builder.arranged(traced.value, tuple(runs) or ((),)))
        return found


def ordered(outputs: Iterable[Node]) -> list[Node]:
    """All nodes that the outputs need, each after those that it reads."""
    found: dict[Node, None] = {}
    stack = [(node, False) for node in reversed(list(outputs))]
    while stack:
        node, is_done = stack.pop()
        if is_done:
            found[node] = None
        elif node not in found:
            stack.append((node, True))
            stack.extend((read, False) for read in reversed(node.reads) if read is not None and read not in found)
    return list(found)


def _with_several_biases(nodes: Iterable[Node]) -> frozenset[object]:
    biases: dict[object, set[object]] = {}
    for node in nodes:
        if node.op in ("linear", "embed"):
            weight, bias = node.reads[1], node.operand(2)
            assert weight is not None
            biases.setdefault(identity(weight), set()).add(bias and identity(bias))
    return frozenset(weight for weight, found in biases.items() if len(found) > 1)


def _with_several_parts(nodes: Iterable[Node]) -> frozenset[str]:
    parts: dict[str, set[object]] = {}
    for node in nodes:
        if node.op in ("add", "multiply", "concat"):
            for read in node.reads:
                if read is not None and read.is_constant and read.source:
                    parts.setdefault(read.source.name, set()).add(identity(read))
    return frozenset(name for name, found in parts.items() if len(found) > 1)


def lift_held(lifter: Lifter, node: Node) -> Traced:
    """All of a table of the original."""
    (whole,) = node.reads
    assert whole is not None
    return lifter.constant(whole, lifter.repeated_for_samples(whole))
