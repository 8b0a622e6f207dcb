"""Normalising layers: batch, layer, group, instance and RMS norm, as they are at inference."""

import dataclasses
from typing import ClassVar

from torch import Tensor
from torch.nn import functional

from ngcore.errors import ArchitectureError
from ngcore.networks.layers.base import (
    OUT,
    Axes,
    Axis,
    Flow,
    Layer,
    Parameters,
    Shape,
    along,
    folded,
    newer,
    require,
    require_sizes,
    set_number,
)


class Norm(Layer):
    """What all norms have in common: `num_features` channels, an eps, and a scale and shift for each channel."""

    flow: ClassVar[Flow] = "norm"
    num_features: int
    eps: float

    def __post_init__(self) -> None:
        require_sizes(self, self.num_features)
        set_number(self, "eps")
        if self.eps <= 0:
            raise ArchitectureError(f"Expected an eps above 0, got {self}.")

    @property
    def axes(self) -> Axes:
        """See `Layer`."""
        return dict.fromkeys(self.parameter_shapes(), (OUT,))

    def output_shape(self, *shapes: Shape) -> Shape:
        """See `Layer`."""
        (shape,) = shapes
        require(shape[0] == self.num_features, self, f"({self.num_features}, …)", shape)
        return shape


@dataclasses.dataclass(frozen=True)
class BatchNorm(Norm):
    """Batch normalisation as it is at inference: scale and shift by running statistics, per channel."""

    num_features: int
    eps: float = 1e-5
    affine: bool = newer(True)
    kind: ClassVar[str] = "batch_norm"

    def parameter_shapes(self) -> dict[str, Shape]:
        """Shapes of the parameters and running statistics by their names."""
        names = ("weight", "bias") if self.affine else ()
        return dict.fromkeys((*names, "running_mean", "running_var"), (self.num_features,))

    def run(self, parameters: Parameters, *values: Tensor) -> Tensor:
        """See `Layer`."""
        (x,) = values
        if not self.affine:
            scale = (parameters["running_var"] + self.eps).rsqrt()
            return (x - along(parameters["running_mean"], x)) * along(scale, x)
        scale = parameters["weight"] / (parameters["running_var"] + self.eps).sqrt()
        shift = parameters["bias"] - parameters["running_mean"] * scale
        return x * along(scale, x) + along(shift, x)


@dataclasses.dataclass(frozen=True)
class LayerNorm(Norm):
    """Layer normalisation over the channels at each position.

    Attributes:
        num_features: Channels.
        eps: Added to the variance.
        affine: Whether there is a scale.
        bias: Whether there is a shift.
    """

    num_features: int
    eps: float = 1e-5
    affine: bool = newer(True)
    bias: bool = newer(True)
    kind: ClassVar[str] = "layer_norm"

    def parameter_shapes(self) -> dict[str, Shape]:
        """See `Layer`."""
        names = (["weight"] if self.affine else []) + (["bias"] if self.affine and self.bias else [])
        return dict.fromkeys(names, (self.num_features,))

    def run(self, parameters: Parameters, *values: Tensor) -> Tensor:
        """See `Layer`."""
        (x,) = values
        centred = x - x.mean(dim=2, keepdim=True)
        normal = centred * (centred.square().mean(dim=2, keepdim=True) + self.eps).rsqrt()
        return _scaled_and_shifted(normal, parameters)


@dataclasses.dataclass(frozen=True)
class RMSNorm(Norm):
    """Division by the root mean square of the channels at each position (Zhang & Sennrich 2019)."""

    num_features: int
    eps: float = 1e-6
    affine: bool = True
    kind: ClassVar[str] = "rms_norm"

    def parameter_shapes(self) -> dict[str, Shape]:
        """See `Layer`."""
        return {"weight": (self.num_features,)} if self.affine else {}

    def run(self, parameters: Parameters, *values: Tensor) -> Tensor:
        """See `Layer`."""
        (x,) = values
        return _scaled_and_shifted(x * (x.square().mean(dim=2, keepdim=True) + self.eps).rsqrt(), parameters)


@dataclasses.dataclass(frozen=True)
class GroupNorm(Norm):
    """Normalisation over all positions of each of `groups` groups of channels (Wu & He 2018)."""

    groups: int
    num_features: int
    eps: float = 1e-5
    affine: bool = True
    kind: ClassVar[str] = "group_norm"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_sizes(self, self.groups)
        if self.num_features % self.groups:
            raise ArchitectureError(f"Expected groups that divide {self.num_features} channels, got {self.groups}.")

    @property
    def num_groups(self) -> int:  # type: ignore[override]
        """See `Layer`."""
        return self.groups

    def parameter_shapes(self) -> dict[str, Shape]:
        """See `Layer`."""
        return dict.fromkeys(("weight", "bias") if self.affine else (), (self.num_features,))

    def run(self, parameters: Parameters, *values: Tensor) -> Tensor:
        """See `Layer`."""
        (x,) = values
        normal = functional.group_norm(folded(x), self.groups, eps=self.eps).view_as(x)
        return _scaled_and_shifted(normal, parameters)


@dataclasses.dataclass(frozen=True)
class InstanceNorm(Norm):
    """Normalisation of each channel over its positions (Ulyanov et al. 2016)."""

    num_features: int
    eps: float = 1e-5
    affine: bool = False
    kind: ClassVar[str] = "instance_norm"

    def parameter_shapes(self) -> dict[str, Shape]:
        """See `Layer`."""
        return dict.fromkeys(("weight", "bias") if self.affine else (), (self.num_features,))

    def output_shape(self, *shapes: Shape) -> Shape:
        """See `Layer`."""
        require(len(shapes[0]) > 1, self, f"({self.num_features}, positions, …)", *shapes)
        return super().output_shape(*shapes)

    def run(self, parameters: Parameters, *values: Tensor) -> Tensor:
        """See `Layer`."""
        (x,) = values
        return _scaled_and_shifted(functional.instance_norm(folded(x), eps=self.eps).view_as(x), parameters)


@dataclasses.dataclass(frozen=True)
class MapNorm(Layer):
    """Layer normalisation over channels and positions together, with a scale and shift for each place of the map.

    Attributes:
        shape: (channels, *positions) that it normalises over.
        eps: Added to the variance.
        affine: Whether there are a scale and a shift.
        bias: Whether there is a shift.
    """

    shape: tuple[int, ...]
    eps: float = 1e-5
    affine: bool = True
    bias: bool = True
    kind: ClassVar[str] = "map_norm"
    flow: ClassVar[Flow] = "norm"

    def __post_init__(self) -> None:
        require_sizes(self, *self.shape)
        set_number(self, "eps")

    def parameter_shapes(self) -> dict[str, Shape]:
        """See `Layer`."""
        names = (["weight"] if self.affine else []) + (["bias"] if self.affine and self.bias else [])
        return dict.fromkeys(names, self.shape)

    @property
    def axes(self) -> Axes:
        """See `Layer`."""
        return dict.fromkeys(self.parameter_shapes(), tuple(Axis("out", axis) for axis in range(len(self.shape))))

    def output_shape(self, *shapes: Shape) -> Shape:
        """See `Layer`."""
        require(shapes[0] == self.shape, self, str(self.shape), *shapes)
        return self.shape

    def run(self, parameters: Parameters, *values: Tensor) -> Tensor:
        """See `Layer`."""
        (x,) = values
        return _scaled_and_shifted(functional.layer_norm(x, self.shape, eps=self.eps), parameters)


@dataclasses.dataclass(frozen=True)
class LocalResponseNorm(Layer):
    """Division by the activity of neighbouring channels (Krizhevsky et al. 2012): their order has meaning."""

    size: int
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 1.0
    kind: ClassVar[str] = "local_response_norm"
    flow: ClassVar[Flow] = "keep"
    period: ClassVar[int | None] = 1_000_000_000

    def output_shape(self, *shapes: Shape) -> Shape:
        """See `Layer`."""
        return shapes[0]

    def run(self, parameters: Parameters, *values: Tensor) -> Tensor:
        """See `Layer`."""
        (x,) = values
        return functional.local_response_norm(folded(x), self.size, self.alpha, self.beta, self.k).view_as(x)


def _scaled_and_shifted(x: Tensor, parameters: Parameters) -> Tensor:
    if "weight" in parameters:
        x = x * along(parameters["weight"], x)
    return x + along(parameters["bias"], x) if "bias" in parameters else x
