"""Operators of ONNX that work number by number: arithmetic, activations, choices."""

import dataclasses
import functools
import math
from typing import Any

import torch

from ngcore.networks.lifting.layout import UnsupportedError
from ngcore.networks.lifting.nodes import Node
from ngcore.networks.lifting.operations import activation
from ngcore.upload.onnx_format.call import Call, Made, Operator
from ngcore.upload.onnx_format.spelling import (
    as_hard_sigmoid,
    chosen,
    halved_swish,
    is_close,
    scaled_norm,
    shifted_norm,
)


def unary(function: str, **numbers: Any) -> Operator:
    """An activation; settings are numbers, or (attribute, default)."""

    def operate(call: Call) -> Made:
        found = {key: call.setting(*value) if isinstance(value, tuple) else value for key, value in numbers.items()}
        return call.apply("activate", call.x, layer=activation(function, **found))

    return operate


def same(call: Call) -> Made:
    """The tensor itself."""
    return [call.x, *(None,) * (call.num_outputs - 1)]


def add(call: Call) -> Made:
    """X + y, and a norm's shift afterwards."""
    return shifted_norm(call, *call.reads[:2]) or call.aten("add", self=call.read(0), other=call.read(1))


def subtract(call: Call) -> Made:
    """X − y."""
    return call.aten("sub", self=call.read(0), other=call.read(1))


def multiply(call: Call) -> Made:
    """X · y, and what products spell out: a norm's scale, x · hard sigmoid(x)."""
    one, other = call.read(0), call.read(1)
    for x, gate in ((one, other), (other, one)):
        if gate.op == "activate" and gate.attrs["layer"].function == "hard_sigmoid" and gate.reads[0] is x:
            return call.apply("activate", x, layer=activation("hard_swish"))
        if (halved := halved_swish(call, x, gate)) is not None:
            return halved
    made = scaled_norm(call, one, other) or call.aten("mul", self=one, other=other)
    return as_hard_sigmoid(call, made)


def divide(call: Call) -> Made:
    """X / y."""
    return as_hard_sigmoid(call, call.aten("div", self=call.read(0), other=call.read(1)))


def several(combine: Operator) -> Operator:
    """A sum of any number of tensors, two at a time."""

    def operate(call: Call) -> Made:
        def pair(one: Node | None, other: Node | None) -> Any:
            return combine(dataclasses.replace(call, reads=(one, other)))

        return functools.reduce(pair, call.reads)  # type: ignore[return-value]

    return operate


def mean_of(call: Call) -> Made:
    """The mean of several tensors."""
    total = several(add)(call)
    assert isinstance(total, Node)
    return call.apply("affine", total, factor=1 / max(len(call.reads), 1))


def negative(call: Call) -> Made:
    """−x."""
    return call.apply("affine", call.x, factor=-1.0)


def power(call: Call) -> Made:
    """X to a fixed power."""
    exponent = call.number("exponent", 1)
    return call.apply("activate", call.x, layer=activation("power", alpha=exponent or 0.0))


def erf(call: Call) -> Made:
    """The error function, as GELU spells it out."""
    return call.apply("erf", call.x)


def gelu(call: Call) -> Made:
    """GELU, exact or by tanh."""
    return call.aten("gelu", self=call.x, approximate=call.attrs.get("approximate", "none"))


def clip(call: Call) -> Made:
    """Between two numbers; from 0 it is a ReLU, to 6 a ReLU6."""
    low = call.number("min", 1, -math.inf)
    high = call.number("max", 2, math.inf)
    return clamped(call, call.x, -math.inf if low is None else low, math.inf if high is None else high)


def clamped(call: Call, x: Node, low: float, high: float) -> Node:
    """Between two numbers."""
    largest = torch.finfo(torch.float32).max
    low, high = (-math.inf if low <= -largest else low), (math.inf if high >= largest else high)
    if low == 0 and high == math.inf:
        return call.apply("activate", x, layer=activation("relu"))
    kind = "hard_tanh" if math.isfinite(low) and math.isfinite(high) else "clamp"
    return call.apply("activate", x, layer=activation(kind, low=low, high=high))


def bound(is_upper: bool) -> Operator:
    """The smaller, or larger, of a tensor and a number."""

    def operate(call: Call) -> Made:
        one, other = call.read(0), call.read(1)
        x, limit = (one, other) if other.number is not None else (other, one)
        if limit.number is None or len(call.reads) != 2:
            raise UnsupportedError("the larger or smaller of two tensors")
        low, high = (-math.inf, limit.number) if is_upper else (limit.number, math.inf)
        return clamped(call, x, low, high)

    return operate


def hard_sigmoid(call: Call) -> Made:
    """clip(α x + β, 0, 1)."""
    alpha, beta = float(call.attrs.get("alpha", 0.2)), float(call.attrs.get("beta", 0.5))
    if is_close(alpha, 1 / 6) and is_close(beta, 0.5):
        return call.apply("activate", call.x, layer=activation("hard_sigmoid"))
    return clamped(call, call.apply("affine", call.x, factor=alpha, shift=beta), 0.0, 1.0)


def selu(call: Call) -> Made:
    """SELU with the constants of its paper."""
    alpha, gamma = (
        call.attrs.get("alpha", 1.67326319217681884765625),
        call.attrs.get("gamma", 1.05070102214813232421875),
    )
    if not (is_close(alpha, 1.6732632) and is_close(gamma, 1.0507010)):
        raise UnsupportedError("a SELU with constants of its own")
    return call.apply("activate", call.x, layer=activation("selu"))


def prelu(call: Call) -> Made:
    """A leaky ReLU with learned slopes, of shape (channels, 1, …) or one."""
    slope = call.fixed(1)
    sizes = (1,) * (call.rank - len(slope.shape)) + slope.shape
    if math.prod(sizes) not in (1, sizes[1] if len(sizes) > 1 else 1):
        raise UnsupportedError("slopes that differ between positions")
    return call.apply("prelu", call.x, call.apply("reshape", slope, shape=(math.prod(sizes),)))


def cast(call: Call) -> Made:
    """Another precision, which changes nothing here; of constants in full."""
    kinds = {1: torch.float32, 10: torch.float32, 16: torch.float32, 11: torch.float64, 9: torch.bool}
    kinds |= dict.fromkeys((2, 3, 4, 5, 6, 7, 12, 13), torch.long)
    target = kinds.get(int(call.attrs.get("to", 0)))
    if target is None:
        raise UnsupportedError("a cast to a type without counterpart")
    x = call.x
    if x.value is None or (target.is_floating_point and x.dtype.is_floating_point):
        return call.aten("to", self=x, dtype=target)
    return call.constant(x.value.to(target), x)


def greater(call: Call) -> Made:
    """Where x is above a number: no tensor here, but part of what a choice spells out."""
    x, limit = call.read(0), call.read(1)
    shape = torch.broadcast_shapes(x.shape, limit.shape)
    made = call.graph.unknown(call.op, shape, torch.bool, [x, limit], call.path)
    made.attrs["why"] = "a comparison has no counterpart here"
    return made


def where(call: Call) -> Made:
    """One of two, by a fixed choice, or one that an activation spells out."""
    spelled = None if call.read(0).is_constant else chosen(call, *(call.read(index) for index in range(3)))
    if spelled is not None:
        return spelled
    condition, kept, other = call.fixed(0), call.read(1), call.read(2)
    never = kept.number
    if condition.value is not None and never == -math.inf and other.value is None:
        hidden = torch.where(condition.value.bool(), -math.inf, 0.0).to(other.dtype)
        return call.apply("add", other, call.constant(hidden))
    never = other.number
    if condition.value is not None and never == -math.inf and kept.value is None:
        hidden = torch.where(condition.value.bool(), 0.0, -math.inf).to(kept.dtype)
        return call.apply("add", kept, call.constant(hidden))
    return call.aten("where", condition=condition, self=kept, other=other)


ELEMENTWISE: dict[str, Operator] = {
    "Abs": unary("abs"),
    "Add": add,
    "Cast": cast,
    "Celu": unary("celu", alpha=("alpha", 1.0)),
    "Clip": clip,
    "Cos": unary("cosine"),
    "Div": divide,
    "Dropout": same,
    "Elu": unary("elu", alpha=("alpha", 1.0)),
    "Erf": erf,
    "Exp": unary("exp"),
    "Gelu": gelu,
    "Greater": greater,
    "HardSigmoid": hard_sigmoid,
    "HardSwish": unary("hard_swish"),
    "Identity": same,
    "LeakyRelu": unary("leaky_relu", negative_slope=("alpha", 0.01)),
    "Log": unary("log"),
    "Max": bound(False),
    "Mean": mean_of,
    "Min": bound(True),
    "Mish": unary("mish"),
    "Mul": multiply,
    "Neg": negative,
    "PRelu": prelu,
    "Pow": power,
    "Reciprocal": unary("power", alpha=-1.0),
    "Relu": unary("relu"),
    "Selu": selu,
    "Sigmoid": unary("sigmoid"),
    "Sin": unary("sine"),
    "Softplus": unary("softplus"),
    "Softsign": unary("softsign"),
    "Sqrt": unary("power", alpha=0.5),
    "Sub": subtract,
    "Sum": several(add),
    "Tanh": unary("tanh"),
    "ThresholdedRelu": unary("threshold", beta=("alpha", 1.0), alpha=0.0),
    "Where": where,
}
