"""Running a stack of networks as functions, one value of the forward pass after the other."""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor
from torch.nn import functional

from ngcore.errors import ShapeMismatchError
from ngcore.networks.architecture import (
    Activation,
    Architecture,
    BatchNorm,
    Conv2d,
    Flatten,
    GlobalAveragePool,
    Layer,
    LayerNorm,
    Linear,
)


def forward_values(
    architecture: Architecture, parameters: Mapping[str, Tensor], x: Tensor, *, num_networks: int
) -> Iterator[Tensor]:
    """Run N stacked networks and yield every value, holding none longer than the layers and skips after it need.

    Args:
        architecture: The structure that the networks share.
        parameters: Tensors (networks, *shape) by name.
        x: (batch, *input_shape), shared by all networks, or (networks, batch, *input_shape).
        num_networks: N.

    Yields:
        The input and the output of every layer, each (networks, batch, *shape of the value).

    Raises:
        ShapeMismatchError: If `x` does not fit the input shape.
    """
    value = _expanded(architecture, x, num_networks)
    last_uses: dict[int, int] = {}
    for skip in architecture.skips:
        last_uses[skip.source] = max(skip.target, last_uses.get(skip.source, 0))
    held: dict[int, Tensor] = {}
    yield value
    for i, layer in enumerate(architecture.layers):
        if i in last_uses:
            held[i] = value
        value = apply_layer(layer, {name: parameters[f"{i}.{name}"] for name in layer.parameter_shapes()}, value)
        for skip in architecture.skips:
            if skip.target == i + 1:
                value = value + held[skip.source]
        held = {source: kept for source, kept in held.items() if last_uses[source] > i + 1}
        yield value


def _expanded(architecture: Architecture, x: Tensor, num_networks: int) -> Tensor:
    """Inputs as (networks, batch, *input_shape)."""
    shape = architecture.input_shape
    if tuple(x.shape[-len(shape) :]) != shape or x.dim() - len(shape) not in (1, 2):
        raise ShapeMismatchError(f"Expected inputs of shape (batch, *{shape}), got {tuple(x.shape)}.")
    if x.dim() == len(shape) + 1:
        x = x.expand(num_networks, *x.shape)
    if x.shape[0] != num_networks:
        raise ShapeMismatchError(f"Expected inputs for {num_networks} networks, got them for {x.shape[0]}.")
    return x


def apply_layer(layer: Layer, parameters: Mapping[str, Tensor], x: Tensor) -> Tensor:
    """Apply one layer of N networks to x, (networks, batch, *shape)."""
    match layer:
        case Linear():
            y = x @ parameters["weight"].mT
            return y + parameters["bias"][:, None] if layer.bias else y
        case Conv2d():
            return _convolve(layer, parameters, x)
        case BatchNorm():
            scale = parameters["weight"] / (parameters["running_var"] + layer.eps).sqrt()
            shift = parameters["bias"] - parameters["running_mean"] * scale
            return x * _per_channel(scale, x) + _per_channel(shift, x)
        case LayerNorm():
            centred = x - x.mean(dim=2, keepdim=True)
            normal = centred * (centred.square().mean(dim=2, keepdim=True) + layer.eps).rsqrt()
            return normal * _per_channel(parameters["weight"], x) + _per_channel(parameters["bias"], x)
        case Activation():
            return activate(layer, x)
        case GlobalAveragePool():
            return x.mean(dim=(-2, -1))
        case Flatten():
            return x.flatten(2)


def activate(layer: Activation, x: Tensor) -> Tensor:
    """Apply an activation element-wise."""
    match layer.function:
        case "none":
            return x
        case "relu":
            return functional.relu(x)
        case "gelu":
            return functional.gelu(x)
        case "silu":
            return functional.silu(x)
        case "tanh":
            return torch.tanh(x)
        case "sigmoid":
            return torch.sigmoid(x)
        case "leaky_relu":
            return functional.leaky_relu(x, layer.negative_slope)
        case "sine":
            return torch.sin(layer.omega_0 * x)


def _per_channel(parameter: Tensor, x: Tensor) -> Tensor:
    """(networks, channels) → (networks, 1, channels, 1, …) to broadcast against x."""
    return parameter.view(parameter.shape[0], 1, parameter.shape[1], *(1,) * (x.dim() - 3))


def _convolve(layer: Conv2d, parameters: Mapping[str, Tensor], x: Tensor) -> Tensor:
    """N convolutions as one grouped convolution: the networks become channel groups."""
    num_networks, batch = x.shape[:2]
    channels = x.transpose(0, 1).reshape(batch, -1, *x.shape[3:])  # batch, networks · channels, height, width
    weight = parameters["weight"].flatten(0, 1)
    bias = parameters["bias"].flatten() if layer.bias else None
    groups = num_networks * layer.groups
    y = functional.conv2d(channels, weight, bias, layer.stride, layer.padding, groups=groups)
    return y.view(batch, num_networks, layer.out_channels, *y.shape[2:]).transpose(0, 1)
