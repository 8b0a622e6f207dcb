"""Which part of a value runs along which axis of a foreign tensor, so that reshapes and transposes cost no step."""

import dataclasses
import math
from collections.abc import Iterable, Sequence

from ngcore.errors import ArchitectureError


class UnsupportedError(ArchitectureError):
    """Something in a foreign network that has no counterpart here."""


@dataclasses.dataclass(eq=False)
class Factor:
    """One of the numbers whose product is the size of an axis; it is itself, not its size."""

    size: int


Run = tuple[Factor, ...]
"""What an axis is made of, the slowest first; nothing where it has one entry."""

Layout = tuple[Run, ...]


def size_of(run: Iterable[Factor]) -> int:
    """Entries of an axis."""
    return math.prod(factor.size for factor in run)


def sizes_of(layout: Iterable[Run]) -> tuple[int, ...]:
    """Entries of each axis."""
    return tuple(map(size_of, layout))


class Factors:
    """Keeps account of factors that turned out to be products themselves.

    Attributes:
        batch: The factor of all samples; it stays whole.
    """

    def __init__(self, batch_size: int) -> None:
        self.batch = Factor(batch_size)
        self._parts: dict[Factor, Run] = {}

    def run(self, run: Iterable[Factor]) -> Run:
        """An axis with every factor replaced by its parts."""
        found: list[Factor] = []
        for factor in run:
            found.extend(self.run(self._parts[factor]) if factor in self._parts else (factor,))
        return tuple(found)

    def layout(self, layout: Iterable[Run]) -> Layout:
        """Several axes with every factor replaced by its parts."""
        return tuple(self.run(run) for run in layout)

    def split(self, factor: Factor, major: int) -> Run:
        """A factor as two, the slower of size `major`.

        Raises:
            UnsupportedError: If it is the batch.
        """
        if factor is self.batch:
            raise UnsupportedError("the batch is divided or joined with other axes")
        self._parts[factor] = (Factor(major), Factor(factor.size // major))
        return self._parts[factor]

    def paired(self, one: Run, other: Run) -> list[tuple[Factor, Factor]]:
        """Factors of two axes of equal size that stand for the same entries, split until they agree.

        Raises:
            UnsupportedError: If they cannot.
        """
        pairs: list[tuple[Factor, Factor]] = []
        left, right = list(one), list(other)
        while left and right:
            a, b = left.pop(0), right.pop(0)
            if a is not b and self.batch in (a, b):
                raise UnsupportedError("samples of the batch are combined with one another")
            if a.size % b.size and b.size % a.size:
                raise UnsupportedError(f"axes divided into {sizes_of([one])} and {sizes_of([other])} are combined")
            if a.size > b.size:
                a, *rest = self.split(a, b.size)
                left = [*rest, *left]
            elif b.size > a.size:
                b, *rest = self.split(b, a.size)
                right = [*rest, *right]
            pairs.append((a, b))
        return pairs

    def reshaped(self, axes: Sequence[Run], shape: Sequence[int]) -> Layout | None:
        """The axes of a view of another shape; None where factors would have to be joined first."""
        left = [factor for run in self.layout(axes) for factor in run]
        made: list[Run] = []
        for size in shape:
            run: list[Factor] = []
            missing = size
            while missing > 1:
                factor = left.pop(0)
                if missing % factor.size == 0:
                    run.append(factor)
                    missing //= factor.size
                elif factor.size % missing == 0:
                    first, rest = self.split(factor, missing)
                    run.append(first)
                    left.insert(0, rest)
                    missing = 1
                else:
                    return None
            made.append(tuple(run))
        return tuple(made)

    def same(self, one: Factor, other: Factor) -> None:
        """Take two factors of equal size for one, from now on called as the first."""
        self._parts[other] = (one,)
