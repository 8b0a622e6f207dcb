"""What an input network is made of: layers, activations, skip connections, and the shapes they imply."""

import dataclasses
import hashlib
import itertools
import json
import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, Literal, get_args

from ngcore.errors import ArchitectureError, NeuralGraphError, UnknownNameError

ActivationKind = Literal["none", "relu", "gelu", "silu", "tanh", "sigmoid", "leaky_relu", "sine"]
ACTIVATION_KINDS: tuple[ActivationKind, ...] = get_args(ActivationKind)
Shape = tuple[int, ...]
MAX_FLOAT = 3.4e38  # what single precision holds


@dataclasses.dataclass(frozen=True)
class Linear:
    """`y = W x + b` on a vector, W of shape (out_features, in_features)."""

    in_features: int
    out_features: int
    bias: bool = True
    kind: ClassVar[str] = "linear"

    def __post_init__(self) -> None:
        _require_sizes(self, self.in_features, self.out_features)

    def parameter_shapes(self) -> dict[str, Shape]:
        """Shapes of the parameters by their names."""
        shapes: dict[str, Shape] = {"weight": (self.out_features, self.in_features)}
        return shapes | ({"bias": (self.out_features,)} if self.bias else {})

    def output_shape(self, shape: Shape) -> Shape:
        """Shape of the value that this layer makes of a value of `shape`."""
        _require(shape == (self.in_features,), self, f"({self.in_features},)", shape)
        return (self.out_features,)


@dataclasses.dataclass(frozen=True)
class Conv2d:
    """A 2-D convolution, weight of shape (out_channels, in_channels / groups, *kernel_size), zero padding."""

    in_channels: int
    out_channels: int
    kernel_size: tuple[int, int] = (3, 3)
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    groups: int = 1
    bias: bool = True
    kind: ClassVar[str] = "conv2d"

    def __post_init__(self) -> None:
        _require_sizes(self, self.in_channels, self.out_channels, *self.kernel_size, *self.stride, self.groups)
        _require_sizes(self, *self.padding, at_least=0)
        if {len(self.kernel_size), len(self.stride), len(self.padding)} != {2}:
            raise ArchitectureError(f"Expected a kernel size, stride and padding of two numbers each, got {self}.")
        if self.in_channels % self.groups or self.out_channels % self.groups:
            raise ArchitectureError(
                f"Expected groups that divide {self.in_channels} input and {self.out_channels} output channels, "
                f"got {self.groups}."
            )

    def parameter_shapes(self) -> dict[str, Shape]:
        """Shapes of the parameters by their names."""
        shapes: dict[str, Shape] = {"weight": (self.out_channels, self.in_channels // self.groups, *self.kernel_size)}
        return shapes | ({"bias": (self.out_channels,)} if self.bias else {})

    def output_shape(self, shape: Shape) -> Shape:
        """Shape of the value that this layer makes of a value of `shape`."""
        _require(len(shape) == 3 and shape[0] == self.in_channels, self, f"({self.in_channels}, height, width)", shape)
        sides = zip(shape[1:], self.kernel_size, self.stride, self.padding, strict=True)
        height, width = ((size + 2 * padding - kernel) // stride + 1 for size, kernel, stride, padding in sides)
        if height < 1 or width < 1:
            raise ArchitectureError(
                f"Expected a map at least as large as the {self.kernel_size} kernel, got {shape[1:]}."
            )
        return (self.out_channels, height, width)


@dataclasses.dataclass(frozen=True)
class BatchNorm:
    """Batch normalisation as it is at inference: scale and shift by running statistics, per channel."""

    num_features: int
    eps: float = 1e-5
    kind: ClassVar[str] = "batch_norm"

    def __post_init__(self) -> None:
        _require_sizes(self, self.num_features)
        _set_number(self, "eps")
        if self.eps <= 0:
            raise ArchitectureError(f"Expected an eps above 0, got {self}.")

    def parameter_shapes(self) -> dict[str, Shape]:
        """Shapes of the parameters and running statistics by their names."""
        return dict.fromkeys(("weight", "bias", "running_mean", "running_var"), (self.num_features,))

    def output_shape(self, shape: Shape) -> Shape:
        """Shape of the value that this layer makes of a value of `shape`."""
        _require(shape[0] == self.num_features, self, f"({self.num_features}, …)", shape)
        return shape


@dataclasses.dataclass(frozen=True)
class LayerNorm:
    """Layer normalisation over the features of a vector, or over the channels at each position of a map."""

    num_features: int
    eps: float = 1e-5
    kind: ClassVar[str] = "layer_norm"

    def __post_init__(self) -> None:
        _require_sizes(self, self.num_features)
        _set_number(self, "eps")
        if self.eps <= 0:
            raise ArchitectureError(f"Expected an eps above 0, got {self}.")

    def parameter_shapes(self) -> dict[str, Shape]:
        """Shapes of the parameters by their names."""
        return dict.fromkeys(("weight", "bias"), (self.num_features,))

    def output_shape(self, shape: Shape) -> Shape:
        """Shape of the value that this layer makes of a value of `shape`."""
        _require(shape[0] == self.num_features, self, f"({self.num_features}, …)", shape)
        return shape


@dataclasses.dataclass(frozen=True)
class Activation:
    """An element-wise function; `function` is one of `ACTIVATION_KINDS`, sine means sin(omega_0 · x)."""

    function: ActivationKind
    omega_0: float = 1.0
    negative_slope: float = 0.01
    kind: ClassVar[str] = "activation"

    def __post_init__(self) -> None:
        if self.function not in ACTIVATION_KINDS:
            raise UnknownNameError("activation", self.function, ACTIVATION_KINDS)
        _set_number(self, "omega_0")
        _set_number(self, "negative_slope")

    def parameter_shapes(self) -> dict[str, Shape]:
        """An activation has no parameters."""
        return {}

    def output_shape(self, shape: Shape) -> Shape:
        """Shape of the value that this layer makes of a value of `shape`."""
        return shape


@dataclasses.dataclass(frozen=True)
class GlobalAveragePool:
    """Mean over the positions of a map: (channels, height, width) → (channels,)."""

    kind: ClassVar[str] = "global_average_pool"

    def parameter_shapes(self) -> dict[str, Shape]:
        """Pooling has no parameters."""
        return {}

    def output_shape(self, shape: Shape) -> Shape:
        """Shape of the value that this layer makes of a value of `shape`."""
        _require(len(shape) == 3, self, "(channels, height, width)", shape)
        return shape[:1]


@dataclasses.dataclass(frozen=True)
class Flatten:
    """A map as one long vector, channel by channel: (channels, height, width) → (channels · height · width,)."""

    kind: ClassVar[str] = "flatten"

    def parameter_shapes(self) -> dict[str, Shape]:
        """Flattening has no parameters."""
        return {}

    def output_shape(self, shape: Shape) -> Shape:
        """Shape of the value that this layer makes of a value of `shape`."""
        return (math.prod(shape),)


Layer = Linear | Conv2d | BatchNorm | LayerNorm | Activation | GlobalAveragePool | Flatten
LAYER_TYPES: dict[str, type[Layer]] = {layer.kind: layer for layer in get_args(Layer)}


@dataclasses.dataclass(frozen=True)
class Skip:
    """A residual connection: value `source` is added to value `target` (0 = input, k = output of layer k − 1)."""

    source: int
    target: int


@dataclasses.dataclass(frozen=True)
class Architecture:
    """The structure of an input network: a chain of layers with residual connections.

    Value 0 is the input; value k is what layer k − 1 makes of value k − 1, plus the values that skips add to it.

    Example:
        >>> architecture = siren((2, 32, 32, 1))
        >>> architecture.name, architecture.num_parameters
        ('2-32-32-1 sine', 1185)

    Attributes:
        input_shape: (features,) of a vector or (channels, height, width) of a map.
        layers: The chain of layers.
        skips: Residual connections between values of equal shape.

    Raises:
        ArchitectureError: Where two layers, or the ends of a skip, do not fit.
    """

    input_shape: Shape
    layers: tuple[Layer, ...]
    skips: tuple[Skip, ...] = ()

    def __post_init__(self) -> None:
        if len(self.input_shape) not in (1, 3) or min(self.input_shape) < 1:
            raise ArchitectureError(
                f"Expected an input shape (features,) or (channels, height, width), got {self.input_shape}."
            )
        shapes = self.shapes
        for skip in self.skips:
            if not 0 <= skip.source < skip.target < len(shapes):
                raise ArchitectureError(f"Expected a skip forwards between values 0 … {len(shapes) - 1}, got {skip}.")
            if shapes[skip.source] != shapes[skip.target]:
                raise ArchitectureError(
                    f"Expected a skip between values of equal shape, got {shapes[skip.source]} and "
                    f"{shapes[skip.target]} in {skip}."
                )

    @cached_property
    def shapes(self) -> tuple[Shape, ...]:
        """Shape of every value, without stack and batch axes."""
        shapes = itertools.accumulate(self.layers, lambda s, layer: layer.output_shape(s), initial=self.input_shape)
        return tuple(shapes)

    @cached_property
    def parameter_shapes(self) -> dict[str, Shape]:
        """Shape of every parameter, named "<layer>.<parameter>" as in `torch.nn.Sequential`."""
        return {
            f"{i}.{name}": shape
            for i, layer in enumerate(self.layers)
            for name, shape in layer.parameter_shapes().items()
        }

    @cached_property
    def num_parameters(self) -> int:
        """Number of scalars in one network, running statistics included."""
        return sum(math.prod(shape) for shape in self.parameter_shapes.values())

    @property
    def output_shape(self) -> Shape:
        """Shape of the last value."""
        return self.shapes[-1]

    @property
    def is_convolutional(self) -> bool:
        """Whether the network reads maps."""
        return len(self.input_shape) == 3

    @cached_property
    def layer_sizes(self) -> tuple[int, ...]:
        """Neurons (channels) of the input and of every Linear and Conv2d (the "layer layout" of other code)."""
        sizes = [s.out_features if isinstance(s, Linear) else s.out_channels for s in self.weight_layers.values()]
        return (self.input_shape[0], *sizes)

    @cached_property
    def weight_layers(self) -> dict[int, Linear | Conv2d]:
        """The Linear and Conv2d layers by their position in the chain."""
        return {i: layer for i, layer in enumerate(self.layers) if isinstance(layer, Linear | Conv2d)}

    @cached_property
    def name(self) -> str:
        """A short human name such as "2-32-32-1 sine"."""
        functions = dict.fromkeys(layer.function for layer in self.layers if isinstance(layer, Activation))
        prefix = "CNN " if self.is_convolutional else ""
        return f"{prefix}{'-'.join(map(str, self.layer_sizes))} {'/'.join(functions) or 'none'}"

    @cached_property
    def id(self) -> str:
        """Twelve hex digits that identify the structure."""
        text = json.dumps(self.to_dict(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types; inverse of `from_dict`."""
        layers = [{"kind": layer.kind, **dataclasses.asdict(layer)} for layer in self.layers]
        skips = [dataclasses.asdict(skip) for skip in self.skips]
        return json.loads(json.dumps({"input_shape": self.input_shape, "layers": layers, "skips": skips}))

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> "Architecture":
        """Inverse of `to_dict`.

        Raises:
            ArchitectureError: If the fields do not describe an architecture.
        """
        try:
            layers = tuple(_layer_from_dict(layer) for layer in fields["layers"])
            skips = tuple(Skip(int(skip["source"]), int(skip["target"])) for skip in fields.get("skips", ()))
            return cls(tuple(int(size) for size in fields["input_shape"]), layers, skips)
        except NeuralGraphError:
            raise
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ArchitectureError(f"Expected the fields of an architecture, got {fields!r:.200}.") from error


def _layer_from_dict(fields: Mapping[str, Any]) -> Layer:
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in fields.items() if k != "kind"}
    if fields["kind"] not in LAYER_TYPES:
        raise UnknownNameError("layer kind", fields["kind"], LAYER_TYPES)
    return LAYER_TYPES[fields["kind"]](**values)


def _require_sizes(layer: Layer, *sizes: int, at_least: int = 1) -> None:
    if not all(type(size) is int and size >= at_least for size in sizes):
        raise ArchitectureError(f"Expected whole numbers of at least {at_least} as sizes, got {layer}.")


def _set_number(layer: Layer, name: str) -> None:
    """Make a field a float, as 30 and 30.0 are one structure with one id; single precision must be able to hold it."""
    number = float(getattr(layer, name))
    if not abs(number) <= MAX_FLOAT:
        raise ArchitectureError(f"Expected a finite {name}, got {layer}.")
    object.__setattr__(layer, name, number)


def _require(fits: bool, layer: Layer, expected: str, shape: Shape) -> None:
    if not fits:
        raise ArchitectureError(f"Expected a value of shape {expected} before {layer}, got {shape}.")


def mlp(sizes: Sequence[int], activation: Activation | ActivationKind = "relu") -> Architecture:
    """A multi-layer perceptron of the given layer sizes, `activation` after all but the last layer."""
    function = activation if isinstance(activation, Activation) else Activation(activation)
    linears = [Linear(n_in, n_out) for n_in, n_out in itertools.pairwise(sizes)]
    layers = [layer for linear in linears for layer in (linear, function)][:-1]
    return Architecture((sizes[0],), tuple(layers))


def siren(sizes: Sequence[int] = (2, 32, 32, 1), omega_0: float = 30.0) -> Architecture:
    """A SIREN (Sitzmann et al. 2020): sin(omega_0 · (W x + b)) after all but the last layer."""
    return mlp(sizes, Activation("sine", omega_0=omega_0))


def small_cnn(
    channels: Sequence[int] = (1, 16, 16, 16),
    *,
    num_classes: int = 10,
    activation: ActivationKind = "relu",
    image_size: tuple[int, int] = (32, 32),
    stride: int = 2,
) -> Architecture:
    """Three-by-three convolutions, global average pooling and a Linear, as in the Small CNN Zoo."""
    convolutions = [
        Conv2d(c_in, c_out, (3, 3), (stride, stride), (1, 1)) for c_in, c_out in itertools.pairwise(channels)
    ]
    body = [layer for convolution in convolutions for layer in (convolution, Activation(activation))]
    head = (GlobalAveragePool(), Linear(channels[-1], num_classes))
    return Architecture((channels[0], *image_size), (*body, *head))
