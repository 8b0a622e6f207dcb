"""Second pass: where runs of neurons are cut into blocks, and the edges between those."""

import bisect
import dataclasses
import itertools
import math
from collections.abc import Iterator

from ngcore.graph.segments import (
    Segment,
    Segments,
    as_kernel,
    channel_of,
    size_of,
    sliced,
)
from ngcore.graph.structure import EdgeBlock, Feature, GraphStructure, NodeBlock, Role
from ngcore.graph.tracing import Builder, Job
from ngcore.networks import ActivationKind, Architecture


def build(architecture: Architecture) -> GraphStructure:
    """The structure of the neural graph of an architecture."""
    builder = Builder(architecture)
    jobs, bounds = _cut(builder)
    starts = sorted(bounds)
    number = {start: i for i, start in enumerate(starts[:-1])}
    edges = [edge for job in jobs for edge in _edge_blocks(job, starts, number)]
    alike = _alike(builder, starts, number)
    nodes = [_node_block(builder, *bounds, own) for bounds, own in zip(itertools.pairwise(starts), alike, strict=True)]
    weights_first = sorted(edges, key=lambda edge: edge.kind == "skip")
    return GraphStructure(architecture, tuple(nodes), tuple(weights_first))


def _cut(builder: Builder) -> tuple[list[Job], set[int]]:
    """The jobs, grouped ones split where their groups are cut, and the boundaries of all blocks."""
    bounds = {0, builder.size}
    for opened in builder.opened:
        bounds |= {opened.start, opened.stop}
    for segments in (*builder.of, *(job.sources for job in builder.jobs), *(job.targets for job in builder.jobs)):
        for segment in segments:
            bounds |= {segment.start, segment.stop}
    jobs = builder.jobs
    while True:
        before = len(bounds)
        jobs = [part for job in jobs for part in _cut_groups(job, bounds)]
        if len(bounds) == before:
            return jobs, bounds


def _cut_groups(job: Job, bounds: set[int]) -> list[Job]:
    """A job whose groups no boundary cuts, or one for each group; both sides get the boundaries of either."""
    if job.groups == 1:
        return [job]
    starts = sorted(bounds)
    per_source, per_target = size_of(job.sources) // job.groups, size_of(job.targets) // job.groups
    cuts = {0, job.groups}
    for segments, per_group in ((job.sources, per_source), (job.targets, per_target)):
        for place in _boundaries(segments, starts):
            if place % per_group:
                parts = list(_single_groups(job, per_source, per_target))
                for segment in (segment for part in parts for segment in (*part.sources, *part.targets)):
                    bounds |= {segment.start, segment.stop}
                return parts
            cuts.add(place // per_group)
    for cut in cuts:
        bounds.add(_neuron_at(job.sources, cut * per_source))
        bounds.add(_neuron_at(job.targets, cut * per_target))
    return [job]


def _single_groups(job: Job, per_source: int, per_target: int) -> Iterator[Job]:
    for group in range(job.groups):
        yield dataclasses.replace(
            job,
            sources=sliced(job.sources, group * per_source, (group + 1) * per_source),
            targets=sliced(job.targets, group * per_target, (group + 1) * per_target),
            groups=1,
            row=0 if job.layout == "in_out" else job.row + group * per_target,
            column=job.column + group * per_source if job.layout == "in_out" else 0,
        )


def _boundaries(segments: Segments, starts: list[int]) -> Iterator[int]:
    """Numbers of the neurons of segments at which a block begins or ends."""
    place = 0
    for segment in segments:
        low, high = bisect.bisect_left(starts, segment.start), bisect.bisect_right(starts, segment.stop)
        yield from (place + start - segment.start for start in starts[low:high])
        place += segment.size


def _neuron_at(segments: Segments, place: int) -> int:
    """The neuron that stands at a place, or one after the last."""
    for segment in segments:
        if place < segment.size:
            return segment.start + place
        place -= segment.size
    return segments[-1].stop


@dataclasses.dataclass(frozen=True)
class _Run:
    """A whole block among the neurons of segments.

    Attributes:
        block: Start of the block.
        size: Its neurons.
        place: How many neurons of the segments come before.
        channel: How many channels come before; within the position where they are interleaved.
        segment: The segment that it is part of.
    """

    block: int
    size: int
    place: int
    channel: int
    segment: Segment


def _runs(segments: Segments, starts: list[int]) -> Iterator[_Run]:
    place = channel = 0
    for segment in segments:
        low, high = bisect.bisect_left(starts, segment.start), bisect.bisect_left(starts, segment.stop)
        for start, stop in itertools.pairwise(starts[low : high + 1]):
            spread = 1 if segment.interleaved else segment.spread
            first = start - segment.start
            yield _Run(start, stop - start, place + first, channel + first * spread, segment)
        place += segment.size
        channel += segment.size if segment.interleaved else segment.width


def _edge_blocks(job: Job, starts: list[int], number: dict[int, int]) -> Iterator[EdgeBlock]:
    sources, targets = list(_runs(job.sources, starts)), list(_runs(job.targets, starts))
    if job.groups == 1:
        for target in targets:
            for source in sources:
                yield _dense(job, source, target, number)
        return
    per_source, per_target = size_of(job.sources) // job.groups, size_of(job.targets) // job.groups
    by_group = {source.place // per_source: source for source in sources}
    for target in targets:
        source = by_group[target.place // per_target]
        yield EdgeBlock(
            number[source.block],
            number[target.block],
            source.size // per_source,
            job.kind,
            job.kernel or (1, 1),
            job.layer,
            job.parameter,
            job.layout,
            *_rows_and_columns_of_groups(job, source, target, per_source, per_target),
        )


def _rows_and_columns_of_groups(
    job: Job, source: _Run, target: _Run, per_source: int, per_target: int
) -> tuple[tuple[int, int], tuple[int, int]]:
    if job.layout == "in_out":
        return (0, per_target), (source.place, source.place + source.size)
    row = job.row + target.place
    return (row, row + target.size), (0, per_source * math.prod(job.kernel or (1, 1)))


def _dense(job: Job, source: _Run, target: _Run, number: dict[int, int]) -> EdgeBlock:
    segment = source.segment
    spread = 1 if segment.interleaved else segment.spread
    area = math.prod(job.kernel) if job.kernel and job.layout == "out_in" else 1
    row, column = job.row + target.place, job.column + source.channel * area
    return EdgeBlock(
        number[source.block],
        number[target.block],
        1,
        job.kind,
        job.kernel or as_kernel(segment.positions),
        job.layer,
        job.parameter,
        job.layout,
        (row, row + target.size),
        (column, column + source.size * spread * area),
        segment.interleaved,
    )


def _alike(builder: Builder, starts: list[int], number: dict[int, int]) -> list[int]:
    """For each block the first one that the same step made and that stands in the same values, equally often."""
    values: list[list[int]] = [[] for _ in number]
    for value, segments in enumerate(builder.of):
        for run in _runs(segments, starts):
            values[number[run.block]].append(value)
    firsts = [opened.start for opened in builder.opened]
    seen: dict[tuple[int, ...], int] = {}
    keys = [(bisect.bisect_right(firsts, start), *own) for start, own in zip(starts, values, strict=False)]
    return [seen.setdefault(key, i) for i, key in enumerate(keys)]


def _node_block(builder: Builder, start: int, stop: int, alike: int) -> NodeBlock:
    opened = builder.opened[bisect.bisect_right([o.start for o in builder.opened], start) - 1]
    offset = start - opened.start
    parameters: list[Feature | None] = [own and (own[0], (own[1] or 0) + offset) for own in opened.parameters]
    for segments, name, is_shared in builder.notes:
        found = channel_of(segments, start, stop)
        if found is not None:
            parameters += [None] * (not parameters)
            parameters.append((name, None if is_shared else found[0]))
    activation: ActivationKind = "none"
    response, channel, spread = opened.value, offset, 1
    for segments, function, value in builder.responses:
        found = channel_of(segments, start, stop)
        if found is not None:
            activation, response, (channel, spread) = function, value, found
            break
    places = [(number, channel_of(segments, start, stop)) for segments, number in builder.pins]
    is_output = any(
        segment.start <= start < segment.stop for value in builder.architecture.outputs for segment in builder.of[value]
    )
    role: Role = "output" if is_output and opened.role != "input" else opened.role
    return NodeBlock(
        stop - start,
        start,
        role,
        activation,
        opened.layer,
        opened.value,
        response,
        offset,
        channel,
        spread,
        tuple(parameters),
        tuple((number, place[0]) for number, place in places if place is not None),
        alike,
    )
