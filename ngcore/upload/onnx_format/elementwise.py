"""Operators of ONNX that work number by number: arithmetic, activations, choices."""

import dataclasses
import functools
import math
from typing import Any

import torch

from ngcore.networks.lifting.layout import UnsupportedError
from ngcore.networks.lifting.nodes import Node
from ngcore.networks.lifting.operations import activation
from ngcore.networks.lifting.patterns import activated, scaled
from ngcore.upload.onnx_format.call import Call, Made, Operator


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
    return _shifted_norm(call, *call.reads[:2]) or call.aten("add", self=call.read(0), other=call.read(1))


def subtract(call: Call) -> Made:
    """X − y."""
    return call.aten("sub", self=call.read(0), other=call.read(1))


def multiply(call: Call) -> Made:
    """X · y, and what products spell out: a norm's scale, x · hard sigmoid(x)."""
    one, other = call.read(0), call.read(1)
    for x, gate in ((one, other), (other, one)):
        if gate.op == "activate" and gate.attrs["layer"].function == "hard_sigmoid" and gate.reads[0] is x:
            return call.apply("activate", x, layer=activation("hard_swish"))
        if (halved := _halved_swish(call, x, gate)) is not None:
            return halved
    made = _scaled_norm(call, one, other) or call.aten("mul", self=one, other=other)
    return _as_hard_sigmoid(call, made)


def divide(call: Call) -> Made:
    """X / y."""
    return _as_hard_sigmoid(call, call.aten("div", self=call.read(0), other=call.read(1)))


def _as_hard_sigmoid(call: Call, made: Node) -> Node:
    """clip(x + 3, 0, 6) / 6, or x times it."""
    if made.op != "affine" or made.attrs.get("shift", 0.0) or not _is_close(made.attrs.get("factor", 1.0), 1 / 6):
        return made
    clipped = made.reads[0]
    if clipped is not None and clipped.op == "multiply":
        for x, gate in (clipped.reads, clipped.reads[::-1]):
            if gate is not None and x is not None and _six_times_hard_sigmoid(gate) is x:
                return call.apply("activate", x, layer=activation("hard_swish"))
        return made
    x = None if clipped is None else _six_times_hard_sigmoid(clipped)
    return made if x is None else call.apply("activate", x, layer=activation("hard_sigmoid"))


def _halved_swish(call: Call, x: Node, gate: Node) -> Node | None:
    """X / 6 · clip(x + 3, 0, 6)."""
    inner = _six_times_hard_sigmoid(gate)
    if inner is None or x.op != "affine" or x.reads[0] is not inner or x.attrs.get("shift", 0.0):
        return None
    if not _is_close(x.attrs.get("factor", 1.0), 1 / 6):
        return None
    return call.apply("activate", inner, layer=activation("hard_swish"))


def _six_times_hard_sigmoid(clipped: Node) -> Node | None:
    """X where a node is clip(x + 3, 0, 6)."""
    inside = clipped.reads[0] if clipped.op == "activate" else None
    if inside is None or inside.op != "affine":
        return None
    if inside.attrs.get("factor", 1.0) != 1 or inside.attrs.get("shift", 0.0) != 3:
        return None
    layer = clipped.attrs["layer"]
    is_clip = layer.function in ("hard_tanh", "clamp") and (layer.low, layer.high) == (0.0, 6.0)
    return inside.reads[0] if is_clip else None


def _is_close(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=1e-6)


def _channel_vector(call: Call, normal: Node, other: Node) -> Node | None:
    """Numbers of shape (channels, 1, …) as a vector, if they are one number for each channel of a norm."""
    count, rank = normal.shape[1], len(normal.shape)
    sizes = (1,) * (rank - len(other.shape)) + other.shape
    if not other.is_constant or len(sizes) != rank or sizes[1] != count or math.prod(sizes) != count:
        return None
    return call.apply("reshape", other, shape=(count,))


def _norm_and_vector(call: Call, one: Node | None, other: Node | None) -> tuple[Node, Node] | None:
    for normal, numbers in ((one, other), (other, one)):
        if normal is None or numbers is None or normal.op not in ("group_norm", "instance_norm"):
            continue
        vector = _channel_vector(call, normal, numbers)
        if vector is not None:
            return normal, vector
    return None


def _scaled_norm(call: Call, one: Node, other: Node) -> Node | None:
    """The scale of a group norm, applied afterwards."""
    found = _norm_and_vector(call, one, other)
    if found is None or found[0].operand(1) is not None:
        return None
    normal, vector = found
    zeros = call.constant(torch.zeros(vector.shape, dtype=vector.dtype))
    return call.apply(normal.op, normal.reads[0], vector, zeros, **normal.attrs)


def _shifted_norm(call: Call, one: Node | None, other: Node | None) -> Node | None:
    """The shift of a group norm, applied afterwards."""
    found = _norm_and_vector(call, one, other)
    if found is None:
        return None
    normal, vector = found
    weight, bias = normal.operand(1), normal.operand(2)
    if weight is None or bias is None or bias.is_learned or bias.value is None or bool(bias.value.any()):
        return None
    return call.apply(normal.op, normal.reads[0], weight, vector, **normal.attrs)


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
    if _is_close(alpha, 1 / 6) and _is_close(beta, 0.5):
        return call.apply("activate", call.x, layer=activation("hard_sigmoid"))
    return clamped(call, call.apply("affine", call.x, factor=alpha, shift=beta), 0.0, 1.0)


def selu(call: Call) -> Made:
    """SELU with the constants of its paper."""
    alpha, gamma = (
        call.attrs.get("alpha", 1.67326319217681884765625),
        call.attrs.get("gamma", 1.05070102214813232421875),
    )
    if not (_is_close(alpha, 1.6732632) and _is_close(gamma, 1.0507010)):
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


def _chosen(call: Call, condition: Node, kept: Node, other: Node) -> Node | None:
    """X where it is above a number: a threshold, or softplus as torch keeps it from overflowing."""
    x, limit = condition.operand(0), condition.operand(1)
    if condition.attrs.get("what") != "Greater" or limit is None or limit.number is None or x is None:
        return None
    if kept is x and other.number is not None:
        return call.apply("activate", x, layer=activation("threshold", beta=limit.number, alpha=other.number))
    plain, factor = scaled(other)
    inside = activated(plain, "softplus")
    if inside is None or limit.number < 20:
        return None
    root, beta = scaled(inside)
    if root is not kept or not _is_close(beta * factor, 1.0):
        return None
    return call.apply("activate", kept, layer=activation("softplus", beta=beta))


def where(call: Call) -> Made:
    """One of two, by a fixed choice, or one that an activation spells out."""
    spelled = None if call.read(0).is_constant else _chosen(call, *(call.read(index) for index in range(3)))
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
