"""Operators of ONNX with weights: products, convolutions, norms."""

import math

import torch

from ngcore.networks.lifting.layout import UnsupportedError
from ngcore.networks.lifting.nodes import Node
from ngcore.upload.onnx_format.call import Call, Made, Operator
from ngcore.upload.onnx_format.moving import repeated
from ngcore.upload.onnx_format.windows import Window


def matmul(call: Call) -> Made:
    """A product of matrices."""
    return call.apply("matmul", call.read(0), call.read(1))


def gemm(call: Call) -> Made:
    """α A B + β C, with A and B transposed or not."""
    one, other, third = call.read(0), call.read(1), call.optional(2)
    if len(one.shape) != 2 or len(other.shape) != 2:
        raise UnsupportedError("a product of what is no matrix")
    alpha, beta = float(call.attrs.get("alpha", 1.0)), float(call.attrs.get("beta", 1.0))
    one = _transposed(call, one) if call.attrs.get("transA", 0) else one
    if not other.is_constant:
        other = _transposed(call, other) if call.attrs.get("transB", 0) else other
        made = call.apply("affine", call.apply("matmul", one, other), factor=alpha)
        return made if third is None else call.apply("add", made, _scaled(call, third, beta))
    weight = _scaled(call, other if call.attrs.get("transB", 0) else _transposed(call, other), alpha)
    bias = None if third is None else _scaled(call, third, beta)
    width = weight.shape[0]
    if bias is None or (bias.is_constant and math.prod(bias.shape) == width == bias.shape[-1]):
        bias = bias and call.apply("reshape", bias, shape=(width,))
        return call.apply("linear", one, weight, bias)
    return call.apply("add", call.apply("linear", one, weight), bias)


def _transposed(call: Call, node: Node) -> Node:
    return call.apply("permute", node, order=(1, 0))


def _scaled(call: Call, node: Node, factor: float) -> Node:
    return node if factor == 1 else call.apply("affine", node, factor=factor)


def convolution(call: Call) -> Made:
    """A convolution; padding that differs between the sides is a step of its own."""
    x, weight = call.x, call.read(1)
    window = Window.of(call, weight.shape[2:])
    before, after = window.padding(x.shape[2:])
    if before != after:
        amounts = [side for pair in zip(reversed(before), reversed(after), strict=True) for side in pair]
        x, before = call.apply("pad", x, amounts=tuple(amounts)), [0] * len(before)
    settings = {"stride": window.stride, "padding": tuple(before), "dilation": window.dilation}
    groups = int(call.attrs.get("group", 1))
    return call.apply("convolve", x, weight, call.optional(2), groups=groups, **settings)


def transposed_convolution(call: Call) -> Made:
    """A transposed convolution; what is cut off on one side alone is a step of its own."""
    x, weight = call.x, call.read(1)
    window = Window.of(call, weight.shape[2:])
    extra = [int(n) for n in call.attrs.get("output_padding", [0] * len(window.kernel))]
    full = window.unpooled(x.shape[2:], extra)
    if "output_shape" in call.attrs:
        wanted = [int(n) for n in call.attrs["output_shape"]][-len(window.kernel) :]
        total = [size - want for size, want in zip(full, wanted, strict=True)]
        halves = [(cut // 2, cut - cut // 2) for cut in total]
        upper = call.attrs.get("auto_pad", "NOTSET") == "SAME_UPPER"
        before, after = ([pair[i] for pair in halves] for i in ((0, 1) if upper else (1, 0)))
    else:
        before, after = window.padding(x.shape[2:], is_transposed=True)
    symmetric = before == after and min(before, default=0) >= 0
    settings = {"stride": window.stride, "dilation": window.dilation, "output_padding": tuple(extra)}
    settings |= {"padding": tuple(before) if symmetric else (0,) * len(before)}
    groups = int(call.attrs.get("group", 1))
    made = call.apply("convolve", x, weight, call.optional(2), groups=groups, **settings)
    if symmetric:
        return made
    for axis, (start, end, size) in enumerate(zip(before, after, full, strict=True)):
        if start < 0 or end < 0:
            raise UnsupportedError("an output larger than the inputs reach")
        made = call.apply("slice", made, axis=axis + 2, start=start, stop=size - end)
    return made


def batch_norm(call: Call) -> Made:
    """Batch norm at inference."""
    if call.attrs.get("training_mode", 0) or call.num_outputs > 1:
        raise UnsupportedError("a batch norm that combines the samples of the batch")
    weight, bias, mean, variance = (call.fixed(index) for index in range(1, 5))
    eps = float(call.attrs.get("epsilon", 1e-5))
    return call.apply("batch_norm", call.x, mean, variance, weight, bias, eps=eps)


def layer_norm(call: Call) -> Made:
    """Layer norm over the last axes."""
    rank = call.rank - call.axis(call.attrs.get("axis", -1))
    weight, bias = call.fixed(1), call.optional(2)
    eps = float(call.attrs.get("epsilon", 1e-5))
    if bias is None and rank == 1:
        bias = call.constant(torch.zeros(weight.shape, dtype=weight.dtype))
    return call.apply("layer_norm", call.x, weight, bias, rank=rank, eps=eps)


def rms_norm(call: Call) -> Made:
    """RMS norm over the last axis."""
    if call.axis(call.attrs.get("axis", -1)) != call.rank - 1:
        raise UnsupportedError("an RMS norm over several axes")
    return call.apply("rms_norm", call.x, call.fixed(1), eps=float(call.attrs.get("epsilon", 1e-5)))


def group_norm(call: Call) -> Made:
    """Group norm; before opset 21 with a scale and a shift for each group."""
    weight, bias, groups = call.fixed(1), call.fixed(2), int(call.attrs["num_groups"])
    count = call.x.shape[1]
    if weight.shape != (count,):
        weight, bias = (_for_channels(call, part, count) for part in (weight, bias))
    eps = float(call.attrs.get("epsilon", 1e-5))
    return call.apply("group_norm", call.x, weight, bias, groups=groups, eps=eps)


def _for_channels(call: Call, part: Node, count: int) -> Node:
    """One number for each group as one for each of its channels."""
    groups = math.prod(part.shape)
    wide = repeated(call, call.apply("reshape", part, shape=(groups, 1)), (groups, count // groups))
    return call.apply("reshape", wide, shape=(count,))


def instance_norm(call: Call) -> Made:
    """Instance norm; of channels that were joined by a reshape it is group norm."""
    x, weight, bias = call.x, call.fixed(1), call.fixed(2)
    eps, groups = float(call.attrs.get("epsilon", 1e-5)), x.shape[1]
    inner = x.reads[0] if x.op == "reshape" else None
    if inner is None or len(inner.shape) < 2 or inner.shape[0] != x.shape[0] or inner.shape[1] % groups:
        return call.apply("instance_norm", x, weight, bias, eps=eps)
    normal = call.apply("group_norm", inner, groups=groups, eps=eps)
    made = call.apply("reshape", normal, shape=x.shape)
    if _is_plain(weight, 1.0) and _is_plain(bias, 0.0):
        return made
    shape = (groups, *(1,) * (len(x.shape) - 2))
    scaled = call.apply("multiply", made, call.apply("reshape", weight, shape=shape))
    return call.apply("add", scaled, call.apply("reshape", bias, shape=shape))


def _is_plain(node: Node, number: float) -> bool:
    return node.value is not None and bool((node.value == number).all())


def local_response_norm(call: Call) -> Made:
    """Local response norm."""
    names = {"alpha": ("alpha", 1e-4), "beta": ("beta", 0.75), "k": ("bias", 1.0)}
    settings = {name: float(call.attrs.get(*spec)) for name, spec in names.items()}
    return call.apply("local_response_norm", call.x, size=int(call.attrs["size"]), **settings)


def einsum(call: Call) -> Made:
    """A sum of products by the names of axes."""
    equation = str(call.attrs["equation"]).replace(" ", "")
    if "->" not in equation:
        letters = equation.replace(",", "")
        equation += "->" + "".join(sorted(letter for letter in set(letters) if letters.count(letter) == 1))
    return call.aten("einsum", equation=equation, tensors=[call.read(i) for i in range(len(call.reads))])


def attention(call: Call) -> Made:
    """softmax(scale · QKᵀ + mask) V, of (batch, heads, tokens, d) or of heads side by side."""
    if any(call.optional(index) is not None for index in (4, 5)) or call.attrs.get("softcap", 0.0):
        raise UnsupportedError("attention to what was attended to before, or with a soft cap")
    query, key, value = (call.read(index) for index in range(3))
    flat = len(query.shape) == 3
    if flat:
        counts = [int(call.attrs[f"{name}_num_heads"]) for name in ("q", "kv", "kv")]
        query, key, value = (_apart(call, x, n) for x, n in zip((query, key, value), counts, strict=True))
    scale = call.attrs.get("scale")
    made = call.aten(
        "scaled_dot_product_attention",
        query=query,
        key=key,
        value=value,
        attn_mask=call.optional(3),
        is_causal=bool(call.attrs.get("is_causal", 0)),
        scale=scale,
    )
    if flat:
        made = call.apply("permute", made, order=(0, 2, 1, 3))
        made = call.apply("reshape", made, shape=(*made.shape[:2], made.shape[2] * made.shape[3]))
    return [made, *(None,) * (call.num_outputs - 1)]


def _apart(call: Call, x: Node, heads: int) -> Node:
    """(batch, tokens, heads · d) → (batch, heads, tokens, d)."""
    batch, tokens, width = x.shape
    made = call.apply("reshape", x, shape=(batch, tokens, heads, width // max(heads, 1)))
    return call.apply("permute", made, order=(0, 2, 1, 3))


WEIGHING: dict[str, Operator] = {
    "Attention": attention,
    "BatchNormalization": batch_norm,
    "Conv": convolution,
    "ConvTranspose": transposed_convolution,
    "Einsum": einsum,
    "Gemm": gemm,
    "GroupNormalization": group_norm,
    "InstanceNormalization": instance_norm,
    "LRN": local_response_norm,
    "LayerNormalization": layer_norm,
    "MatMul": matmul,
    "RMSNormalization": rms_norm,
}
