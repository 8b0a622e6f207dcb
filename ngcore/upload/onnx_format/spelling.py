"""What several element-wise operators of ONNX spell out together: hard swish, group norm, softplus, thresholds."""

import math

import torch

from ngcore.networks.lifting.nodes import Node
from ngcore.networks.lifting.operations import activation
from ngcore.networks.lifting.patterns import activated, scaled
from ngcore.upload.onnx_format.call import Call


def as_hard_sigmoid(call: Call, made: Node) -> Node:
    """clip(x + 3, 0, 6) / 6, or x times it."""
    if made.op != "affine" or made.attrs.get("shift", 0.0) or not is_close(made.attrs.get("factor", 1.0), 1 / 6):
        return made
    clipped = made.reads[0]
    if clipped is not None and clipped.op == "multiply":
        for x, gate in (clipped.reads, clipped.reads[::-1]):
            if gate is not None and x is not None and _six_times_hard_sigmoid(gate) is x:
                return call.apply("activate", x, layer=activation("hard_swish"))
        return made
    x = None if clipped is None else _six_times_hard_sigmoid(clipped)
    return made if x is None else call.apply("activate", x, layer=activation("hard_sigmoid"))


def halved_swish(call: Call, x: Node, gate: Node) -> Node | None:
    """X / 6 · clip(x + 3, 0, 6)."""
    inner = _six_times_hard_sigmoid(gate)
    if inner is None or x.op != "affine" or x.reads[0] is not inner or x.attrs.get("shift", 0.0):
        return None
    if not is_close(x.attrs.get("factor", 1.0), 1 / 6):
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


def is_close(one: float, other: float) -> bool:
    """Whether two numbers are the same but for the rounding of single precision."""
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


def scaled_norm(call: Call, one: Node, other: Node) -> Node | None:
    """The scale of a group norm, applied afterwards."""
    found = _norm_and_vector(call, one, other)
    if found is None or found[0].operand(1) is not None:
        return None
    normal, vector = found
    zeros = call.constant(torch.zeros(vector.shape, dtype=vector.dtype))
    return call.apply(normal.op, normal.reads[0], vector, zeros, **normal.attrs)


def shifted_norm(call: Call, one: Node | None, other: Node | None) -> Node | None:
    """The shift of a group norm, applied afterwards."""
    found = _norm_and_vector(call, one, other)
    if found is None:
        return None
    normal, vector = found
    weight, bias = normal.operand(1), normal.operand(2)
    if weight is None or bias is None or bias.is_learned or bias.value is None or bool(bias.value.any()):
        return None
    return call.apply(normal.op, normal.reads[0], weight, vector, **normal.attrs)


def chosen(call: Call, condition: Node, kept: Node, other: Node) -> Node | None:
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
    if root is not kept or not is_close(beta * factor, 1.0):
        return None
    return call.apply("activate", kept, layer=activation("softplus", beta=beta))
