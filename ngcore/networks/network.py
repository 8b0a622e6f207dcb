"""An input network as data: an architecture and its parameters, one network or a stack of N."""

from collections.abc import Callable, Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ngcore.errors import ArchitectureError, ShapeMismatchError
from ngcore.networks.architecture import (
    Activation,
    ActivationKind,
    Architecture,
    BatchNorm,
    Conv2d,
    Flatten,
    GlobalAveragePool,
    Layer,
    LayerNorm,
    Linear,
)
from ngcore.networks.forward import forward_values


class Network:
    """N networks of one architecture, stacked: every parameter has the networks as its leading axis.

    A network that stands alone is a stack of one. `network[i]` and slices are stacks again.

    Example:
        >>> architecture = mlp((2, 3, 1))                      # 2 inputs, 3 hidden neurons, 1 output
        >>> network = Network(architecture, {name: torch.zeros(5, *shape)
        ...                                  for name, shape in architecture.parameter_shapes.items()})
        >>> network
        Network(5 × 2-3-1 relu: 13 parameters)
        >>> network(torch.zeros(7, 2)).shape                   # networks, batch, outputs
        torch.Size([5, 7, 1])

    Args:
        architecture: The structure that all networks of the stack share.
        parameters: Tensors (networks, *shape) under the names of `architecture.parameter_shapes`.

    Raises:
        ShapeMismatchError: If a parameter is missing, unknown or of another shape.
    """

    def __init__(self, architecture: Architecture, parameters: Mapping[str, Tensor]) -> None:
        self.architecture = architecture
        self.parameters = _checked(architecture, parameters)

    def __len__(self) -> int:
        return next(iter(self.parameters.values())).shape[0] if self.parameters else 1

    def __repr__(self) -> str:
        return f"Network({len(self)} × {self.architecture.name}: {self.architecture.num_parameters} parameters)"

    def __getitem__(self, index: int | slice | Sequence[int] | Tensor) -> "Network":
        """Select networks; the result is a stack, of one if `index` is an integer."""
        if isinstance(index, int):
            if not -len(self) <= index < len(self):
                raise IndexError(f"Expected an index below {len(self)}, got {index}.")
            index = [index]
        return self.map(lambda tensor: tensor[index])

    def map(self, function: Callable[[Tensor], Tensor]) -> "Network":
        """Apply `function` to every parameter tensor."""
        return Network(self.architecture, {name: function(tensor) for name, tensor in self.parameters.items()})

    def plus(self, change: "Network", strength: float = 1.0) -> "Network":
        """θ + strength · Δθ, with Δθ the parameters of `change`, networks of the same architecture."""
        changed = {name: tensor + strength * change.parameters[name] for name, tensor in self.parameters.items()}
        return Network(self.architecture, changed)

    def to(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> "Network":
        """The same networks on another device or in another dtype."""
        return self.map(lambda tensor: tensor.to(device=device, dtype=dtype))

    def detach(self) -> "Network":
        """The same networks without gradient history."""
        return self.map(Tensor.detach)

    @property
    def device(self) -> torch.device:
        """Device of the parameters."""
        return next(iter(self.parameters.values())).device

    @property
    def dtype(self) -> torch.dtype:
        """Data type of the parameters."""
        return next(iter(self.parameters.values())).dtype

    def equals(self, other: "Network") -> bool:
        """Whether both are the same networks, bit for bit."""
        return self.architecture == other.architecture and all(
            torch.equal(tensor, other.parameters[name]) for name, tensor in self.parameters.items()
        )

    def flatten(self) -> Float[Tensor, "networks parameters"]:
        """All parameters of each network in one row, in the order of `architecture.parameter_shapes`."""
        return torch.cat([self.parameters[name].flatten(1) for name in self.architecture.parameter_shapes], dim=1)

    @classmethod
    def unflatten(cls, architecture: Architecture, flat: Float[Tensor, "networks parameters"]) -> "Network":
        """Inverse of `flatten`."""
        if flat.shape[1] != architecture.num_parameters:
            raise ShapeMismatchError(f"Expected {architecture.num_parameters} parameters a row, got {flat.shape[1]}.")
        shapes = architecture.parameter_shapes
        sizes = [torch.Size(shape).numel() for shape in shapes.values()]
        rows = zip(shapes.items(), flat.split(sizes, dim=1), strict=True)
        return cls(architecture, {name: row.reshape(-1, *shape) for (name, shape), row in rows})

    @classmethod
    def cat(cls, networks: Sequence["Network"]) -> "Network":
        """One stack of all the networks.

        Raises:
            ArchitectureError: If their architectures differ.
        """
        first = networks[0].architecture
        if any(network.architecture != first for network in networks):
            names = sorted({network.architecture.name for network in networks})
            raise ArchitectureError(f"Expected networks of one architecture to stack, got {', '.join(names)}.")
        return cls(first, {name: torch.cat([n.parameters[name] for n in networks]) for name in first.parameter_shapes})

    def __call__(self, x: Tensor) -> Tensor:
        """Run every network.

        Args:
            x: (batch, *input_shape), the same inputs for all networks, or (networks, batch, *input_shape).

        Returns:
            (networks, batch, *output_shape).
        """
        return self.values(x)[-1]

    def values(self, x: Tensor) -> list[Tensor]:
        """Every value of the forward pass: the input, then the output of each layer, (networks, batch, *shape)."""
        return forward_values(self.architecture, self.parameters, x, num_networks=len(self))


def _checked(architecture: Architecture, parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
    shapes = architecture.parameter_shapes
    if parameters.keys() != shapes.keys():
        raise ShapeMismatchError(f"Expected parameters {sorted(shapes)}, got {sorted(parameters)}.")
    counts = {tensor.shape[0] if tensor.dim() else 0 for tensor in parameters.values()}
    for name, shape in shapes.items():
        if tuple(parameters[name].shape[1:]) != shape or len(counts) != 1:
            raise ShapeMismatchError(
                f"Expected {name!r} of shape (networks, {', '.join(map(str, shape))}) with as many networks in every "
                f"parameter, got {tuple(parameters[name].shape)}."
            )
    return {name: parameters[name] for name in shapes}


def from_module(module: nn.Sequential, input_shape: Sequence[int]) -> Network:
    """Read a `torch.nn.Sequential` as a stack of one network.

    Raises:
        ArchitectureError: If it holds a module that has no counterpart here.
    """
    layers = tuple(_layer_of(child) for child in module)
    architecture = Architecture(tuple(input_shape), layers)
    for layer, shape in zip(layers, architecture.shapes, strict=False):
        if isinstance(layer, LayerNorm) and len(shape) == 3:
            raise ArchitectureError("Expected layer normalisation of vectors, got one over part of a map.")
    state = {f"{i}.{name}": tensor for i, child in enumerate(module) for name, tensor in child.state_dict().items()}
    return Network(architecture, {name: state[name].detach().clone()[None] for name in architecture.parameter_shapes})


def _layer_of(module: nn.Module) -> Layer:
    match module:
        case nn.Linear():
            return Linear(module.in_features, module.out_features, module.bias is not None)
        case nn.Conv2d(dilation=(1, 1), padding_mode="zeros") if not isinstance(module.padding, str):
            (height, width), (down, right), (above, beside) = module.kernel_size, module.stride, module.padding
            sizes = ((height, width), (down, right), (above, beside))
            return Conv2d(module.in_channels, module.out_channels, *sizes, module.groups, module.bias is not None)
        case nn.BatchNorm1d() | nn.BatchNorm2d() if module.affine and module.track_running_stats:
            return BatchNorm(module.num_features, module.eps)
        case nn.LayerNorm(normalized_shape=(_,)) if module.elementwise_affine and module.bias is not None:
            return LayerNorm(module.normalized_shape[0], module.eps)
        case nn.GELU(approximate="none"):
            return Activation("gelu")
        case nn.LeakyReLU():
            return Activation("leaky_relu", negative_slope=module.negative_slope)
        case nn.AdaptiveAvgPool2d() if module.output_size in (1, (1, 1)):
            return GlobalAveragePool()
        case nn.Flatten(start_dim=1, end_dim=-1):
            return Flatten()
        case Sine():
            return Activation("sine", omega_0=module.omega_0)
    simple: dict[type[nn.Module], ActivationKind] = {
        nn.ReLU: "relu",
        nn.SiLU: "silu",
        nn.Tanh: "tanh",
        nn.Sigmoid: "sigmoid",
        nn.Identity: "none",
    }
    if type(module) in simple:
        return Activation(simple[type(module)])
    raise ArchitectureError(f"Expected a module of a supported kind, got {module}.")


class Sine(nn.Module):
    """sin(omega_0 · x) as a torch module."""

    def __init__(self, omega_0: float = 1.0) -> None:
        super().__init__()
        self.omega_0 = omega_0

    def forward(self, x: Tensor) -> Tensor:
        """Apply the sine element-wise."""
        return torch.sin(self.omega_0 * x)


class _GlobalAveragePool(nn.AdaptiveAvgPool2d):
    def __init__(self) -> None:
        super().__init__(1)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).flatten(1)


def to_module(network: Network) -> nn.Sequential:
    """The network as a `torch.nn.Sequential` in evaluation mode; inverse of `from_module`.

    Raises:
        ArchitectureError: If the stack holds more than one network, or the network has skips or normalises channels
            of maps, which a Sequential of torch's own modules cannot express.
    """
    if len(network) != 1 or network.architecture.skips:
        raise ArchitectureError(f"Expected one network without skips, got {network} with {network.architecture.skips}.")
    layers, shapes = network.architecture.layers, network.architecture.shapes
    modules = [_module_of(layer, shape) for layer, shape in zip(layers, shapes, strict=False)]
    sequential = nn.Sequential(*modules).to(device=network.device, dtype=network.dtype)
    sequential.load_state_dict({k: v[0] for k, v in network.parameters.items()}, strict=False)
    return sequential.eval()


def _module_of(layer: Layer, shape: tuple[int, ...]) -> nn.Module:
    match layer:
        case Linear():
            return nn.Linear(layer.in_features, layer.out_features, layer.bias)
        case Conv2d():
            sizes = (layer.kernel_size, layer.stride, layer.padding)
            return nn.Conv2d(layer.in_channels, layer.out_channels, *sizes, groups=layer.groups, bias=layer.bias)
        case BatchNorm():
            return (nn.BatchNorm2d if len(shape) == 3 else nn.BatchNorm1d)(layer.num_features, layer.eps)
        case LayerNorm():
            if len(shape) == 3:
                raise ArchitectureError("Expected layer normalisation of vectors, got one over the channels of a map.")
            return nn.LayerNorm(layer.num_features, layer.eps)
        case GlobalAveragePool():
            return _GlobalAveragePool()
        case Flatten():
            return nn.Flatten()
    functions: dict[str, nn.Module] = {
        "none": nn.Identity(),
        "relu": nn.ReLU(),
        "gelu": nn.GELU(),
        "silu": nn.SiLU(),
        "tanh": nn.Tanh(),
        "sigmoid": nn.Sigmoid(),
        "leaky_relu": nn.LeakyReLU(layer.negative_slope),
        "sine": Sine(layer.omega_0),
    }
    return functions[layer.function]
