"""Rules for attention, rotary positions and recurrences."""

import math

import torch
from torch import Tensor

from ngcore.networks.layers import Attend, Constant, Recurrence, Rotary
from ngcore.networks.lifting.builder import Traced, Value
from ngcore.networks.lifting.layout import Factor, Run, UnsupportedError, size_of, sizes_of
from ngcore.networks.lifting.lifter import Lifter
from ngcore.networks.lifting.matching import fixed
from ngcore.networks.lifting.nodes import Node
from ngcore.networks.lifting.weighing import expect_constant, named, summed_product

NEVER = -1e4  # scores that are lowered by more count for nothing


def lift_attention(lifter: Lifter, node: Node) -> Traced:
    """softmax(scale · QKᵀ + mask) V of (batch, …heads, tokens, d)."""
    query, key, value = (lifter.read(node, index) for index in range(3))
    mask, is_causal = fixed(node.operand(3)), node.attrs.get("is_causal", False)
    if mask is not None and not mask.is_constant:
        raise UnsupportedError("scaled_dot_product_attention with a custom mask, one that depends on the input")
    try:
        heads = _heads(lifter, query)
        read = [lifter.builder.arranged(query.value, _side_by_side(lifter, query, heads))]
        kv = [_grouped(lifter, traced, heads) for traced in (key, value)]
    except UnsupportedError:
        return _spelled_out(lifter, node)
    kv_heads = kv[0][1]
    if kv_heads != kv[1][1]:
        return _spelled_out(lifter, node)
    if mask is not None:
        mask, is_causal = _as_causal(lifter, mask, is_causal)
    read += [kv[0][0], kv[1][0]] + ([] if mask is None else [_mask_value(lifter, mask, node)])
    count = size_of(heads)
    layer = Attend(count, None if kv_heads == count else kv_heads, is_causal, node.attrs.get("scale"))
    width, tokens = lifter.axes(value)[-1], lifter.axes(query)[-2]
    made = lifter.builder.emit(layer, read, ((*heads, *width), tokens), path=node.path)
    return Traced(made, (*lifter.axes(query)[:-1], width))


def _heads(lifter: Lifter, traced: Traced) -> Run:
    """The axis of heads, which may go along with the batch."""
    return tuple(f for run in lifter.axes(traced)[:-2] for f in run if f is not lifter.batch)


def _side_by_side(lifter: Lifter, traced: Traced, heads: Run) -> tuple[Run, ...]:
    whole = lifter.axes(traced)
    if any(lifter.builder.is_repeated(traced.value, factor) for run in whole for factor in run):
        raise UnsupportedError("queries that are repeated")
    return ((*heads, *whole[-1]), whole[-2])


def _grouped(lifter: Lifter, traced: Traced, heads: Run) -> tuple[Value, int]:
    """Keys or values head by head, and how many heads they have: repeats that come last are left out."""
    own = list(_heads(lifter, traced))
    while own and lifter.builder.is_repeated(traced.value, own[-1]):
        own.pop()
    if any(lifter.builder.is_repeated(traced.value, factor) for factor in own):
        traced = lifter.builder.whole(traced)
        own = list(_heads(lifter, traced))
    axes = lifter.axes(traced)
    if size_of(heads) % size_of(own):
        raise UnsupportedError("heads of keys that do not divide those of queries")
    return lifter.builder.arranged(traced.value, ((*own, *axes[-1]), axes[-2])), size_of(own)


def _spelled_out(lifter: Lifter, node: Node) -> Traced:
    """Attention over more axes than a layer here has, as products and sums."""
    graph, (query, key, value) = lifter.graph, node.reads[:3]
    assert query is not None
    assert key is not None
    assert value is not None
    if len(key.shape) > 3 and key.shape[-3] not in (1, query.shape[-3]):
        raise UnsupportedError("grouped keys over several axes")
    scale = node.attrs.get("scale")
    scaled = graph.apply("affine", query, factor=query.shape[-1] ** -0.5 if scale is None else scale)
    order = (*range(len(key.shape) - 2), len(key.shape) - 1, len(key.shape) - 2)
    scores = graph.apply("matmul", scaled, graph.apply("permute", key, order=order), path=node.path)
    masks = [fixed(node.operand(3))]
    if node.attrs.get("is_causal"):
        masks.append(graph.constant(_triangle(*scores.shape[-2:]).to(scores.dtype)))
    for mask in masks:
        scores = scores if mask is None else graph.apply("add", scores, mask, path=node.path)
    weights = graph.apply("softmax", scores, axis=len(scores.shape) - 1, path=node.path)
    return lifter.lift(summed_product(graph, weights, value, node.shape, path=node.path))  # "matmul" would be attention


def _triangle(tokens: int, others: int) -> Tensor:
    return torch.full((tokens, others), -math.inf).triu(1)


def _as_causal(lifter: Lifter, mask: Node, is_causal: bool) -> tuple[Node | None, bool]:
    """A mask and whether attention is causal: a mask of a triangle alone says no more."""
    numbers = mask.value
    assert numbers is not None
    if mask.is_learned:
        return mask, is_causal
    plain = numbers.reshape(-1, *numbers.shape[-2:]) if numbers.dim() > 1 else numbers[None, None]
    hidden = _triangle(*plain.shape[-2:]).isinf().expand_as(plain)
    rest = plain[~hidden]
    if not bool(plain.any()):
        return None, is_causal
    if plain.shape[-1] > 1 and not bool(rest.any()) and bool((plain[hidden] <= NEVER).all()) and bool(hidden.any()):
        return None, True
    return mask, is_causal


def _mask_value(lifter: Lifter, mask: Node, node: Node) -> Value:
    """A mask as a constant of shape (1 or heads, tokens or 1, others), where heads are all other axes but the batch."""
    query, key = node.reads[:2]
    assert query is not None
    assert key is not None
    lead = [tuple(f for f in run if f is not lifter.batch) for run in lifter.axes(lifter.lift(query))[:-2]]
    mask = lifter.graph.apply("reshape", mask, shape=(1,) * (len(query.shape) - len(mask.shape)) + mask.shape)
    for axis, run in enumerate(lead):
        if mask.shape[axis] not in (1, size_of(run)):
            mask = _for_one_sample(lifter, mask, axis, size_of(run))
    sizes = sizes_of(lead) if any(size > 1 for size in mask.shape[: len(lead)]) else (1,) * len(lead)
    whole = lifter.graph.apply("expand", mask, shape=(*sizes, mask.shape[-2], key.shape[-2]))
    return _as_is(lifter, lifter.graph.apply("reshape", whole, shape=(math.prod(sizes), *whole.shape[-2:])), node.path)


def _for_one_sample(lifter: Lifter, mask: Node, axis: int, size: int) -> Node:
    """The mask of one sample, which must be that of all."""
    assert mask.value is not None
    first = mask.value.narrow(axis, 0, size)
    repeats = [mask.shape[i] // size if i == axis else 1 for i in range(len(mask.shape))]
    if mask.shape[axis] % size or not torch.equal(first.repeat(repeats), mask.value):
        raise UnsupportedError("a mask that differs between the samples of the batch")
    return lifter.graph.apply("slice", mask, axis=axis, start=0, stop=size)


def _as_is(lifter: Lifter, mask: Node, path: str) -> Value:
    """A constant whose first axis is its channels."""
    layout = tuple((Factor(size),) if size > 1 else () for size in mask.shape)
    layer = Constant(mask.shape, is_learned=mask.is_learned)
    return lifter.builder.emit(layer, [], layout, path=f"{path}.mask" if path else "mask", parameters={"value": mask})


def lift_rotary(lifter: Lifter, node: Node) -> Traced:
    """Rotary positions of (batch, heads, tokens, d) by tables (tokens, rotary_dim / 2)."""
    cos, sin = expect_constant(node, "table", "table")
    assert cos is not None
    assert sin is not None
    traced = lifter.builder.whole(lifter.read(node))
    heads, axes = _heads(lifter, traced), lifter.axes(traced)
    value = lifter.builder.arranged(traced.value, ((*heads, *axes[-1]), axes[-2]))
    tables = {key: lifter.graph.apply("permute", table, order=(1, 0)) for key, table in (("cos", cos), ("sin", sin))}
    dim = size_of(axes[-1])
    turned = 2 * cos.shape[1]
    layer = Rotary(dim, cos.shape[0], None if turned == dim else turned, node.attrs["is_interleaved"])
    layout = lifter.builder.layout(value)
    path = f"{node.path}.rotary" if node.path else "rotary"
    return Traced(lifter.builder.emit(layer, [value], layout, path=path, parameters=tables), axes)


def lift_scan(lifter: Lifter, node: Node) -> Traced:
    """One layer of a recurrence in one direction, over (batch, steps, features)."""
    names = ("first hidden state", "first cell state", "weight_ih", "weight_hh", "bias_ih", "bias_hh")
    for name, read in zip(names[2:], node.reads[3:], strict=False):
        if read is not None and not read.is_constant:
            raise UnsupportedError(f"its {name} depends on the input")
    weights = dict(zip(names[2:], [node.operand(index) for index in range(3, 7)], strict=True))
    weight, recurrent = weights["weight_ih"], weights["weight_hh"]
    assert weight is not None
    assert recurrent is not None
    traced = lifter.builder.whole(lifter.read(node))
    batch, steps, features = lifter.axes(traced)
    if batch != (lifter.batch,):
        raise UnsupportedError("a recurrence over part of the batch")
    value = lifter.builder.arranged(traced.value, (features, steps))
    hidden = lifter.run_of(recurrent.shape[1])
    layer = Recurrence(
        input_size=weight.shape[1], hidden_size=recurrent.shape[1], bias=weights["bias_ih"] is not None, **node.attrs
    )
    states = _states(lifter, node, hidden)
    layout = (hidden, steps)
    made = lifter.builder.emit(layer, [value, *states], layout, path=node.path, parameters=named(**weights))
    return Traced(made, (batch, steps, hidden))


def _states(lifter: Lifter, node: Node, hidden: Run) -> list[Value]:
    """The first states that are not 0, as vectors."""
    found: list[Value | None] = []
    for read in node.reads[1:3]:
        if read is None:
            continue
        if read.value is not None and not read.is_learned and not bool(read.value.any()):
            found.append(None)
            continue
        traced = lifter.constant(read, [(lifter.batch,), hidden]) if read.is_constant else lifter.lift(read)
        traced = lifter.builder.whole(traced)
        found.append(lifter.builder.arranged(traced.value, (lifter.axes(traced)[-1],)))
    if not any(found):
        return []
    if None in found:
        raise UnsupportedError("one of the two first states is 0 and the other is not")
    return [state for state in found if state is not None]
