"""Layers of a stack as they run fast in training: shared images, channels last, loops over steps without copies."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ngcore.networks import Conv2d, Layer, Linear, Recurrence

_CHANNELS_LAST = torch.channels_last
_Parameters = Mapping[str, Tensor]


def run_fast(layer: Layer, parameters: _Parameters, *values: Tensor) -> Tensor:
    """As `layer.run`, equal to it up to rounding.

    What it makes of (networks, batch, channels, height, width) lies in memory as images with channels last, the
    channels of all networks side by side; images that all networks share are read once.
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
    y = functional.conv2d(images, weight, bias, layer.stride, layer.padding, layer.dilation, groups)  # type: ignore[arg-type]
    return y.view(batch, num_networks, layer.out_channels, *y.shape[2:]).transpose(0, 1)


def _multiply(layer: Linear, parameters: _Parameters, x: Tensor) -> Tensor:
    if x.dim() > 3:
        return layer.run(parameters, x)
    weight, bias = parameters["weight"], parameters.get("bias")
    if _is_shared(x):
        rows = functional.linear(x[0], weight.flatten(0, 1), None if bias is None else bias.flatten())
        return rows.unflatten(1, (len(weight), -1)).transpose(0, 1)
    return x @ weight.mT if bias is None else torch.baddbmm(bias[:, None], x, weight.mT)


_FAST: dict[type[Layer], Callable[..., Any]] = {Conv2d: _convolve, Linear: _multiply}
