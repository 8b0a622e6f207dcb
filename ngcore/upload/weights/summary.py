"""Statistics of a tensor that may be larger than memory, from its numbers in blocks."""

import dataclasses
import math
from collections.abc import Callable, Iterator

import numpy as np

NUM_BINS = 48


@dataclasses.dataclass(frozen=True)
class Summary:
    """What the numbers of a tensor are like; NaN and infinities are counted and otherwise left out.

    Attributes:
        size: How many numbers there are.
        mean: Their mean; NaN where none is finite, or where it is too large for float64.
        std: Their standard deviation.
        min: The smallest.
        max: The largest.
        zeros: Share of exact zeros among all, 0 … 1.
        num_nan: How many are not a number.
        num_infinite: How many are infinite.
        counts: Histogram: how many numbers lie in each of `NUM_BINS` equal bins between `min` and `max`; a single
            bin where those are equal, none where no number is finite.
    """

    size: int
    mean: float
    std: float
    min: float
    max: float
    zeros: float
    num_nan: int
    num_infinite: int
    counts: tuple[int, ...]

    @property
    def largest(self) -> float:
        """The largest absolute value."""
        return max(abs(self.min), abs(self.max))

    @property
    def edges(self) -> np.ndarray:
        """Edges of the bins, one more than there are bins."""
        return np.linspace(self.min, self.max, len(self.counts) + 1) if self.counts else np.empty(0)

    @property
    def is_finite(self) -> bool:
        """Whether all numbers are finite."""
        return not self.num_nan and not self.num_infinite


@dataclasses.dataclass
class _Range:
    """What the first pass over the numbers finds."""

    size: int = 0
    num_nan: int = 0
    num_infinite: int = 0
    zeros: int = 0
    total: float = 0.0
    low: float = math.inf
    high: float = -math.inf

    def add(self, block: np.ndarray) -> None:
        self.size += block.size
        finite = _finite(block)
        if finite.size != block.size:
            num_nan = int(np.isnan(block).sum())
            self.num_nan += num_nan
            self.num_infinite += block.size - finite.size - num_nan
        if finite.size:
            self.zeros += finite.size - int(np.count_nonzero(finite))
            self.total += float(finite.sum(dtype=np.float64))
            self.low, self.high = min(self.low, float(finite.min())), max(self.high, float(finite.max()))


def summarise(blocks: Callable[[], Iterator[np.ndarray]]) -> Summary:
    """The statistics of all numbers, in two passes.

    Args:
        blocks: Makes an iterator over the numbers in flat float arrays.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        found = _Range()
        for block in blocks():
            found.add(block)
        count = found.size - found.num_nan - found.num_infinite
        if not count:
            nothing = math.nan
            return Summary(found.size, nothing, nothing, nothing, nothing, 0.0, found.num_nan, found.num_infinite, ())
        mean = found.total / count
        counts, squares = _spread(blocks(), found.low, found.high, mean)
    return Summary(
        size=found.size,
        mean=mean if math.isfinite(mean) else math.nan,
        std=math.sqrt(squares / count) if math.isfinite(squares) else math.nan,
        min=found.low,
        max=found.high,
        zeros=found.zeros / found.size,
        num_nan=found.num_nan,
        num_infinite=found.num_infinite,
        counts=tuple(counts.tolist()),
    )


def _spread(blocks: Iterator[np.ndarray], low: float, high: float, mean: float) -> tuple[np.ndarray, float]:
    """Counts of the bins, and the sum of squared differences from the mean."""
    width = high / NUM_BINS - low / NUM_BINS  # in this order, as high − low may be too large for float64
    counts = np.zeros(NUM_BINS if width > 0 else 1, np.int64)
    squares = 0.0
    for block in blocks:
        finite = _finite(block).astype(np.float64)
        if width > 0:
            bins = np.clip(finite / width - low / width, 0, NUM_BINS - 1).astype(np.intp)
            counts += np.bincount(bins, minlength=NUM_BINS)
        else:
            counts[0] += finite.size
        finite -= mean
        squares += float(np.dot(finite, finite))
    return counts, squares


def _finite(block: np.ndarray) -> np.ndarray:
    """The finite numbers of a block; the block itself where all are."""
    is_finite = np.isfinite(block)
    return block if is_finite.all() else block[is_finite]
