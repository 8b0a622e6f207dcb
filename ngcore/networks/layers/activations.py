"""Element-wise functions: activations, PReLU, scalar arithmetic, and softmax."""

import dataclasses
import math
from collections.abc import Callable
from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional

from ngcore.errors import UnknownNameError
from ngcore.networks.layers.base import (
    OUT,
    Axes,
    Flow,
    Layer,
    Parameters,
    Shape,
    Symmetry,
    along,
    newer,
    require,
    require_sizes,
    set_number,
)

ActivationKind = Literal[
    "none",
    "relu",
    "gelu",
    "silu",
    "tanh",
    "sigmoid",
    "leaky_relu",
    "sine",
    "gelu_tanh",
    "quick_gelu",
    "elu",
    "celu",
    "selu",
    "mish",
    "softplus",
    "softsign",
    "hard_tanh",
    "hard_sigmoid",
    "hard_swish",
    "log_sigmoid",
    "tanh_shrink",
    "soft_shrink",
    "hard_shrink",
    "threshold",
    "cosine",
    "exp",
    "log",
    "abs",
    "power",
    "clamp",
]
ACTIVATION_KINDS: tuple[ActivationKind, ...] = get_args(ActivationKind)
NUM_FIRST_KINDS = 8
"""The kinds that models knew first; tables of shipped models have as many rows."""

ODD_FUNCTIONS: tuple[ActivationKind, ...] = ("none", "tanh", "sine", "softsign", "tanh_shrink")  # f(−x) = −f(x)
HOMOGENEOUS_FUNCTIONS: tuple[ActivationKind, ...] = ("none", "relu", "leaky_relu", "abs")  # f(s x) = s f(x), s > 0


@dataclasses.dataclass(frozen=True)
class Activation(Layer):
    """An element-wise function.

    Attributes:
        function: One of `ACTIVATION_KINDS`; sine means sin(omega_0 · x), cosine likewise.
        omega_0: Frequency of a sine or cosine.
        negative_slope: Of a leaky ReLU.
        alpha: α of ELU and CELU, λ of the shrinkages, the exponent of a power, the value below a threshold.
        beta: β of softplus, and the threshold of "threshold".
        low: Least value of clamp and hard tanh.
        high: Largest value of clamp and hard tanh.
    """

    function: ActivationKind
    omega_0: float = 1.0
    negative_slope: float = 0.01
    alpha: float = newer(1.0)
    beta: float = newer(1.0)
    low: float = newer(-1.0)
    high: float = newer(1.0)
    kind: ClassVar[str] = "activation"
    flow: ClassVar[Flow] = "keep"

    def __post_init__(self) -> None:
        if self.function not in ACTIVATION_KINDS:
            raise UnknownNameError("activation", self.function, ACTIVATION_KINDS)
        for name in ("omega_0", "negative_slope", "alpha", "beta"):
            set_number(self, name)
        for name in ("low", "high"):
            object.__setattr__(self, name, float(getattr(self, name)))

    @property
    def passes(self) -> frozenset[Symmetry]:  # type: ignore[override]
        """See `Layer`."""
        is_odd, is_homogeneous = self.function in ODD_FUNCTIONS, self.function in HOMOGENEOUS_FUNCTIONS
        names: tuple[tuple[Symmetry, bool], ...] = (("sign", is_odd), ("scale", is_homogeneous))
        return frozenset(name for name, holds in names if holds)

    def output_shape(self, *shapes: Shape) -> Shape:
        """See `Layer`."""
        return shapes[0]

    def run(self, parameters: Parameters, *values: Tensor) -> Tensor:
        """See `Layer`."""
        return activate(self, values[0])


FUNCTIONS: dict[ActivationKind, Callable[[Activation, Tensor], Tensor]] = {
    "none": lambda _, x: x,
    "relu": lambda _, x: functional.relu(x),
    "gelu": lambda _, x: functional.gelu(x),
    "silu": lambda _, x: functional.silu(x),
    "tanh": lambda _, x: torch.tanh(x),
    "sigmoid": lambda _, x: torch.sigmoid(x),
    "leaky_relu": lambda a, x: functional.leaky_relu(x, a.negative_slope),
    "sine": lambda a, x: torch.sin(a.omega_0 * x),
    "gelu_tanh": lambda _, x: functional.gelu(x, approximate="tanh"),
    "quick_gelu": lambda _, x: x * torch.sigmoid(1.702 * x),
    "elu": lambda a, x: functional.elu(x, a.alpha),
    "celu": lambda a, x: functional.celu(x, a.alpha),
    "selu": lambda _, x: functional.selu(x),
    "mish": lambda _, x: functional.mish(x),
    "softplus": lambda a, x: functional.softplus(x, a.beta),
    "softsign": lambda _, x: functional.softsign(x),
    "hard_tanh": lambda a, x: x.clamp(a.low, a.high),
    "hard_sigmoid": lambda _, x: functional.hardsigmoid(x),
    "hard_swish": lambda _, x: functional.hardswish(x),
    "log_sigmoid": lambda _, x: functional.logsigmoid(x),
    "tanh_shrink": lambda _, x: functional.tanhshrink(x),
    "soft_shrink": lambda a, x: functional.softshrink(x, a.alpha),
    "hard_shrink": lambda a, x: functional.hardshrink(x, a.alpha),
    "threshold": lambda a, x: functional.threshold(x, a.beta, a.alpha),
    "cosine": lambda a, x: torch.cos(a.omega_0 * x),
    "exp": lambda _, x: torch.exp(x),
    "log": lambda _, x: torch.log(x),
    "abs": lambda _, x: x.abs(),
    "power": lambda a, x: x**a.alpha,
    "clamp": lambda a, x: x.clamp(a.low, a.high),
}


def activate(layer: Activation, x: Tensor) -> Tensor:
    """Apply an activation element-wise."""
    return FUNCTIONS[layer.function](layer, x)


@dataclasses.dataclass(frozen=True)
class PReLU(Layer):
    """A leaky ReLU with a learned slope for each channel, or one for all (He et al. 2015)."""

    num_parameters: int = 1
    kind: ClassVar[str] = "prelu"
    flow: ClassVar[Flow] = "keep"

    def __post_init__(self) -> None:
        require_sizes(self, self.num_parameters)

    def parameter_shapes(self) -> dict[str, Shape]:
        """See `Layer`."""
        return {"weight": (self.num_parameters,)}

    @property
    def axes(self) -> Axes:
        """See `Layer`."""
        return {"weight": (None,) if self.num_parameters == 1 else (OUT,)}

    def output_shape(self, *shapes: Shape) -> Shape:
        """See `Layer`."""
        require(self.num_parameters in (1, shapes[0][0]), self, f"({self.num_parameters}, …)", *shapes)
        return shapes[0]

    def run(self, parameters: Parameters, *values: Tensor) -> Tensor:
        """See `Layer`."""
        (x,) = values
        return torch.where(x > 0, x, along(parameters["weight"], x) * x)


@dataclasses.dataclass(frozen=True)
class Affine(Layer):
    """Scalar arithmetic, factor · x + shift, with numbers that are part of the structure."""

    factor: float = 1.0
    shift: float = 0.0
    kind: ClassVar[str] = "affine"
    flow: ClassVar[Flow] = "keep"

    def __post_init__(self) -> None:
        set_number(self, "factor")
        set_number(self, "shift")

    @property
    def passes(self) -> frozenset[Symmetry]:  # type: ignore[override]
        """See `Layer`."""
        return frozenset() if self.shift else frozenset(("sign", "scale"))

    def output_shape(self, *shapes: Shape) -> Shape:
        """See `Layer`."""
        return shapes[0]

    def run(self, parameters: Parameters, *values: Tensor) -> Tensor:
        """See `Layer`."""
        (x,) = values
        x = x if math.isclose(self.factor, 1.0, rel_tol=0, abs_tol=0) else self.factor * x
        return x + self.shift if self.shift else x


@dataclasses.dataclass(frozen=True)
class Softmax(Layer):
    """Softmax over the channels (axis 0) or over an axis of positions (1, 2, …).

    Attributes:
        axis: Axis of the value.
        is_log: Whether its logarithm is meant.
    """

    axis: int = 0
    is_log: bool = False
    kind: ClassVar[str] = "softmax"
    flow: ClassVar[Flow] = "keep"

    def output_shape(self, *shapes: Shape) -> Shape:
        """See `Layer`."""
        require(0 <= self.axis < len(shapes[0]), self, f"at least {self.axis + 1} axes", *shapes)
        return shapes[0]

    def run(self, parameters: Parameters, *values: Tensor) -> Tensor:
        """See `Layer`."""
        function = torch.log_softmax if self.is_log else torch.softmax
        return function(values[0], dim=self.axis + 2)
