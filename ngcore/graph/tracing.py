"""First pass over an architecture: which neurons stand where, and which edges join them."""

import dataclasses
import math
from collections.abc import Callable, Sequence

from ngcore.graph.segments import (
    Kernel,
    Segment,
    Segments,
    aligned,
    as_kernel,
    bare,
    repeats,
    shared_heads,
    sliced,
    try_slice,
    width_of,
)
from ngcore.graph.structure import EdgeKind, Feature, Role, WeightLayout
from ngcore.networks import (
    Activation,
    ActivationKind,
    Architecture,
    Attend,
    Constant,
    Convolution,
    Embedding,
    Linear,
    PReLU,
    Shape,
    Slice,
    Step,
    TransposedConvolution,
)


@dataclasses.dataclass
class Opened:
    """Neurons that one step makes."""

    start: int
    stop: int
    layer: str | None
    value: int | None
    role: Role
    parameters: list[Feature | None]


@dataclasses.dataclass(frozen=True)
class Job:
    """Edges from some neurons to others, before either is cut into blocks.

    Attributes:
        sources: Where they leave.
        targets: Where they enter, each neuron once.
        groups: Of the neurons of both sides.
        kind: What made them.
        layer: Name of the step.
        parameter: What they carry.
        layout: How it is stored.
        kernel: Of a convolution; None: the positions of the source.
        row: First entry of the parameter for the targets.
        column: First entry of the parameter for the sources.
    """

    sources: Segments
    targets: Segments
    groups: int
    kind: EdgeKind
    layer: str | None = None
    parameter: str | None = None
    layout: WeightLayout = "out_in"
    kernel: Kernel | None = None
    row: int = 0
    column: int = 0


class Builder:
    """First pass: which neurons stand where, and the edges between them."""

    def __init__(self, architecture: Architecture) -> None:
        self.architecture = architecture
        self.opened: list[Opened] = []
        self.jobs: list[Job] = []
        self.of: list[Segments] = []
        self.responses: list[tuple[Segments, ActivationKind, int]] = []
        self.notes: list[tuple[Segments, str, bool]] = []
        self.pins: list[tuple[Segments, int]] = []
        self.size = 0
        self.times_read = [0] * len(architecture.shapes)
        for step in architecture.steps:
            for value in step.reads:
                self.times_read[value] += 1
        for value in architecture.outputs:
            self.times_read[value] += 1
        for number, shape in enumerate(architecture.input_shapes):
            self.of.append(self.open(shape[0], None, number, role="input"))
        for step in architecture.steps:
            self.value = len(self.of)
            self.of.append(self._follow(step))

    def open(
        self,
        count: int,
        layer: str | None,
        value: int | None,
        *,
        role: Role = "hidden",
        parameters: Sequence[Feature | None] = (),
    ) -> Segments:
        """New neurons."""
        start, self.size = self.size, self.size + count
        self.opened.append(Opened(start, self.size, layer, value, role, list(parameters)))
        return (Segment(start, self.size),)

    def connect(
        self, sources: Segments, targets: Segments, *, groups: int = 1, kind: EdgeKind, **fields: object
    ) -> None:
        """Edges between neurons."""
        self.jobs.append(Job(sources, targets, groups, kind, **fields))  # type: ignore[arg-type]

    def connect_alike(self, sources: Segments, targets: Segments, kind: EdgeKind) -> None:
        """Edges one to one between the channels of two values; from a single channel to all."""
        if width_of(sources) != width_of(targets):
            return self.connect(sources, targets, kind=kind)
        for source, target in aligned(sources, targets):
            groups = min(source.size, target.size)
            self.connect((source,), (target,), groups=groups, kind=kind)
        return None

    def plain(self, segments: Segments) -> Segments:
        """The neurons of a value one for each channel, new ones where Flatten has spread them."""
        if all(segment.spread == 1 for segment in segments):
            return segments
        whole = self.open(width_of(segments), None, None)
        start = whole[0].start
        for segment in segments:
            if segment.interleaved:
                for position in range(segment.spread):
                    first = whole[0].start + position * segment.interleaved + (start - whole[0].start)
                    target = Segment(first, first + segment.size)
                    self.connect((bare(segment),), (target,), groups=segment.size, kind="skip")
                start += segment.size
            else:
                target = Segment(start, start + segment.width)
                self.connect((bare(segment),), (target,), groups=segment.size, kind="skip")
                start += segment.width
        return whole

    def _own(self, step: Step, name: str) -> str | None:
        """Full name of a parameter of a step, where it has it."""
        return f"{step.name}.{name}" if name in step.layer.parameter_shapes() else None

    def _columns(self, step: Step, *names: str) -> list[Feature | None]:
        """Parameters as features of neurons, in order; a missing first one is kept as a gap."""
        found: list[Feature | None] = []
        for name in names:
            full = self._own(step, name)
            if full:
                found.append((full, 0))
            elif not found:
                found.append(None)
        return [] if found == [None] else found

    def _follow(self, step: Step) -> Segments:
        read = [self.of[value] for value in step.reads]
        follow: dict[str, Callable[[Step, list[Segments]], Segments]] = {
            "mix": self._mix,
            "scan": self._scan,
            "keep": self._keep,
            "norm": self._norm,
            "spread": self._spread,
            "gather": self._gather,
            "join": self._join,
            "cut": self._cut,
            "turn": self._turn,
            "add": self._add,
            "multiply": self._multiply,
            "attend": self._attend,
            "source": self._source,
            "reduce": self._reduce,
        }
        return follow[step.layer.flow](step, read)

    def _shape(self, step: Step) -> Shape:
        return self.architecture.shapes[step.reads[0]]

    def _mix(self, step: Step, read: list[Segments]) -> Segments:
        layer, count = step.layer, self.architecture.shapes[self.value][0]
        made = self.open(count, step.name, self.value, parameters=self._columns(step, "bias"))
        weight = self._own(step, "weight")
        if isinstance(layer, Convolution):
            kind: EdgeKind = "conv2d" if layer.kind == "conv2d" else "conv"
            layout: WeightLayout = "in_out" if isinstance(layer, TransposedConvolution) else "out_in"
            self.connect(
                self.plain(read[0]),
                made,
                groups=layer.groups,
                kind=kind,
                layer=step.name,
                parameter=weight,
                layout=layout,
                kernel=as_kernel(layer.kernel_size),
            )
        elif isinstance(layer, Embedding):
            self.connect(
                read[0], made, kind="embedding", layer=step.name, parameter=weight, layout="in_out", kernel=(1, 1)
            )
        else:
            assert isinstance(layer, Linear)
            self.connect(read[0], made, kind="linear", layer=step.name, parameter=weight)
        return made

    def _keep(self, step: Step, read: list[Segments]) -> Segments:
        layer = step.layer
        if layer.period is not None:
            self.pins.append((read[0], self.value - self.architecture.num_inputs))
        if isinstance(layer, Activation):
            self.responses.append((read[0], layer.function, self.value))
        if isinstance(layer, PReLU):
            segments = self.plain(read[0])
            if repeats(segments):  # a neuron has one slope
                made = self.open(width_of(segments), None, self.value)
                self.connect_alike(segments, made, "skip")
                segments = made
            self.responses.append((segments, "leaky_relu", self.value))
            self.notes.append((segments, f"{step.name}.weight", layer.num_parameters == 1))
            return segments
        return read[0]

    def _norm(self, step: Step, read: list[Segments]) -> Segments:
        shape = step.layer.parameter_shapes().get("weight", self._shape(step)[:1])
        segments = self.plain(read[0]) if any(s.interleaved for s in read[0]) else read[0]
        positions = shape[1:]
        columns = self._columns(step, "bias", "running_mean", "running_var") if not positions else []
        made = self.open(width_of(segments), step.name, self.value, parameters=columns)
        weight = self._own(step, "weight")
        fields = {"layer": step.name if weight else None, "kernel": as_kernel(positions)}
        channel = 0
        for segment in segments:
            source = bare(segment)
            target = Segment(made[0].start + channel, made[0].start + channel + segment.width)
            self.connect(
                (source,),
                (target,),
                groups=source.size,
                kind="norm",
                parameter=weight,
                layout="diagonal",
                row=channel,
                **fields,
            )
            channel += segment.width
        if positions and self._own(step, "bias"):  # a shift for every place of a map: edges from those places
            self._from_places(step, "bias", made, positions)
        return made

    def _from_places(self, step: Step, name: str, made: Segments, positions: Shape) -> None:
        places = self.open(math.prod(positions), None, None, role="position")
        self.connect(places, made, kind="constant", layer=step.name, parameter=f"{step.name}.{name}", kernel=(1, 1))

    def _spread(self, step: Step, read: list[Segments]) -> Segments:
        shape = self._shape(step)
        positions = shape[1 : len(shape) - step.layer.kept]  # type: ignore[attr-defined]
        segments = read[0] if all(s.spread == 1 for s in read[0]) else self.plain(read[0])
        total = width_of(segments) if step.layer.channels_last else 0  # type: ignore[attr-defined]
        if math.prod(positions) == 1:
            return segments
        return tuple(Segment(s.start, s.stop, positions, total) for s in segments)

    def _gather(self, step: Step, read: list[Segments]) -> Segments:
        count = self.architecture.shapes[self.value][0]
        positions = step.layer.positions  # type: ignore[attr-defined]
        is_last = step.layer.channels_last  # type: ignore[attr-defined]
        if math.prod(positions) == 1:
            return read[0]
        if all(s.positions == positions and bool(s.interleaved) == is_last for s in read[0]):
            return tuple(bare(s) for s in read[0])
        segments = self.plain(read[0])
        made = self.open(count, None, self.value)
        if not is_last:
            self.connect(segments, made, groups=count, kind="skip")
            return made
        for position in range(math.prod(positions)):
            own = sliced(segments, position * count, (position + 1) * count)
            self.connect(own, made, groups=count, kind="skip")
        return made

    def _join(self, step: Step, read: list[Segments]) -> Segments:
        if step.layer.axis:  # type: ignore[attr-defined]
            return self._add(step, read)
        parts = [self.plain(r) if any(s.interleaved for s in r) else r for r in read]
        return tuple(segment for part in parts for segment in part)

    def _cut(self, step: Step, read: list[Segments]) -> Segments:
        layer = step.layer
        assert isinstance(layer, Slice)
        if layer.axis:
            return read[0]
        segments = read[0]
        if layer.step == 1:
            found = try_slice(segments, layer.start, layer.stop)
            return found if found is not None else sliced(self.plain(segments), layer.start, layer.stop)
        plain = self.plain(segments)
        channels = range(layer.start, layer.stop, layer.step)
        return tuple(part for channel in channels for part in sliced(plain, channel, channel + 1))

    def _turn(self, step: Step, read: list[Segments]) -> Segments:
        if step.layer.order[0] == 0:  # type: ignore[attr-defined]
            return read[0]
        made = self.open(self.architecture.shapes[self.value][0], None, self.value)
        self.connect(tuple(bare(s) for s in read[0]), made, kind="turn")
        return made

    def _reduce(self, step: Step, read: list[Segments]) -> Segments:
        made = self.open(1, None, self.value)
        self.connect(tuple(bare(s) for s in read[0]), made, kind="pool")
        return made

    def _add(self, step: Step, read: list[Segments]) -> Segments:
        """A sum is at home with the operand that was made last, where nothing else reads it."""
        width = max(map(width_of, read))
        last = max(range(len(read)), key=lambda i: step.reads[i])
        is_alone = self.times_read[step.reads[last]] == 1 and width_of(read[last]) == width
        is_constant = step.reads[last] >= self.architecture.num_inputs and isinstance(
            self.architecture.steps[step.reads[last] - self.architecture.num_inputs].layer, Constant
        )
        is_input = step.reads[last] < self.architecture.num_inputs
        parts = [self.plain(r) if any(s.interleaved for s in r) else r for r in read]
        if is_alone and not is_constant and not is_input and not repeats(parts[last]):
            home = parts.pop(last)
        else:
            home = self.open(width, None, self.value)
        for part in parts:
            self.connect_alike(part, home, "skip")
        return home

    def _multiply(self, step: Step, read: list[Segments]) -> Segments:
        parts = [self.plain(r) if any(s.interleaved for s in r) else r for r in read]
        made = self.open(max(map(width_of, parts)), None, self.value)
        for part in parts:
            self.connect_alike(part, made, "product")
        return made

    def _attend(self, step: Step, read: list[Segments]) -> Segments:
        """Q and K meet one to one in product nodes, which go to the score of their head (the paper's head nodes)."""
        layer = step.layer
        assert isinstance(layer, Attend)
        query, key, value = (self.plain(r) for r in read[:3])
        heads = layer.num_heads
        products = self.open(width_of(query), None, None)
        scores = self.open(heads, None, None)
        attended = self.open(width_of(value) // layer.kv_heads * heads, None, self.value)
        self.connect_alike(query, products, "product")
        for source, target in ((key, products), (value, attended)):
            for own, of_heads in shared_heads(source, target, heads, layer.kv_heads):
                self.connect_alike(own, of_heads, "product")
        self.connect(products, scores, groups=heads, kind="attention")
        self.connect(scores, attended, groups=heads, kind="attention")
        if len(read) == 4:
            self.connect_alike(read[3], scores, "skip")
        return attended

    def _scan(self, step: Step, read: list[Segments]) -> Segments:
        from ngcore.graph.recurrences import trace_recurrence  # which needs this class

        return trace_recurrence(self, step, read)

    def _source(self, step: Step, read: list[Segments]) -> Segments:
        layer = step.layer
        assert isinstance(layer, Constant)
        columns: list[Feature | None] = [(f"{step.name}.value", 0)] if len(layer.shape) == 1 else []
        made = self.open(layer.shape[0], step.name, self.value, parameters=columns)
        if len(layer.shape) > 1 and layer.is_learned:
            self._from_places(step, "value", made, layer.shape[1:])
        return made
