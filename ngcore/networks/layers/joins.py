"""Layers that join values number by number: sums and products, with broadcasting."""

import dataclasses
import functools
import operator
from typing import ClassVar

from torch import Tensor

from ngcore.networks.layers.base import Flow, Layer, Parameters, Shape, Symmetry, require


class _Join(Layer):
    reads: ClassVar[tuple[int, int | None]] = (2, None)

    def output_shape(self, *shapes: Shape) -> Shape:
        """See `Layer`; axes of one entry, and axes of positions that are missing at the end, are repeated."""
        rank = max(map(len, shapes))
        padded = [(*shape, *(1,) * (rank - len(shape))) for shape in shapes]
        sizes = [{size for size in entries if size != 1} for entries in zip(*padded, strict=True)]
        require(all(len(size) <= 1 for size in sizes), self, "equal, or 1 where it is repeated", *shapes)
        return tuple(size.pop() if size else 1 for size in sizes)

    def kept_positions(self, *shapes: Shape) -> tuple[int | None, ...]:
        """See `Layer`."""
        return tuple(range(1, max(map(len, shapes))))


def _with_axes(value: Tensor, rank: int) -> Tensor:
    return value.view(*value.shape, *(1,) * (rank - value.dim())) if value.dim() < rank else value


@dataclasses.dataclass(frozen=True)
class Add(_Join):
    """The sum of values: residual connections, positional embeddings."""

    kind: ClassVar[str] = "add"
    flow: ClassVar[Flow] = "add"
    passes: ClassVar[frozenset[Symmetry]] = frozenset(("sign", "scale"))

    def run(self, parameters: Parameters, *values: Tensor) -> Tensor:
        """See `Layer`."""
        rank = max(value.dim() for value in values)
        return functools.reduce(operator.add, [_with_axes(value, rank) for value in values])


@dataclasses.dataclass(frozen=True)
class Multiply(_Join):
    """The product of values: gates, squeeze-and-excitation, learned scales."""

    kind: ClassVar[str] = "multiply"
    flow: ClassVar[Flow] = "multiply"

    def run(self, parameters: Parameters, *values: Tensor) -> Tensor:
        """See `Layer`."""
        rank = max(value.dim() for value in values)
        return functools.reduce(operator.mul, [_with_axes(value, rank) for value in values])
