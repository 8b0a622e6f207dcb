"""The tensor operations that foreign graphs are told in before they become layers, each as torch computes it."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ngcore.networks.layers import Activation, activate
from ngcore.networks.layers.pools import REDUCTIONS

Optional = Tensor | None


def _slice(x: Tensor, *, axis: int, start: int, stop: int, step: int = 1) -> Tensor:
    return x[(slice(None),) * axis + (slice(start, stop, step),)]


def _permute(x: Tensor, *, order: Sequence[int]) -> Tensor:
    return x.permute(*order)


def _reshape(x: Tensor, *, shape: Sequence[int]) -> Tensor:
    return x.reshape(tuple(shape))


def _expand(x: Tensor, *, shape: Sequence[int]) -> Tensor:
    return x.expand(tuple(shape))


def _concat(*xs: Tensor, axis: int) -> Tensor:
    return torch.cat(xs, dim=axis)


def _pad(x: Tensor, *, amounts: Sequence[int], mode: str = "constant", value: float = 0.0) -> Tensor:
    """`amounts` as in `torch.nn.functional.pad`, the last axis first."""
    return functional.pad(x, tuple(amounts), mode, value if mode == "constant" else None)


def _reduce(x: Tensor, *, reduction: str, axes: Sequence[int], keepdim: bool = False) -> Tensor:
    return REDUCTIONS[reduction](x, dim=tuple(axes), keepdim=keepdim)  # type: ignore[index]


def _softmax(x: Tensor, *, axis: int, is_log: bool = False) -> Tensor:
    return torch.log_softmax(x, axis) if is_log else torch.softmax(x, axis)


def _convolve(
    x: Tensor,
    weight: Tensor,
    bias: Optional = None,
    *,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int = 1,
    output_padding: Sequence[int] | None = None,
) -> Tensor:
    """A convolution; a transposed one where there is an `output_padding`."""
    rank = weight.dim() - 3
    if output_padding is None:
        convolve = (functional.conv1d, functional.conv2d, functional.conv3d)[rank]
        return convolve(x, weight, bias, tuple(stride), tuple(padding), tuple(dilation), groups)
    transposed = (functional.conv_transpose1d, functional.conv_transpose2d, functional.conv_transpose3d)[rank]
    sizes = (tuple(stride), tuple(padding), tuple(output_padding))
    return transposed(x, weight, bias, *sizes, groups, tuple(dilation))


def _batch_norm(
    x: Tensor, mean: Tensor, variance: Tensor, weight: Optional = None, bias: Optional = None, *, eps: float
) -> Tensor:
    return functional.batch_norm(x, mean, variance, weight, bias, training=False, eps=eps)


def _layer_norm(x: Tensor, weight: Optional = None, bias: Optional = None, *, rank: int, eps: float) -> Tensor:
    return functional.layer_norm(x, x.shape[-rank:], weight, bias, eps)


def _rms_norm(x: Tensor, weight: Optional = None, *, eps: float) -> Tensor:
    return functional.rms_norm(x, x.shape[-1:], weight, eps)


def _group_norm(x: Tensor, weight: Optional = None, bias: Optional = None, *, groups: int, eps: float) -> Tensor:
    return functional.group_norm(x, groups, weight, bias, eps)


def _instance_norm(x: Tensor, weight: Optional = None, bias: Optional = None, *, eps: float) -> Tensor:
    return functional.instance_norm(x, weight=weight, bias=bias, eps=eps)


def _pool(
    x: Tensor,
    *,
    reduction: str,
    kernel_size: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    rank, sizes = len(kernel_size) - 1, (tuple(kernel_size), tuple(stride), tuple(padding))
    if reduction == "max":
        pool = (functional.max_pool1d, functional.max_pool2d, functional.max_pool3d)[rank]
        return pool(x, *sizes, tuple(dilation), ceil_mode)
    average = (functional.avg_pool1d, functional.avg_pool2d, functional.avg_pool3d)[rank]
    return average(x, *sizes, ceil_mode, count_include_pad)


def _adaptive_pool(x: Tensor, *, reduction: str, output_size: Sequence[int]) -> Tensor:
    maximum: tuple[Any, ...] = (
        functional.adaptive_max_pool1d,
        functional.adaptive_max_pool2d,
        functional.adaptive_max_pool3d,
    )
    mean: tuple[Any, ...] = (
        functional.adaptive_avg_pool1d,
        functional.adaptive_avg_pool2d,
        functional.adaptive_avg_pool3d,
    )
    size = tuple(output_size)
    return (maximum if reduction == "max" else mean)[len(size) - 1](x, size[0] if len(size) == 1 else size)


def _resize(x: Tensor, *, size: Sequence[int], mode: str, align_corners: bool, scale: Sequence[float] = ()) -> Tensor:
    corners = None if mode in ("nearest", "nearest-exact", "area") else align_corners
    asked: dict[str, Any] = {"scale_factor": list(scale)} if scale else {"size": tuple(size)}
    return functional.interpolate(x, mode=mode, align_corners=corners, **asked)


def _attend(
    q: Tensor, k: Tensor, v: Tensor, mask: Optional = None, *, is_causal: bool = False, scale: float | None = None
) -> Tensor:
    """Attention of (…, heads, tokens, d); keys and values may have fewer heads."""
    if q.dim() > 3 and k.shape[-3] != q.shape[-3]:
        k, v = (x.repeat_interleave(q.shape[-3] // x.shape[-3], dim=-3) for x in (k, v))
    scores = (q @ k.mT) * (q.shape[-1] ** -0.5 if scale is None else scale)
    if is_causal:
        scores = scores + torch.full(scores.shape[-2:], -math.inf, dtype=scores.dtype, device=scores.device).triu(1)
    return torch.softmax(scores if mask is None else scores + mask, dim=-1) @ v


def _rotate(x: Tensor, cos: Tensor, sin: Tensor, *, is_interleaved: bool) -> Tensor:
    """Rotary positions of (…, tokens, d) by tables (tokens, rotary_dim / 2)."""
    count = 2 * cos.shape[-1]
    turned, rest = x[..., :count], x[..., count:]
    first, second = (turned[..., ::2], turned[..., 1::2]) if is_interleaved else turned.chunk(2, dim=-1)
    pair = (first * cos - second * sin, second * cos + first * sin)
    turned = torch.stack(pair, dim=-1).flatten(-2) if is_interleaved else torch.cat(pair, dim=-1)
    return torch.cat([turned, rest], dim=-1)


def _scan(
    x: Tensor, first: Optional, second: Optional, weight: Tensor, recurrent: Tensor, *_: Optional, **__: Any
) -> Tensor:
    """Shape alone: (batch, steps, features) → (batch, steps, hidden)."""
    return torch.empty((*x.shape[:2], recurrent.shape[1]), dtype=x.dtype, device=x.device)


OPERATIONS: Mapping[str, Callable[..., Tensor]] = {
    "permute": _permute,
    "reshape": _reshape,
    "expand": _expand,
    "slice": _slice,
    "concat": _concat,
    "pad": _pad,
    "add": torch.add,
    "multiply": torch.mul,
    "affine": lambda x, *, factor=1.0, shift=0.0: x * factor + shift,
    "activate": lambda x, *, layer: activate(layer, x),
    "reduce": _reduce,
    "softmax": _softmax,
    "matmul": torch.matmul,
    "linear": functional.linear,
    "convolve": _convolve,
    "embed": functional.embedding,
    "batch_norm": _batch_norm,
    "layer_norm": _layer_norm,
    "rms_norm": _rms_norm,
    "group_norm": _group_norm,
    "instance_norm": _instance_norm,
    "local_response_norm": lambda x, *, size, alpha, beta, k: functional.local_response_norm(x, size, alpha, beta, k),
    "pool": _pool,
    "adaptive_pool": _adaptive_pool,
    "resize": _resize,
    "prelu": functional.prelu,
    "attend": _attend,
    "rotate": _rotate,
    "erf": torch.erf,
    "scan": _scan,
}
"""By name what a foreign graph may be made of.

Tensors come first, None where an optional one is missing, then settings by name. "scan" reads (inputs, first hidden
state, first cell state, weight_ih, weight_hh, bias_ih, bias_hh), with the settings of `Recurrence`; "activate" takes an
`Activation`.
"""


def activation(function: str, **numbers: Any) -> Activation:
    """An `Activation` with plain numbers as its settings."""
    return Activation(function, **{name: float(number) for name, number in numbers.items()})  # type: ignore[arg-type]
