"""Runs of neurons among the channels of a value."""

import dataclasses
import itertools
import math
from collections.abc import Iterator, Sequence

from ngcore.networks import Shape

Kernel = tuple[int, int]


@dataclasses.dataclass(frozen=True)
class Segment:
    """Neurons that stand side by side among the channels of a value.

    Attributes:
        start: The first one.
        stop: One after the last.
        positions: Positions that each stands for, one channel each; () for one.
        interleaved: Where all channels of a position stand side by side, how many those are; else 0.
    """

    start: int
    stop: int
    positions: Shape = ()
    interleaved: int = 0

    @property
    def size(self) -> int:
        """Number of neurons."""
        return self.stop - self.start

    @property
    def spread(self) -> int:
        """Channels of each neuron."""
        return math.prod(self.positions)

    @property
    def width(self) -> int:
        """Number of channels."""
        return self.size * self.spread


Segments = tuple[Segment, ...]


def as_kernel(positions: Sequence[int]) -> Kernel:
    """(height, width) of kernels of any number of axes: (1, n) for one, the first ones taken together for more."""
    if not positions:
        return (1, 1)
    return (math.prod(positions[:-1]), positions[-1])


def bare(segment: Segment) -> Segment:
    """The neurons of a segment, each once."""
    return Segment(segment.start, segment.stop)


def width_of(segments: Sequence[Segment]) -> int:
    """Number of channels."""
    return sum(segment.width for segment in segments)


def repeats(segments: Segments) -> bool:
    """Whether a neuron stands twice among the channels."""
    ordered = sorted(segments, key=lambda s: s.start)
    return any(one.stop > other.start for one, other in itertools.pairwise(ordered))


def try_slice(segments: Segments, start: int, stop: int) -> Segments | None:
    """Channels start … stop − 1; None where they would take neurons that are spread apart."""
    found, channel = [], 0
    for segment in segments:
        low, high = max(start, channel), min(stop, channel + segment.width)
        if low < high:
            first, last = low - channel, high - channel
            is_whole = first == 0 and last == segment.width
            if segment.interleaved and not is_whole:
                return None
            if first % segment.spread or last % segment.spread:
                return None
            neurons = (segment.start + first // segment.spread, segment.start + last // segment.spread)
            found.append(Segment(*neurons, segment.positions, segment.interleaved))
        channel += segment.width
    return tuple(found)


def sliced(segments: Segments, start: int, stop: int) -> Segments:
    """Channels start … stop − 1 of neurons that are not spread apart there."""
    found = try_slice(segments, start, stop)
    assert found is not None  # of plain neurons every run can be taken
    return found


def aligned(sources: Segments, targets: Segments) -> Iterator[tuple[Segment, Segment]]:
    """Pairs of segments of equal width, both values cut where either has a boundary."""
    ends = sorted({*itertools.accumulate(s.width for s in sources), *itertools.accumulate(t.width for t in targets)})
    for start, stop in itertools.pairwise([0, *ends]):
        yield bare(sliced(sources, start, stop)[0]), bare(sliced(targets, start, stop)[0])


def shared_heads(
    sources: Segments, targets: Segments, heads: int, kv_heads: int
) -> Iterator[tuple[Segments, Segments]]:
    """The channels of keys or values beside those of the heads that share them."""
    if heads == kv_heads:
        yield sources, targets
        return
    d = width_of(sources) // kv_heads
    for head in range(heads):
        own = head // (heads // kv_heads)
        yield sliced(sources, own * d, (own + 1) * d), sliced(targets, head * d, (head + 1) * d)


def size_of(segments: Segments) -> int:
    """Number of neurons."""
    return sum(segment.size for segment in segments)


def channel_of(segments: Segments, start: int, stop: int) -> tuple[int, int] | None:
    """First channel and spread of a block among the channels of a value; None where it is not, or not in one run."""
    channel = 0
    for segment in segments:
        if segment.start <= start and stop <= segment.stop:
            return None if segment.interleaved else (channel + (start - segment.start) * segment.spread, segment.spread)
        channel += segment.width
    return None
