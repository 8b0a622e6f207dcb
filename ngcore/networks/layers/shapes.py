"""Layers that only move neurons and positions: flatten and unflatten, turn, concatenate, slice."""

import dataclasses
import math
from typing import ClassVar

import torch
from torch import Tensor

from ngcore.errors import ArchitectureError
from ngcore.networks.layers.base import Flow, Layer, Parameters, Shape, Symmetry, newer, require, require_sizes

ALL = frozenset[Symmetry](("sign", "scale"))


@dataclasses.dataclass(frozen=True)
class Flatten(Layer):
    """A map as one long vector, channel by channel: (channels, *positions) → (channels · positions,).

    Attributes:
        channels_last: Whether it is laid out position by position, all channels of a position side by side.
        kept: Axes of positions, the last ones, that stay as they are.
    """

    channels_last: bool = newer(False)
    kept: int = newer(0)
    kind: ClassVar[str] = "flatten"
    flow: ClassVar[Flow] = "spread"
    passes: ClassVar[frozenset[Symmetry]] = ALL
    pins_positions: ClassVar[bool] = True

    def output_shape(self, *shapes: Shape) -> Shape:
        """See `Layer`."""
        (shape,) = shapes
        require(0 <= self.kept < len(shape), self, f"of more than {self.kept} axes", shape)
        end = len(shape) - self.kept
        return (math.prod(shape[:end]), *shape[end:])

    def kept_positions(self, *shapes: Shape) -> tuple[int | None, ...]:
        """See `Layer`."""
        return tuple(range(len(shapes[0]) - self.kept, len(shapes[0])))

    def run(self, parameters: Parameters, *values: Tensor) -> Tensor:
        """See `Layer`."""
        (x,) = values
        last = x.dim() - 1 - self.kept
        return (x.movedim(2, last) if self.channels_last else x).flatten(2, last)


@dataclasses.dataclass(frozen=True)
class Unflatten(Layer):
    """Channels as a map: (channels · positions, …) → (channels, *positions, …), the reverse of Flatten.

    Attributes:
        positions: Sizes of the new axes of positions, which come before those that there are.
        channels_last: Whether all channels of a position stand side by side.
    """

    positions: tuple[int, ...]
    channels_last: bool = False
    kind: ClassVar[str] = "unflatten"
    flow: ClassVar[Flow] = "gather"
    passes: ClassVar[frozenset[Symmetry]] = ALL

    def __post_init__(self) -> None:
        require_sizes(self, *self.positions)

    def output_shape(self, *shapes: Shape) -> Shape:
        """See `Layer`."""
        (shape,) = shapes
        count = math.prod(self.positions)
        require(shape[0] % count == 0, self, f"of a multiple of {count} channels", shape)
        return (shape[0] // count, *self.positions, *shape[1:])

    def kept_positions(self, *shapes: Shape) -> tuple[int | None, ...]:
        """See `Layer`."""
        return (*(None,) * len(self.positions), *range(1, len(shapes[0])))

    def run(self, parameters: Parameters, *values: Tensor) -> Tensor:
        """See `Layer`."""
        (x,) = values
        if self.channels_last:
            split = x.unflatten(2, (*self.positions, -1))
            return split.movedim(2 + len(self.positions), 2)
        return x.unflatten(2, (-1, *self.positions))


@dataclasses.dataclass(frozen=True)
class Reshape(Layer):
    """Other axes of positions for as many positions: (channels, 4, 4) → (channels, 16), and the like."""

    positions: tuple[int, ...]
    kind: ClassVar[str] = "reshape"
    flow: ClassVar[Flow] = "keep"
    passes: ClassVar[frozenset[Symmetry]] = ALL

    def __post_init__(self) -> None:
        require_sizes(self, *self.positions)

    def output_shape(self, *shapes: Shape) -> Shape:
        """See `Layer`."""
        (shape,) = shapes
        require(math.prod(shape[1:]) == math.prod(self.positions), self, f"(…, *{self.positions}) positions", shape)
        return (shape[0], *self.positions)

    def kept_positions(self, *shapes: Shape) -> tuple[int | None, ...]:
        """See `Layer`; axes of one position may come and go, all else is a new order."""
        longer = [axis for axis, size in enumerate(shapes[0]) if axis and size > 1]
        if [shapes[0][axis] for axis in longer] != [size for size in self.positions if size > 1]:
            return (None,) * len(self.positions)
        remaining = iter(longer)
        return tuple(next(remaining) if size > 1 else None for size in self.positions)

    def run(self, parameters: Parameters, *values: Tensor) -> Tensor:
        """See `Layer`."""
        (x,) = values
        return x.reshape(*x.shape[:3], *self.positions)


@dataclasses.dataclass(frozen=True)
class Turn(Layer):
    """Axes of a value in another order: axis i of the result is axis `order[i]` of what it reads.

    Where axis 0 moves, channels become positions and positions become channels (the token mixing of an MLP-Mixer).
    """

    order: tuple[int, ...]
    kind: ClassVar[str] = "turn"
    flow: ClassVar[Flow] = "turn"

    def __post_init__(self) -> None:
        if sorted(self.order) != list(range(len(self.order))):
            raise ArchitectureError(f"Expected an order of the axes 0 … {len(self.order) - 1}, got {self}.")

    @property
    def passes(self) -> frozenset[Symmetry]:  # type: ignore[override]
        """See `Layer`."""
        return ALL if self.order[0] == 0 else frozenset()

    def output_shape(self, *shapes: Shape) -> Shape:
        """See `Layer`."""
        (shape,) = shapes
        require(len(shape) == len(self.order), self, f"of {len(self.order)} axes", shape)
        return tuple(shape[axis] for axis in self.order)

    def run(self, parameters: Parameters, *values: Tensor) -> Tensor:
        """See `Layer`."""
        return values[0].permute(0, 1, *(axis + 2 for axis in self.order))


@dataclasses.dataclass(frozen=True)
class Concat(Layer):
    """Values one after the other along an axis: 0 is the channels, 1 and above are positions."""

    axis: int = 0
    kind: ClassVar[str] = "concat"
    flow: ClassVar[Flow] = "join"
    passes: ClassVar[frozenset[Symmetry]] = ALL
    reads: ClassVar[tuple[int, int | None]] = (1, None)

    def output_shape(self, *shapes: Shape) -> Shape:
        """See `Layer`."""
        others = {(*shape[: self.axis], *shape[self.axis + 1 :]) for shape in shapes}
        fits = len(others) == 1 and len({len(shape) for shape in shapes}) == 1 and 0 <= self.axis < len(shapes[0])
        require(fits, self, f"equal but for axis {self.axis}", *shapes)
        total = sum(shape[self.axis] for shape in shapes)
        return (*shapes[0][: self.axis], total, *shapes[0][self.axis + 1 :])

    def run(self, parameters: Parameters, *values: Tensor) -> Tensor:
        """See `Layer`."""
        batch = max(value.shape[1] for value in values)  # a Constant has a batch of one
        return torch.cat([value.expand(-1, batch, *value.shape[2:]) for value in values], dim=self.axis + 2)


@dataclasses.dataclass(frozen=True)
class Slice(Layer):
    """Entries start, start + step, … below stop of an axis: 0 is the channels, 1 and above are positions.

    Attributes:
        start: First entry.
        stop: One after the last.
        axis: Axis of the value.
        step: Distance between entries.
        keepdim: Whether an axis of positions with one entry left stays.
    """

    start: int
    stop: int
    axis: int = 0
    step: int = 1
    keepdim: bool = True
    kind: ClassVar[str] = "slice"
    flow: ClassVar[Flow] = "cut"
    passes: ClassVar[frozenset[Symmetry]] = ALL

    def __post_init__(self) -> None:
        require_sizes(self, self.start, self.axis, at_least=0)
        require_sizes(self, self.step)
        if self.stop <= self.start or (not self.keepdim and (self.axis == 0 or self.size != 1)):
            raise ArchitectureError(f"Expected at least one entry, and one position to leave out its axis, got {self}.")

    @property
    def size(self) -> int:
        """Number of entries."""
        return len(range(self.start, self.stop, self.step))

    def output_shape(self, *shapes: Shape) -> Shape:
        """See `Layer`."""
        (shape,) = shapes
        fits = self.axis < len(shape) and self.stop <= shape[self.axis]
        require(fits, self, f"of at least {self.stop} entries on axis {self.axis}", shape)
        kept = (self.size,) if self.keepdim else ()
        return (*shape[: self.axis], *kept, *shape[self.axis + 1 :])

    def kept_positions(self, *shapes: Shape) -> tuple[int | None, ...]:
        """See `Layer`; the axis that is cut counts as kept."""
        return tuple(axis for axis in range(1, len(shapes[0])) if self.keepdim or axis != self.axis)

    def run(self, parameters: Parameters, *values: Tensor) -> Tensor:
        """See `Layer`."""
        (x,) = values
        cut = x[(slice(None),) * (self.axis + 2) + (slice(self.start, self.stop, self.step),)]
        return cut if self.keepdim else cut.squeeze(self.axis + 2)
