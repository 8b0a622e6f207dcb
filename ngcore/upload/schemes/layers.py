"""The layers of all schemes, each made of the tensors under one name."""

import math
from collections.abc import Sequence
from typing import Any

from ngcore.errors import UnsupportedNetworkError
from ngcore.networks import (
    Activation,
    ActivationKind,
    Add,
    Attend,
    BatchNorm,
    Constant,
    Conv1d,
    Conv2d,
    Conv3d,
    Embedding,
    LayerNorm,
    Linear,
    Multiply,
    RMSNorm,
    Slice,
)
from ngcore.upload.schemes.origin import View
from ngcore.upload.schemes.plan import MisfitError, Plan
from ngcore.upload.shapes import Shape

CONVOLUTIONS = {3: Conv1d, 4: Conv2d, 5: Conv3d}


def linear(
    plan: Plan,
    x: int,
    name: str,
    *,
    step: str | None = None,
    weight: str | None = None,
    bias: str | None = None,
    is_turned: bool = False,
    rows: tuple[int, int] | None = None,
) -> int:
    """A Linear.

    Args:
        plan: The plan.
        x: What it reads.
        name: "<name>.weight" and "<name>.bias" are its tensors, unless said otherwise.
        step: What the step is called; None: `name`.
        weight: Name of the weight.
        bias: Name of the bias, which need not be there.
        is_turned: Whether the weight stands as inputs × outputs.
        rows: Rows of the weight and of the bias that are this layer's.
    """
    weight, bias, step = weight or f"{name}.weight", bias or f"{name}.bias", step or name
    shape = plan.shape(weight, rank=2)
    inputs, outputs = shape if is_turned else (shape[1], shape[0])
    outputs = rows[1] - rows[0] if rows else outputs
    if plan.values[x][0] != inputs:
        raise MisfitError(f"{weight!r} of shape {shape} does not take {plan.values[x][0]} features")
    has_bias = plan.has(bias)
    if has_bias and plan.shape(bias, rank=1)[0] < outputs:
        raise MisfitError(f"{bias!r} of shape {plan.shape(bias)} does not go with {weight!r} of shape {shape}")
    plan.take(f"{step}.weight", View(weight, rows, order=(1, 0) if is_turned else None))
    if has_bias:
        plan.take(f"{step}.bias", View(bias, rows))
    return plan.step(Linear(inputs, outputs, has_bias), x, name=step)


def convolution(plan: Plan, x: int, name: str, *, stride: int = 1, padding: int | None = None) -> int:
    """A convolution, grouped where its weight takes fewer channels; padding is half the kernel unless said."""
    weight, bias = f"{name}.weight", f"{name}.bias"
    shape = plan.shape(weight)
    if len(shape) not in CONVOLUTIONS:
        raise MisfitError(f"{weight!r} of shape {shape} is no convolution")
    rank, channels = len(shape) - 2, plan.values[x][0]
    if channels % shape[1] or shape[0] % (channels // shape[1]):
        raise MisfitError(f"{weight!r} of shape {shape} does not take {channels} channels")
    pads = tuple(size // 2 for size in shape[2:]) if padding is None else (padding,) * rank
    for tensor in [weight, bias] if plan.has(bias) else [weight]:
        plan.take(tensor, View(tensor))
    groups = channels // shape[1]
    layer = CONVOLUTIONS[len(shape)](channels, shape[0], shape[2:], (stride,) * rank, pads, groups, plan.has(bias))
    return plan.step(layer, x, name=name)


def _norm_tensors(plan: Plan, x: int, name: str, roles: dict[str, str]) -> None:
    for role, own in roles.items():
        tensor = f"{name}.{own}"
        if plan.shape(tensor, rank=1) != plan.values[x][:1]:
            raise MisfitError(f"{tensor!r} of shape {plan.shape(tensor)} does not take {plan.values[x][0]} channels")
        plan.take(f"{name}.{role}", View(tensor))


def batch_norm(plan: Plan, x: int, name: str, *, eps: float = 1e-5) -> int:
    """A batch norm."""
    _norm_tensors(plan, x, name, {role: role for role in ("weight", "bias", "running_mean", "running_var")})
    plan.set_aside(f"{name}.num_batches_tracked", "counter")
    return plan.step(BatchNorm(plan.values[x][0], eps), x, name=name)


def layer_norm(plan: Plan, x: int, name: str, *, eps: float = 1e-5) -> int:
    """A layer norm over the channels, with or without a shift; old files call scale and shift gamma and beta."""
    weight, bias = ("gamma", "beta") if plan.has(f"{name}.gamma") else ("weight", "bias")
    has_bias = plan.has(f"{name}.{bias}")
    _norm_tensors(plan, x, name, {"weight": weight} | ({"bias": bias} if has_bias else {}))
    return plan.step(LayerNorm(plan.values[x][0], eps, bias=has_bias), x, name=name)


def rms_norm(plan: Plan, x: int, name: str, *, eps: float) -> int:
    """An RMS norm over the channels."""
    _norm_tensors(plan, x, name, {"weight": "weight"})
    return plan.step(RMSNorm(plan.values[x][0], eps), x, name=name)


def embedding(plan: Plan, x: int, name: str) -> int:
    """A table of tokens."""
    tensor = f"{name}.weight"
    plan.take(tensor, View(tensor))
    rows, width = plan.shape(tensor, rank=2)
    return plan.step(Embedding(rows, width), x, name=name)


def constant(plan: Plan, tensor: str, shape: Shape, *, step: str | None = None) -> int:
    """A learned value (channels, *positions), of a tensor that holds its axes the other way round, and axes of one.

    Args:
        plan: The plan.
        tensor: Name of the tensor, such as one of shape (1, positions, channels).
        shape: Shape of the value.
        step: What the step is called; None: like the tensor.
    """
    if math.prod(plan.shape(tensor)) != math.prod(shape):
        raise MisfitError(f"{tensor!r} of shape {plan.shape(tensor)} is no value of shape {shape}")
    name, order = step or tensor, tuple(reversed(range(len(shape)))) if len(shape) > 1 else None
    plan.take(f"{name}.value", View(tensor, shape=shape[::-1], order=order))
    return plan.step(Constant(shape), name=name)


def add_positions(plan: Plan, x: int, tensor: str, *, step: str | None = None, first: int = 0) -> int:
    """The sum of (channels, tokens) and the rows of a table of positions, from row `first`."""
    width, tokens = plan.values[x]
    rows = math.prod(plan.shape(tensor)) // width
    table = constant(plan, tensor, (width, rows), step=step)
    if rows < tokens + first:
        raise UnsupportedNetworkError(f"Expected a length of at most {rows - first} tokens, got {tokens}.")
    if rows > tokens:
        table = plan.step(Slice(first, first + tokens, axis=1), table)
    return residual(plan, x, table)


def activation(plan: Plan, x: int, function: ActivationKind) -> int:
    """An element-wise function."""
    return plan.step(Activation(function), x)


def mlp(plan: Plan, x: int, first: str, second: str, function: ActivationKind) -> int:
    """Two Linears with an activation between them."""
    return linear(plan, activation(plan, linear(plan, x, first), function), second)


def attention(plan: Plan, x: int, names: Sequence[str], *, heads: int) -> int:
    """Attention whose queries, keys and values three Linears make, and its output projection, the fourth."""
    query, key, value = (linear(plan, x, name) for name in names[:3])
    return linear(plan, plan.step(Attend(heads), query, key, value), names[3])


def in_projection(name: str) -> dict[str, Any]:
    """What `torch.nn.MultiheadAttention` calls the weight and bias of queries, keys and values; see `linear`."""
    return {"weight": f"{name}.in_proj_weight", "bias": f"{name}.in_proj_bias"}


def residual(plan: Plan, x: int, y: int) -> int:
    """The sum x + y."""
    return plan.step(Add(), x, y)


def scaled(plan: Plan, x: int, tensor: str) -> int:
    """Each channel times a learned number, if there is such a tensor."""
    if not plan.has(tensor):
        return x
    return plan.step(Multiply(), x, constant(plan, tensor, plan.values[x][:1]))


def first_token(plan: Plan, x: int) -> int:
    """(channels, tokens) → the channels of the first token."""
    return plan.step(Slice(0, 1, axis=1, keepdim=False), x)


def relu6(plan: Plan, x: int) -> int:
    """min(max(x, 0), 6)."""
    return plan.step(Activation("hard_tanh", low=0.0, high=6.0), x)


def fused_attention(plan: Plan, x: int, name: str, *, heads: int, is_causal: bool = False, **tensors: Any) -> int:
    """Attention whose queries, keys and values one Linear makes, before its output projection.

    Args:
        plan: The plan.
        x: What it reads.
        name: Name of that Linear; `tensors`: see `linear`.
        heads: Number of heads.
        is_causal: Whether tokens attend to those before them alone.
    """
    fused = linear(plan, x, name, **tensors)
    width, rest = divmod(plan.values[fused][0], 3)
    if rest:
        raise MisfitError(f"the {3 * width + rest} outputs of {name!r} are not queries, keys and values alike")
    q, k, v = (plan.step(Slice(part * width, (part + 1) * width), fused) for part in range(3))
    return plan.step(Attend(heads, is_causal=is_causal), q, k, v)
