"""Input networks from and to `torch.nn.Sequential`."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ngcore.errors import ArchitectureError
from ngcore.networks.architecture import chain
from ngcore.networks.layers import (
    Activation,
    ActivationKind,
    BatchNorm,
    Conv2d,
    Flatten,
    GlobalAveragePool,
    Layer,
    LayerNorm,
    Linear,
)
from ngcore.networks.network import Network


def from_module(module: nn.Sequential, input_shape: Sequence[int]) -> Network:
    """Read a `torch.nn.Sequential` as a stack of one network.

    Raises:
        ArchitectureError: If it holds a module that has no counterpart here.
    """
    layers = tuple(_layer_of(child) for child in module)
    architecture = chain(tuple(input_shape), layers)
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
    if len(network) != 1 or network.architecture.chain is None or network.architecture.skips:
        raise ArchitectureError(f"Expected one network that is a chain without skips, got {network}.")
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
            sizes: dict[str, Any] = {"kernel_size": layer.kernel_size, "stride": layer.stride, "padding": layer.padding}
            more: dict[str, Any] = {"dilation": layer.dilation, "groups": layer.groups, "bias": layer.bias}
            return nn.Conv2d(layer.in_channels, layer.out_channels, **sizes, **more)
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
    assert isinstance(layer, Activation)
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
