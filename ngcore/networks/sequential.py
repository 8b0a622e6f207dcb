"""Input networks from and to `torch.nn.Sequential`."""

from collections.abc import Iterator, Sequence
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


def chain_of(module: nn.Sequential, input_shape: Sequence[int]) -> Network | None:
    """A `torch.nn.Sequential` as the chain that it is; None where it holds something that chains do not have."""
    layers = [layer for layer in map(_layer_of, module) if layer is not None]
    if not layers or len(layers) < len(module):
        return None
    try:
        architecture = chain(tuple(input_shape), layers)
    except ArchitectureError:
        return None
    state = {f"{i}.{name}": tensor for i, child in enumerate(module) for name, tensor in child.state_dict().items()}
    wanted = {name: state[name] for name in architecture.parameter_shapes if name in state}
    is_plain = len({id(tensor) for tensor in module.parameters()}) == len(list(_all_parameters(module)))
    if len(wanted) < len(architecture.parameter_shapes) or len({t.dtype for t in wanted.values()}) > 1 or not is_plain:
        return None
    return Network(architecture, {name: tensor.detach().cpu().clone()[None] for name, tensor in wanted.items()})


def _all_parameters(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    return module.named_parameters(remove_duplicate=False)


def _layer_of(module: nn.Module) -> Layer | None:
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
    return None


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


def to_sequential(network: Network) -> nn.Sequential | None:
    """A chain as a `torch.nn.Sequential` in evaluation mode; None where torch's own modules cannot express it."""
    found = network.architecture.chain
    if found is None or found.skips:
        return None
    shapes = network.architecture.shapes
    modules = [_module_of(layer, shape) for layer, shape in zip(found.layers, shapes, strict=False)]
    if None in modules:
        return None
    sequential = nn.Sequential(*(module for module in modules if module is not None))
    sequential = sequential.to(device=network.device, dtype=network.dtype)
    sequential.load_state_dict({k: v[0] for k, v in network.parameters.items()}, strict=False)
    return sequential.eval()


def _module_of(layer: Layer, shape: tuple[int, ...]) -> nn.Module | None:
    match layer:
        case Linear() if len(shape) == 1:
            return nn.Linear(layer.in_features, layer.out_features, layer.bias)
        case Conv2d():
            sizes: dict[str, Any] = {"kernel_size": layer.kernel_size, "stride": layer.stride, "padding": layer.padding}
            more: dict[str, Any] = {"dilation": layer.dilation, "groups": layer.groups, "bias": layer.bias}
            return nn.Conv2d(layer.in_channels, layer.out_channels, **sizes, **more)
        case BatchNorm() if len(shape) in (1, 3):
            kind = nn.BatchNorm2d if len(shape) == 3 else nn.BatchNorm1d
            return kind(layer.num_features, layer.eps, affine=layer.affine)
        case LayerNorm() if len(shape) == 1:
            return nn.LayerNorm(layer.num_features, layer.eps, layer.affine, layer.bias)
        case GlobalAveragePool() if len(shape) == 3:
            return _GlobalAveragePool()
        case Flatten(channels_last=False, kept=0):
            return nn.Flatten()
        case Activation():
            return _function_of(layer)
    return None


def _function_of(layer: Activation) -> nn.Module | None:
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
    return functions.get(layer.function)
