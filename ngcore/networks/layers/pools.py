"""Layers that work on each channel's positions: pools, padding, resizing."""

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor
from torch.nn import functional

from ngcore.errors import ArchitectureError
from ngcore.networks.layers.base import (
    Flow,
    Layer,
    Parameters,
    Shape,
    Symmetry,
    folded,
    newer,
    require,
    require_sizes,
    set_number,
)

INTERPOLATIONS = {
    1: ("nearest", "nearest-exact", "area", "linear"),
    2: ("nearest", "nearest-exact", "area", "bilinear", "bicubic"),
    3: ("nearest", "nearest-exact", "area", "trilinear"),
}
"""Modes of `torch.nn.functional.interpolate` by the number of axes of positions."""

Reduction = Literal["mean", "max", "sum", "min"]
REDUCTIONS: dict[Reduction, Callable[..., Tensor]] = {
    "mean": torch.mean,
    "max": torch.amax,
    "sum": torch.sum,
    "min": torch.amin,
}
LINEAR, HOMOGENEOUS = frozenset[Symmetry](("sign", "scale")), frozenset[Symmetry](("scale",))


def passed_by(reduction: Reduction) -> frozenset[Symmetry]:
    """The symmetries that a reduction hands on."""
    return LINEAR if reduction in ("mean", "sum") else HOMOGENEOUS


@dataclasses.dataclass(frozen=True)
class GlobalAveragePool(Layer):
    """Mean over all positions of a map: (channels, *positions) → (channels,)."""

    kind: ClassVar[str] = "global_average_pool"
    flow: ClassVar[Flow] = "keep"
    passes: ClassVar[frozenset[Symmetry]] = LINEAR

    def output_shape(self, *shapes: Shape) -> Shape:
        """See `Layer`."""
        require(len(shapes[0]) > 1, self, "(channels, height, width)", *shapes)
        return shapes[0][:1]

    def run(self, parameters: Parameters, *values: Tensor) -> Tensor:
        """See `Layer`."""
        (x,) = values
        return x.mean(dim=(-2, -1)) if x.dim() == 5 else x.flatten(3).mean(dim=3)


@dataclasses.dataclass(frozen=True)
class PositionPool(Layer):
    """A reduction over some axes of positions, which are kept with one position each or left out.

    Attributes:
        reduction: "mean", "max", "sum" or "min".
        axes_pooled: Axes of the value, 1 and above.
        keepdim: Whether the axes stay.
    """

    reduction: Reduction
    axes_pooled: tuple[int, ...]
    keepdim: bool = False
    kind: ClassVar[str] = "position_pool"
    flow: ClassVar[Flow] = "keep"

    @property
    def passes(self) -> frozenset[Symmetry]:  # type: ignore[override]
        """See `Layer`."""
        return passed_by(self.reduction)

    def output_shape(self, *shapes: Shape) -> Shape:
        """See `Layer`."""
        (shape,) = shapes
        fits = all(1 <= axis < len(shape) for axis in self.axes_pooled)
        fits = fits and 0 < len(set(self.axes_pooled)) == len(self.axes_pooled)
        require(fits, self, f"positions on axes {self.axes_pooled}", shape)
        if self.keepdim:
            return tuple(1 if axis in self.axes_pooled else size for axis, size in enumerate(shape))
        return tuple(size for axis, size in enumerate(shape) if axis not in self.axes_pooled)

    def kept_positions(self, *shapes: Shape) -> tuple[int | None, ...]:
        """See `Layer`."""
        axes = range(1, len(shapes[0]))
        if self.keepdim:
            return tuple(None if axis in self.axes_pooled else axis for axis in axes)
        return tuple(axis for axis in axes if axis not in self.axes_pooled)

    def run(self, parameters: Parameters, *values: Tensor) -> Tensor:
        """See `Layer`."""
        axes = [axis + 2 for axis in self.axes_pooled]
        return REDUCTIONS[self.reduction](values[0], dim=axes, keepdim=self.keepdim)


@dataclasses.dataclass(frozen=True)
class ChannelPool(Layer):
    """A reduction over the channels at each position: (channels, *positions) → (1, *positions)."""

    reduction: Reduction
    kind: ClassVar[str] = "channel_pool"
    flow: ClassVar[Flow] = "reduce"

    def output_shape(self, *shapes: Shape) -> Shape:
        """See `Layer`."""
        return (1, *shapes[0][1:])

    def run(self, parameters: Parameters, *values: Tensor) -> Tensor:
        """See `Layer`."""
        return REDUCTIONS[self.reduction](values[0], dim=2, keepdim=True)


@dataclasses.dataclass(frozen=True)
class Pool(Layer):
    """Average or maximum over windows of positions.

    Attributes:
        reduction: "mean" or "max".
        kernel_size: Window on each axis of positions, one to three.
        stride: Step on each axis.
        padding: Positions added on either side.
        dilation: Distance of the taps of a maximum.
        ceil_mode: Whether a window may start that does not fit in whole.
        count_include_pad: Whether an average counts padded zeros.
    """

    reduction: Literal["mean", "max"]
    kernel_size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...] = (1,)
    ceil_mode: bool = False
    count_include_pad: bool = True
    kind: ClassVar[str] = "pool"
    flow: ClassVar[Flow] = "keep"
    pins_positions: ClassVar[bool] = True

    def __post_init__(self) -> None:
        rank = len(self.kernel_size)
        if len(self.dilation) == 1 < rank:
            object.__setattr__(self, "dilation", self.dilation * rank)
        if not 1 <= rank <= 3 or {len(self.stride), len(self.padding), len(self.dilation)} != {rank}:
            raise ArchitectureError(f"Expected a kernel size, stride and padding of one to three numbers, got {self}.")
        require_sizes(self, *self.kernel_size, *self.stride, *self.dilation)
        require_sizes(self, *self.padding, at_least=0)
        if any(2 * padding > kernel for padding, kernel in zip(self.padding, self.kernel_size, strict=True)):
            raise ArchitectureError(f"Expected a padding of at most half the window, got {self}.")

    @property
    def passes(self) -> frozenset[Symmetry]:  # type: ignore[override]
        """See `Layer`."""
        return passed_by(self.reduction)

    def kept_positions(self, *shapes: Shape) -> tuple[int | None, ...]:
        """See `Layer`."""
        return (None,) * len(self.kernel_size)

    def output_shape(self, *shapes: Shape) -> Shape:
        """See `Layer`."""
        (shape,) = shapes
        require(len(shape) == len(self.kernel_size) + 1, self, f"of {len(self.kernel_size) + 1} axes", shape)
        numbers = zip(shape[1:], self.kernel_size, self.stride, self.padding, self.dilation, strict=True)
        positions = [self._length(*sizes) for sizes in numbers]
        if min(positions) < 1:
            raise ArchitectureError(f"Expected a map at least as large as the {self.kernel_size} window, got {shape}.")
        return (shape[0], *positions)

    def _length(self, size: int, kernel: int, stride: int, padding: int, dilation: int) -> int:
        room = size + 2 * padding - dilation * (kernel - 1) - 1
        if not self.ceil_mode:
            return room // stride + 1
        length = -(-room // stride) + 1
        return length - 1 if (length - 1) * stride >= size + padding else length  # a window starts inside the map

    def run(self, parameters: Parameters, *values: Tensor) -> Tensor:
        """See `Layer`."""
        (x,) = values
        rank, flat = len(self.kernel_size), folded(x)
        if self.reduction == "max":
            pool = (functional.max_pool1d, functional.max_pool2d, functional.max_pool3d)[rank - 1]
            y = pool(flat, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode)
        else:
            average = (functional.avg_pool1d, functional.avg_pool2d, functional.avg_pool3d)[rank - 1]
            y = average(flat, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)
        return y.unflatten(0, x.shape[:2])


@dataclasses.dataclass(frozen=True)
class AdaptivePool(Layer):
    """Average or maximum over windows that divide the map into `output_size` parts."""

    reduction: Literal["mean", "max"]
    output_size: tuple[int, ...]
    kind: ClassVar[str] = "adaptive_pool"
    flow: ClassVar[Flow] = "keep"
    pins_positions: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require_sizes(self, *self.output_size)
        if not 1 <= len(self.output_size) <= 3:
            raise ArchitectureError(f"Expected an output size of one to three numbers, got {self}.")

    @property
    def passes(self) -> frozenset[Symmetry]:  # type: ignore[override]
        """See `Layer`."""
        return passed_by(self.reduction)

    def kept_positions(self, *shapes: Shape) -> tuple[int | None, ...]:
        """See `Layer`."""
        return (None,) * len(self.output_size)

    def output_shape(self, *shapes: Shape) -> Shape:
        """See `Layer`."""
        (shape,) = shapes
        require(len(shape) == len(self.output_size) + 1, self, f"of {len(self.output_size) + 1} axes", shape)
        return (shape[0], *self.output_size)

    def run(self, parameters: Parameters, *values: Tensor) -> Tensor:
        """See `Layer`."""
        (x,) = values
        maximum = (functional.adaptive_max_pool1d, functional.adaptive_max_pool2d, functional.adaptive_max_pool3d)
        mean = (functional.adaptive_avg_pool1d, functional.adaptive_avg_pool2d, functional.adaptive_avg_pool3d)
        pool: Callable[..., Tensor] = (maximum if self.reduction == "max" else mean)[len(self.output_size) - 1]
        return pool(folded(x), self.output_size).unflatten(0, x.shape[:2])


@dataclasses.dataclass(frozen=True)
class Pad(Layer):
    """More positions (or fewer, where negative) before and after those on each axis.

    Attributes:
        amounts: (before, after) of every axis of positions in turn.
        mode: "constant", "reflect", "replicate" or "circular".
        value: What constant padding is filled with.
    """

    amounts: tuple[int, ...]
    mode: Literal["constant", "reflect", "replicate", "circular"] = "constant"
    value: float = 0.0
    kind: ClassVar[str] = "pad"
    flow: ClassVar[Flow] = "keep"
    pins_positions: ClassVar[bool] = True

    def __post_init__(self) -> None:
        set_number(self, "value")
        if not self.amounts or len(self.amounts) % 2:
            raise ArchitectureError(f"Expected two amounts for each axis of positions, got {self}.")

    @property
    def passes(self) -> frozenset[Symmetry]:  # type: ignore[override]
        """See `Layer`."""
        return frozenset() if self.value else LINEAR

    def kept_positions(self, *shapes: Shape) -> tuple[int | None, ...]:
        """See `Layer`."""
        return (None,) * (len(self.amounts) // 2)

    def output_shape(self, *shapes: Shape) -> Shape:
        """See `Layer`."""
        (shape,) = shapes
        require(len(shape) == len(self.amounts) // 2 + 1, self, f"of {len(self.amounts) // 2 + 1} axes", shape)
        before, after = self.amounts[::2], self.amounts[1::2]
        positions = [size + b + a for size, b, a in zip(shape[1:], before, after, strict=True)]
        require(min(positions) >= 1, self, "larger than what it cuts off", shape)
        return (shape[0], *positions)

    def run(self, parameters: Parameters, *values: Tensor) -> Tensor:
        """See `Layer`."""
        (x,) = values
        pairs = list(zip(self.amounts[::2], self.amounts[1::2], strict=True))
        last_first = [amount for pair in reversed(pairs) for amount in pair]
        fill = self.value if self.mode == "constant" else None
        return functional.pad(folded(x), last_first, self.mode, fill).unflatten(0, x.shape[:2])


@dataclasses.dataclass(frozen=True)
class Resize(Layer):
    """Interpolation to `size` positions on each axis.

    Attributes:
        size: Positions of the result.
        mode: As in `torch.nn.functional.interpolate`.
        align_corners: As there.
        scale: The factors that were asked for, where they are not the ratio of the sizes.
    """

    size: tuple[int, ...]
    mode: str = "nearest"
    align_corners: bool = False
    scale: tuple[float, ...] = newer(())
    kind: ClassVar[str] = "resize"
    flow: ClassVar[Flow] = "keep"
    passes: ClassVar[frozenset[Symmetry]] = LINEAR
    pins_positions: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require_sizes(self, *self.size)
        modes = INTERPOLATIONS.get(len(self.size), ())
        if self.mode not in modes:
            raise ArchitectureError(
                f"Expected a mode among {', '.join(modes) or 'none, for this number of axes'}, got {self}."
            )

    def kept_positions(self, *shapes: Shape) -> tuple[int | None, ...]:
        """See `Layer`."""
        return (None,) * len(self.size)

    def output_shape(self, *shapes: Shape) -> Shape:
        """See `Layer`."""
        (shape,) = shapes
        require(len(shape) == len(self.size) + 1, self, f"of {len(self.size) + 1} axes", shape)
        if self.scale:
            made = tuple(int(side * factor) for side, factor in zip(shape[1:], self.scale, strict=False))
            require(made == self.size, self, "that its factors bring to its size", shape)
        return (shape[0], *self.size)

    def run(self, parameters: Parameters, *values: Tensor) -> Tensor:
        """See `Layer`."""
        (x,) = values
        corners = None if self.mode in ("nearest", "nearest-exact", "area") else self.align_corners
        asked: dict[str, Any] = {"scale_factor": list(self.scale)} if self.scale else {"size": self.size}
        y = functional.interpolate(folded(x), mode=self.mode, align_corners=corners, **asked)
        return y.unflatten(0, x.shape[:2])
