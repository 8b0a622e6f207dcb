"""Layers of a stack as they run fast in training: shared images, channels last, loops over steps without copies."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ngcore.networks import (
    Attend,
    Conv2d,
    Flatten,
    GlobalAveragePool,
    Layer,
    LayerNorm,
    Linear,
    Recurrence,
    Reshape,
    RMSNorm,
)
from ngcore.zoo.stack_scans import scan_gru, scan_lstm

_CHANNELS_LAST = torch.channels_last
_Parameters = Mapping[str, Tensor]


def run_fast(layer: Layer, parameters: _Parameters, *values: Tensor) -> Tensor:
    """As `layer.run`, equal to it up to rounding.

    What it makes of (networks, batch, channels, …) has its channels side by side in memory: maps as images with
    channels last, those of all networks side by side; tokens and states of recurrences token by token. What all
    networks share is read once.
    """
    function = _FAST.get(type(layer))
    return layer.run(parameters, *values) if function is None else function(layer, parameters, *values)


def _is_shared(x: Tensor) -> bool:
    return x.shape[0] > 1 and x.stride(0) == 0


def _convolve(layer: Conv2d, parameters: _Parameters, x: Tensor) -> Tensor:
    num_networks, batch = x.shape[:2]
    groups = num_networks * layer.groups
    if _is_shared(x) and layer.groups == 1:
        images, groups = x[0], 1
    else:
        images = x.transpose(0, 1).reshape(batch, -1, *x.shape[3:])
    weight = parameters["weight"].flatten(0, 1).contiguous(memory_format=_CHANNELS_LAST)
    bias = parameters["bias"].flatten() if layer.bias else None
    images = images.contiguous(memory_format=_CHANNELS_LAST)
    y = functional.conv2d(images, weight, bias, layer.stride, layer.padding, layer.dilation, groups)
    return y.view(batch, num_networks, layer.out_channels, *y.shape[2:]).transpose(0, 1)


def _leave_maps(layer: Layer, parameters: _Parameters, x: Tensor) -> Tensor:
    """A layer that turns maps to vectors; their gradient is laid out as they are, and so all gradients before it.

    Else an expanded one would make torch choose another layout, in which convolutions take several times as long.
    """
    if x.requires_grad:
        shape, strides = x.shape, x.stride()
        x.register_hook(lambda gradient: gradient.new_empty_strided(shape, strides).copy_(gradient))
    return layer.run(parameters, x)


def _multiply(layer: Linear, parameters: _Parameters, x: Tensor) -> Tensor:
    rows = _products(x.movedim(2, -1), parameters["weight"], parameters.get("bias"))
    return rows.movedim(-1, 2)


def _products(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """W x + b of the last axis: (networks, …, inputs) → (networks, …, outputs)."""
    if _is_shared(x):
        rows = functional.linear(x[0], weight.flatten(0, 1), None if bias is None else bias.flatten())
        return rows.unflatten(-1, (len(weight), -1)).movedim(-2, 0)
    flat = x.flatten(1, -2)
    y = flat @ weight.mT if bias is None else torch.baddbmm(bias[:, None], flat, weight.mT)
    return y.unflatten(1, x.shape[1:-1])


def _scan(layer: Recurrence, parameters: _Parameters, *values: Tensor) -> Tensor:
    if len(values) > 1 or layer.is_reversed or layer.returns == "cell" or layer.cell not in ("lstm", "gru"):
        return layer.run(parameters, *values)
    x = values[0].permute(0, 3, 1, 2)  # networks, steps, batch, channels
    weight_hh, bias, bias_hh = parameters["weight_hh"], parameters.get("bias_ih"), parameters.get("bias_hh")
    if bias is None or bias_hh is None:
        bias = bias_hh = weight_hh.new_zeros(weight_hh.shape[:2])
    if layer.cell == "lstm":
        found = scan_lstm(_products(x, parameters["weight_ih"], bias + bias_hh), weight_hh)
    else:
        found = scan_gru(_products(x, parameters["weight_ih"], bias), weight_hh, bias_hh)
    return found.permute(0, 2, 3, 1)


def _attend(layer: Attend, parameters: _Parameters, *values: Tensor) -> Tensor:
    if len(values) > 3 or layer.is_causal or layer.kv_heads != layer.num_heads:
        return layer.run(parameters, *values)
    query, key, value = (x.movedim(2, -1).unflatten(-1, (layer.num_heads, -1)).transpose(2, 3) for x in values)
    scale = 1 / math.sqrt(query.shape[-1]) if layer.scale is None else layer.scale
    scores = ((query * scale) @ key.mT).softmax(dim=-1)  # networks, batch, heads, tokens, others
    return (scores @ value).transpose(2, 3).flatten(3).movedim(-1, 2)


def _as_tokens(layer: Reshape, parameters: _Parameters, x: Tensor) -> Tensor:
    return layer.run(parameters, x).movedim(2, -1).contiguous().movedim(-1, 2)


def _normalise(layer: LayerNorm | RMSNorm, parameters: _Parameters, x: Tensor) -> Tensor:
    order = sorted((axis for axis in range(x.dim()) if axis != 2), key=x.stride, reverse=True)  # as it lies in memory
    channels_last = x.permute(*order, 2)
    norm = functional.layer_norm if isinstance(layer, LayerNorm) else functional.rms_norm
    y = norm(channels_last, (layer.num_features,), eps=layer.eps)
    back = [[*order, 2].index(axis) for axis in range(x.dim())]
    y = y.permute(*back)
    scale, shift = (_along(parameters.get(name), y) for name in ("weight", "bias"))
    if scale is not None and shift is not None:
        return torch.addcmul(shift, y, scale)
    return y if scale is None else y * scale


def _along(parameter: Tensor | None, x: Tensor) -> Tensor | None:
    return None if parameter is None else parameter.view(len(parameter), 1, -1, *(1,) * (x.dim() - 3))


_FAST: dict[type[Layer], Callable[..., Any]] = {
    Attend: _attend,
    Conv2d: _convolve,
    Flatten: _leave_maps,
    GlobalAveragePool: _leave_maps,
    LayerNorm: _normalise,
    Linear: _multiply,
    Recurrence: _scan,
    Reshape: _as_tokens,
    RMSNorm: _normalise,
}
