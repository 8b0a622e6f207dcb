"""Layers whose weights connect neurons: Linear, convolutions and transposed convolutions, Embedding, Constant."""

import dataclasses
import math
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from ngcore.errors import ArchitectureError
from ngcore.networks.layers.base import (
    IN,
    OUT,
    Axes,
    Axis,
    Flow,
    Layer,
    Parameters,
    Shape,
    newer,
    require,
    require_sizes,
)


@dataclasses.dataclass(frozen=True)
class Linear(Layer):
    """`y = W x + b` on the channels at every position, W of shape (out_features, in_features)."""

    in_features: int
    out_features: int
    bias: bool = True
    kind: ClassVar[str] = "linear"
    flow: ClassVar[Flow] = "mix"

    def __post_init__(self) -> None:
        require_sizes(self, self.in_features, self.out_features)

    def parameter_shapes(self) -> dict[str, Shape]:
        """See `Layer`."""
        shapes: dict[str, Shape] = {"weight": (self.out_features, self.in_features)}
        return shapes | ({"bias": (self.out_features,)} if self.bias else {})

    @property
    def axes(self) -> Axes:
        """See `Layer`."""
        return {"weight": (OUT, IN)} | ({"bias": (OUT,)} if self.bias else {})

    def output_shape(self, *shapes: Shape) -> Shape:
        """See `Layer`."""
        (shape,) = shapes
        rest = " …" if len(shape) > 1 else ""
        require(shape[0] == self.in_features, self, f"({self.in_features},{rest})", shape)
        return (self.out_features, *shape[1:])

    def run(self, parameters: Parameters, *values: Tensor) -> Tensor:
        """See `Layer`."""
        (x,) = values
        if x.dim() == 3:
            y = x @ parameters["weight"].mT
            return y + parameters["bias"][:, None] if self.bias else y
        columns = x.transpose(1, 2).flatten(2)  # networks, inputs, batch · positions: a view of what a Linear made
        y = parameters["weight"] @ columns
        y = y + parameters["bias"][..., None] if self.bias else y
        return y.unflatten(2, (x.shape[1], *x.shape[3:])).transpose(1, 2)


@dataclasses.dataclass(frozen=True)
class Convolution(Layer):
    """What convolutions of one to three axes have in common; weights as in torch, zero padding."""

    in_channels: int
    out_channels: int
    kernel_size: tuple[int, ...] = (3, 3)
    stride: tuple[int, ...] = (1, 1)
    padding: tuple[int, ...] = (0, 0)
    groups: int = 1
    bias: bool = True
    dilation: tuple[int, ...] = newer((1, 1))
    flow: ClassVar[Flow] = "mix"
    rank: ClassVar[int] = 2
    pins_positions: ClassVar[bool] = True
    has_outputs_first: ClassVar[bool] = True  # in its weights

    def __post_init__(self) -> None:
        require_sizes(self, self.in_channels, self.out_channels, self.groups)
        require_sizes(self, *self.kernel_size, *self.stride, *self.dilation)
        require_sizes(self, *self.padding, at_least=0)
        if {len(self.kernel_size), len(self.stride), len(self.padding), len(self.dilation)} != {self.rank}:
            count = {1: "one number", 2: "two numbers", 3: "three numbers"}[self.rank]
            raise ArchitectureError(
                f"Expected a kernel size, stride, padding and dilation of {count} each, got {self}."
            )
        if self.in_channels % self.groups or self.out_channels % self.groups:
            raise ArchitectureError(
                f"Expected groups that divide {self.in_channels} input and {self.out_channels} output channels, "
                f"got {self.groups}."
            )

    @property
    def num_groups(self) -> int:  # type: ignore[override]
        """See `Layer`."""
        return self.groups

    def parameter_shapes(self) -> dict[str, Shape]:
        """See `Layer`."""
        shapes: dict[str, Shape] = {"weight": (self.out_channels, self.in_channels // self.groups, *self.kernel_size)}
        return shapes | ({"bias": (self.out_channels,)} if self.bias else {})

    @property
    def axes(self) -> Axes:
        """See `Layer`."""
        weight = (OUT, Axis("in", groups=self.groups), *(None,) * self.rank)
        return {"weight": weight} | ({"bias": (OUT,)} if self.bias else {})

    def kept_positions(self, *shapes: Shape) -> tuple[int | None, ...]:
        """See `Layer`."""
        return (None,) * self.rank

    def _expect(self, shape: Shape) -> None:
        names = {1: "length", 2: "height, width", 3: "depth, height, width"}[self.rank]
        fits = len(shape) == self.rank + 1 and shape[0] == self.in_channels
        require(fits, self, f"({self.in_channels}, {names})", shape)

    def output_shape(self, *shapes: Shape) -> Shape:
        """See `Layer`."""
        (shape,) = shapes
        self._expect(shape)
        reach = [dilation * (kernel - 1) + 1 for kernel, dilation in zip(self.kernel_size, self.dilation, strict=True)]
        sides = zip(shape[1:], reach, self.stride, self.padding, strict=True)
        positions = [(size + 2 * padding - kernel) // stride + 1 for size, kernel, stride, padding in sides]
        if min(positions) < 1:
            raise ArchitectureError(f"Expected a map at least as large as the {tuple(reach)} kernel, got {shape[1:]}.")
        return (self.out_channels, *positions)

    def run(self, parameters: Parameters, *values: Tensor) -> Tensor:
        """See `Layer`; N convolutions are one: the networks become channel groups, or output channels of one input."""
        (x,) = values
        num_networks, batch = x.shape[:2]
        weight = parameters["weight"].flatten(0, 1)
        bias = parameters["bias"].flatten() if self.bias else None
        if x.stride(0) == 0 and self.groups == 1 and self.has_outputs_first:  # all networks read the same
            y = self._convolve(x[0], weight, bias, groups=1)
        else:
            channels = x.transpose(0, 1).reshape(batch, -1, *x.shape[3:])  # batch, networks · channels, *positions
            y = self._convolve(channels, weight, bias, groups=num_networks * self.groups)
        return y.view(batch, num_networks, self.out_channels, *y.shape[2:]).transpose(0, 1)

    def _convolve(self, x: Tensor, weight: Tensor, bias: Tensor | None, *, groups: int) -> Tensor:
        convolve = (functional.conv1d, functional.conv2d, functional.conv3d)[self.rank - 1]
        return convolve(x, weight, bias, self.stride, self.padding, self.dilation, groups)


@dataclasses.dataclass(frozen=True)
class Conv2d(Convolution):
    """A 2-D convolution, weight of shape (out_channels, in_channels / groups, *kernel_size), zero padding."""

    kind: ClassVar[str] = "conv2d"


@dataclasses.dataclass(frozen=True)
class Conv1d(Convolution):
    """A 1-D convolution, weight of shape (out_channels, in_channels / groups, kernel), zero padding."""

    kernel_size: tuple[int, ...] = (3,)
    stride: tuple[int, ...] = (1,)
    padding: tuple[int, ...] = (0,)
    dilation: tuple[int, ...] = newer((1,))
    kind: ClassVar[str] = "conv1d"
    rank: ClassVar[int] = 1


@dataclasses.dataclass(frozen=True)
class Conv3d(Convolution):
    """A 3-D convolution, weight of shape (out_channels, in_channels / groups, *kernel_size), zero padding."""

    kernel_size: tuple[int, ...] = (3, 3, 3)
    stride: tuple[int, ...] = (1, 1, 1)
    padding: tuple[int, ...] = (0, 0, 0)
    dilation: tuple[int, ...] = newer((1, 1, 1))
    kind: ClassVar[str] = "conv3d"
    rank: ClassVar[int] = 3


@dataclasses.dataclass(frozen=True)
class TransposedConvolution(Convolution):
    """What transposed convolutions of one to three axes have in common; weights as in torch."""

    has_outputs_first: ClassVar[bool] = False

    output_padding: tuple[int, ...] = (0, 0)

    def __post_init__(self) -> None:
        super().__post_init__()
        require_sizes(self, *self.output_padding, at_least=0)
        if len(self.output_padding) != self.rank:
            raise ArchitectureError(f"Expected an output padding of {self.rank} numbers, got {self}.")

    def parameter_shapes(self) -> dict[str, Shape]:
        """See `Layer`."""
        weight = (self.in_channels, self.out_channels // self.groups, *self.kernel_size)
        shapes: dict[str, Shape] = {"weight": weight}
        return shapes | ({"bias": (self.out_channels,)} if self.bias else {})

    @property
    def axes(self) -> Axes:
        """See `Layer`."""
        weight = (IN, Axis("out", groups=self.groups), *(None,) * self.rank)
        return {"weight": weight} | ({"bias": (OUT,)} if self.bias else {})

    def output_shape(self, *shapes: Shape) -> Shape:
        """See `Layer`."""
        (shape,) = shapes
        self._expect(shape)
        numbers = zip(
            shape[1:], self.kernel_size, self.stride, self.padding, self.dilation, self.output_padding, strict=True
        )
        positions = [
            (size - 1) * stride - 2 * padding + dilation * (kernel - 1) + extra + 1
            for size, kernel, stride, padding, dilation, extra in numbers
        ]
        if min(positions) < 1:
            raise ArchitectureError(f"Expected a map that {self} does not pad away, got {shape[1:]}.")
        return (self.out_channels, *positions)

    def _convolve(self, x: Tensor, weight: Tensor, bias: Tensor | None, *, groups: int) -> Tensor:
        convolve = (functional.conv_transpose1d, functional.conv_transpose2d, functional.conv_transpose3d)[
            self.rank - 1
        ]
        return convolve(x, weight, bias, self.stride, self.padding, self.output_padding, groups, self.dilation)


@dataclasses.dataclass(frozen=True)
class ConvTranspose2d(TransposedConvolution):
    """A transposed 2-D convolution, weight of shape (in_channels, out_channels / groups, *kernel_size)."""

    kind: ClassVar[str] = "conv_transpose2d"


@dataclasses.dataclass(frozen=True)
class ConvTranspose1d(TransposedConvolution):
    """A transposed 1-D convolution, weight of shape (in_channels, out_channels / groups, kernel)."""

    kernel_size: tuple[int, ...] = (3,)
    stride: tuple[int, ...] = (1,)
    padding: tuple[int, ...] = (0,)
    dilation: tuple[int, ...] = newer((1,))
    output_padding: tuple[int, ...] = (0,)
    kind: ClassVar[str] = "conv_transpose1d"
    rank: ClassVar[int] = 1


@dataclasses.dataclass(frozen=True)
class ConvTranspose3d(TransposedConvolution):
    """A transposed 3-D convolution, weight of shape (in_channels, out_channels / groups, *kernel_size)."""

    kernel_size: tuple[int, ...] = (3, 3, 3)
    stride: tuple[int, ...] = (1, 1, 1)
    padding: tuple[int, ...] = (0, 0, 0)
    dilation: tuple[int, ...] = newer((1, 1, 1))
    output_padding: tuple[int, ...] = (0, 0, 0)
    kind: ClassVar[str] = "conv_transpose3d"
    rank: ClassVar[int] = 3


@dataclasses.dataclass(frozen=True)
class Embedding(Layer):
    """A row of a table for each token: reads whole numbers below `num_embeddings`, table (num_embeddings, width).

    The value before it has shape (num_embeddings, *positions), one neuron a token, and is given as (batch, *positions)
    whole numbers: which neuron is 1, the others being 0.
    """

    num_embeddings: int
    embedding_dim: int
    kind: ClassVar[str] = "embedding"
    flow: ClassVar[Flow] = "mix"

    def __post_init__(self) -> None:
        require_sizes(self, self.num_embeddings, self.embedding_dim)

    def parameter_shapes(self) -> dict[str, Shape]:
        """See `Layer`."""
        return {"weight": (self.num_embeddings, self.embedding_dim)}

    @property
    def axes(self) -> Axes:
        """See `Layer`."""
        return {"weight": (IN, OUT)}

    def output_shape(self, *shapes: Shape) -> Shape:
        """See `Layer`."""
        (shape,) = shapes
        require(shape[0] == self.num_embeddings, self, f"({self.num_embeddings}, …)", shape)
        return (self.embedding_dim, *shape[1:])

    def run(self, parameters: Parameters, *values: Tensor) -> Tensor:
        """See `Layer`; reads tokens (networks, batch, *positions)."""
        (tokens,) = values
        weight = parameters["weight"]
        offsets = self.num_embeddings * torch.arange(len(weight), device=weight.device)
        rows = functional.embedding(tokens + offsets.view(-1, *(1,) * (tokens.dim() - 1)), weight.flatten(0, 1))
        return rows.movedim(-1, 2)


@dataclasses.dataclass(frozen=True)
class Constant(Layer):
    """A value of its own, the same for every input: a class token, positions, a learned scale, a mask.

    Attributes:
        shape: (channels, *positions).
        is_learned: Whether it is a parameter, or a number that was fixed when the network was made.
    """

    shape: tuple[int, ...]
    is_learned: bool = True
    kind: ClassVar[str] = "constant"
    flow: ClassVar[Flow] = "source"
    reads: ClassVar[tuple[int, int | None]] = (0, 0)

    def __post_init__(self) -> None:
        require_sizes(self, *self.shape)
        if not self.shape:
            raise ArchitectureError("Expected a constant of shape (channels, *positions), got no axis.")

    def parameter_shapes(self) -> dict[str, Shape]:
        """See `Layer`."""
        return {"value": self.shape}

    @property
    def axes(self) -> Axes:
        """See `Layer`."""
        return {"value": tuple(Axis("out", of_value=axis) for axis in range(len(self.shape)))}

    def output_shape(self, *shapes: Shape) -> Shape:
        """See `Layer`."""
        return self.shape

    def kept_positions(self, *shapes: Shape) -> tuple[int | None, ...]:
        """See `Layer`."""
        return (None,) * (len(self.shape) - 1)

    def run(self, parameters: Parameters, *values: Tensor) -> Tensor:
        """See `Layer`; (networks, 1, *shape), which every batch size goes with."""
        return parameters["value"][:, None]

    @property
    def num_positions(self) -> int:
        """Positions of the value."""
        return math.prod(self.shape[1:])
