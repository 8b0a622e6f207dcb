"""Those of torch's own operations that are layers: weights, norms, pools, attention, recurrences."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import torch

from ngcore.networks.lifting.aten import ARITHMETIC, SAME, Handler, Made
from ngcore.networks.lifting.aten_compositions import COMPOSITIONS
from ngcore.networks.lifting.aten_moves import MOVES
from ngcore.networks.lifting.graph import ForeignGraph
from ngcore.networks.lifting.nodes import Node


def linear(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """W x + b."""
    if not a.weight.is_constant:
        order = tuple(range(len(a.weight.shape)))[::-1]
        made = graph.apply("matmul", a.input, graph.apply("permute", a.weight, order=order), path=path)
        return made if a.bias is None else graph.apply("add", made, a.bias, path=path)
    return graph.apply("linear", a.input, a.weight, a.bias, path=path)


def product(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """A product of matrices or vectors."""
    other = next(getattr(a, name) for name in ("other", "mat2", "vec2", "vec", "tensor") if hasattr(a, name))
    return graph.apply("matmul", a.self, other, path=path)


def product_and_sum(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """β x + α A B."""
    one, other = (a.mat1, a.mat2) if hasattr(a, "mat1") else (a.batch1, a.batch2)
    made = graph.apply("affine", graph.apply("matmul", one, other, path=path), factor=float(a.alpha))
    return graph.apply("add", made, graph.apply("affine", a.self, factor=float(a.beta)), path=path)


def einsum(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """A sum of products of two tensors, by the names of their axes."""
    left, _, right = a.equation.replace(" ", "").partition("->")
    names = left.split(",")
    if len(names) != 2 or "." in left or any(len(set(name)) < len(name) for name in names) or not right:
        shape = torch.einsum(a.equation, *(torch.empty(x.shape, device="meta") for x in a.tensors)).shape
        return graph.unknown(f"einsum {a.equation}", shape, a.tensors[0].dtype, a.tensors, path)
    one, other = names
    both = [n for n in right if n in one and n in other]
    summed = [n for n in one if n in other and n not in right]
    mine, its = ([n for n in name if n not in both and n not in summed and n in right] for name in names)
    size = {n: s for name, x in zip(names, a.tensors, strict=True) for n, s in zip(name, x.shape, strict=True)}
    parts = []
    for name, x, groups in ((one, a.tensors[0], (mine, summed)), (other, a.tensors[1], (summed, its))):
        alone = [n for n in name if n not in right and n not in summed]
        if alone:
            x = graph.apply("reduce", x, reduction="sum", axes=tuple(name.index(n) for n in alone), path=path)
            name = "".join(n for n in name if n not in alone)
        order = tuple(name.index(n) for n in (*both, *groups[0], *groups[1]))
        x = graph.apply("permute", x, order=order, path=path)
        joined = (*(size[n] for n in both), *(_product(size[n] for n in group) for group in groups))
        parts.append(graph.apply("reshape", x, shape=joined, path=path))
    made = graph.apply("matmul", *parts, path=path)
    names_made = [*both, *mine, *its]
    made = graph.apply("reshape", made, shape=tuple(size[n] for n in names_made), path=path)
    return graph.apply("permute", made, order=tuple(names_made.index(n) for n in right), path=path)


def _product(sizes: Any) -> int:
    total = 1
    for size in sizes:
        total *= size
    return total


def embedding(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """Rows of a table; those of fixed places are part of it."""
    if a.indices.value is None or a.weight.value is None:
        return graph.apply("embed", a.indices, a.weight, path=path)
    places, count = a.indices.value.flatten(), a.weight.shape[0]
    first, last = int(places[0]), int(places[-1])
    width = a.weight.shape[1]
    if first >= 0 and torch.equal(places.cpu(), torch.arange(first, first + len(places))) and last < count:
        rows = graph.apply("slice", a.weight, axis=0, start=first, stop=last + 1)
        return graph.apply("reshape", rows, shape=(*a.indices.shape, width), path=path)
    if bool((places == first).all()):
        row = graph.apply("slice", a.weight, axis=0, start=first, stop=first + 1)
        row = graph.apply("reshape", row, shape=(1,) * len(a.indices.shape) + (width,))
        return graph.apply("expand", row, shape=(*a.indices.shape, width), path=path)
    return graph.apply("embed", a.indices, a.weight, path=path)


def _numbers(value: Any, rank: int) -> tuple[int, ...]:
    listed = [value] if isinstance(value, int) else list(value)
    return tuple(listed) if len(listed) == rank else tuple(listed) * rank


def convolution(rank: int) -> Handler:
    """A convolution of some axes; padding may be "same" or "valid"."""

    def handle(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
        stride, dilation = _numbers(a.stride, rank), _numbers(a.dilation, rank)
        x, padding = a.input, a.padding
        if padding == "same":
            total = [d * (kernel - 1) for d, kernel in zip(dilation, a.weight.shape[2:], strict=True)]
            if all(size % 2 == 0 for size in total):
                padding = [size // 2 for size in total]
            else:
                amounts = [side for size in reversed(total) for side in (size // 2, size - size // 2)]
                x, padding = graph.apply("pad", x, amounts=tuple(amounts), path=path), 0
        padding = (0,) * rank if padding == "valid" else _numbers(padding, rank)
        settings = {"stride": stride, "padding": padding, "dilation": dilation, "groups": a.groups}
        if getattr(a, "output_padding", None) is not None:
            settings["output_padding"] = _numbers(a.output_padding, rank)
        return graph.apply("convolve", x, a.weight, a.bias, path=path, **settings)

    return handle


def convolution_of_any_rank(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """What convolutions are decomposed into."""
    if not a.transposed:
        a.output_padding = None
    return convolution(len(a.weight.shape) - 2)(graph, a, path)


def batch_norm(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """Batch norm; without running statistics it depends on the batch."""
    if a.running_mean is None or getattr(a, "training", False):
        why = "batch norm without running statistics combines the samples of the batch"
        made = graph.unknown("batch_norm", a.input.shape, a.input.dtype, [a.input], path)
        made.attrs["why"] = why
        return made
    eps = float(a.eps)
    return graph.apply("batch_norm", a.input, a.running_mean, a.running_var, a.weight, a.bias, eps=eps, path=path)


def batch_norm_of_parts(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """Batch norm as it is decomposed: with statistics that nothing reads."""
    made = batch_norm(graph, a, path)
    assert isinstance(made, Node)
    return [made, a.running_mean, a.running_var]


def layer_norm(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """Layer norm over the last axes."""
    rank = len(a.normalized_shape)
    return graph.apply("layer_norm", a.input, a.weight, a.bias, rank=rank, eps=float(a.eps), path=path)


def rms_norm(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """RMS norm over the last axes; of several, as of one long one."""
    eps = torch.finfo(a.input.dtype).eps if a.eps is None else float(a.eps)
    rank, x, weight = len(a.normalized_shape), a.input, a.weight
    shape: tuple[int, ...] = x.shape
    if rank > 1:
        x = graph.apply("reshape", x, shape=(*shape[:-rank], _product(shape[-rank:])))
        weight = weight and graph.apply("reshape", weight, shape=x.shape[-1:])
    return graph.apply("reshape", graph.apply("rms_norm", x, weight, eps=eps, path=path), shape=shape)


def group_norm(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """Group norm."""
    return graph.apply("group_norm", a.input, a.weight, a.bias, groups=a.num_groups, eps=float(a.eps), path=path)


def instance_norm(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """Instance norm; with running statistics it is batch norm."""
    if a.running_mean is not None and not a.use_input_stats:
        return batch_norm(graph, a, path)
    return graph.apply("instance_norm", a.input, a.weight, a.bias, eps=float(a.eps), path=path)


def pool(rank: int, kind: str) -> Handler:
    """Pooling over windows."""

    def handle(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
        kernel = _numbers(a.kernel_size, rank)
        settings: dict[str, Any] = {
            "reduction": kind,
            "kernel_size": kernel,
            "stride": _numbers(a.stride, rank) if a.stride else kernel,
            "padding": _numbers(a.padding, rank),
            "dilation": _numbers(getattr(a, "dilation", 1), rank),
            "ceil_mode": bool(a.ceil_mode),
            "count_include_pad": bool(getattr(a, "count_include_pad", True)),
        }
        if getattr(a, "divisor_override", None):
            return graph.unknown("an average with a divisor of its own", a.self.shape, a.self.dtype, [a.self], path)
        return graph.apply("pool", a.self, path=path, **settings)

    return handle


def with_places(handler: Handler) -> Handler:
    """A pool that also tells where the maxima are."""

    def handle(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
        made = handler(graph, a, path)
        assert isinstance(made, Node)
        return [made, graph.unknown("the place of a maximum", made.shape, torch.long, [a.self], path)]

    return handle


def adaptive_pool(rank: int, kind: str) -> Handler:
    """Pooling over parts."""

    def handle(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
        size = _numbers(a.output_size, rank)
        return graph.apply("adaptive_pool", a.self, reduction=kind, output_size=size, path=path)

    return handle


def resize(mode: str) -> Handler:
    """Interpolation."""

    def handle(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
        x = a.input if hasattr(a, "input") else a.self
        factors, corners = getattr(a, "scale_factors", None), bool(getattr(a, "align_corners", False))
        factors = factors or [1.0] * (len(x.shape) - 2)
        size = a.output_size or [int(n * f) for n, f in zip(x.shape[2:], factors, strict=True)]
        exact = all(int(n * f) == n * f for n, f in zip(x.shape[2:], factors, strict=True))
        scale = () if exact else tuple(float(f) for f in factors)
        settings = {"size": tuple(size), "mode": mode, "align_corners": corners, "scale": scale}
        return graph.apply("resize", x, path=path, **settings)

    return handle


def pad(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """More entries at the ends of axes."""
    mode = getattr(a, "mode", "constant")
    value = getattr(a, "value", None) or 0.0
    return graph.apply("pad", a.self, amounts=tuple(a.pad), mode=mode, value=float(value), path=path)


def padding(mode: str) -> Handler:
    """Padding by what is there."""

    def handle(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
        return graph.apply("pad", a.self, amounts=tuple(a.padding), mode=mode, path=path)

    return handle


def attention(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """softmax(scale · QKᵀ + mask) V."""
    mask = a.attn_mask
    if mask is not None and mask.value is not None and mask.dtype == torch.bool:
        hidden = torch.zeros(mask.shape, dtype=a.query.dtype).masked_fill(~mask.value, -torch.inf)
        mask = graph.derived(hidden, [mask], path)
    settings = {"is_causal": bool(a.is_causal), "scale": None if a.scale is None else float(a.scale)}
    return graph.apply("attend", a.query, a.key, a.value, mask, path=path, **settings)


def prelu(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """A leaky ReLU with learned slopes."""
    return graph.apply("prelu", a.self, a.weight, path=path)


def weight_norm(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """Computes g v / |v| of a network's own weights."""
    numbers = torch._weight_norm(a.v.value, a.g.value, a.dim)
    made = graph.derived(numbers, [a.v, a.g], path)
    if a.v.source and a.g.source and not a.v.source.views and not a.g.source.views:
        made.attrs["fold"] = (a.g.source.name, a.v.source.name, a.dim)
    return made


def recurrence(cell: str) -> Handler:
    """All layers and directions of a recurrence; the last states too."""

    def handle(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
        states = list(a.hx) if cell == "lstm" else [a.hx]
        ways = 2 if a.bidirectional else 1
        each = 4 if a.has_biases else 2
        if len(a.params) != each * ways * a.num_layers:
            shape = (*a.input.shape[:2], ways * states[0].shape[-1])
            made = graph.unknown(f"{cell} with projections", shape, a.input.dtype, [a.input, *a.params], path)
            return [made, *states]
        x = a.input if a.batch_first else graph.apply("permute", a.input, order=(1, 0, 2))
        last: list[list[Node]] = [[] for _ in states]
        for layer in range(a.num_layers):
            found = []
            for way in range(ways):
                place = layer * ways + way
                weights = a.params[each * place : each * (place + 1)]
                starts = [_entry(graph, state, place) for state in states]
                reads = [x, starts[0], starts[1] if len(starts) > 1 else None, *weights]
                states_made = _scanned(graph, reads, cell, is_reversed=way == 1, path=path)
                found.append(states_made[0])
                for ends, values in zip(last, states_made, strict=True):
                    ends.append(_end(graph, values, is_reversed=way == 1))
            x = found[0] if ways == 1 else graph.apply("concat", *found, axis=2, path=path)
        made_x = x if a.batch_first else graph.apply("permute", x, order=(1, 0, 2))
        stacked = [ends[0] if len(ends) == 1 else graph.apply("concat", *ends, axis=0, path=path) for ends in last]
        return [made_x, *stacked]

    return handle


def _scanned(
    graph: ForeignGraph, reads: Sequence[Node | None], cell: str, *, is_reversed: bool, path: str
) -> list[Node]:
    kinds = ("hidden", "cell") if cell == "lstm" else ("hidden",)
    settings: dict[str, Any] = {"cell": cell, "is_reversed": is_reversed}
    return [graph.apply("scan", *reads, path=path, returns=kind, **settings) for kind in kinds]


def _entry(graph: ForeignGraph, states: Node, place: int) -> Node:
    one = graph.apply("slice", states, axis=0, start=place, stop=place + 1)
    return graph.apply("reshape", one, shape=states.shape[1:])


def _end(graph: ForeignGraph, values: Node, *, is_reversed: bool) -> Node:
    """The last states, (1, batch, hidden)."""
    place = 0 if is_reversed else values.shape[1] - 1
    one = graph.apply("slice", values, axis=1, start=place, stop=place + 1)
    return graph.apply("reshape", one, shape=(1, values.shape[0], values.shape[2]))


HANDLERS: dict[str, Handler] = {
    **ARITHMETIC,
    **MOVES,
    **COMPOSITIONS,
    "_native_batch_norm_legit_no_training": batch_norm_of_parts,
    "_weight_norm": weight_norm,
    "addmm": product_and_sum,
    "baddbmm": product_and_sum,
    "batch_norm": batch_norm,
    "bmm": product,
    "constant_pad_nd": pad,
    "convolution": convolution_of_any_rank,
    "dot": product,
    "einsum": einsum,
    "embedding": embedding,
    "group_norm": group_norm,
    "gru": recurrence("gru"),
    "instance_norm": instance_norm,
    "layer_norm": layer_norm,
    "linear": linear,
    "lstm": recurrence("lstm"),
    "matmul": product,
    "mm": product,
    "mv": product,
    "pad": pad,
    "prelu": prelu,
    "rms_norm": rms_norm,
    "rnn_relu": recurrence("rnn_relu"),
    "rnn_tanh": recurrence("rnn_tanh"),
    "scaled_dot_product_attention": attention,
}
for _rank in (1, 2, 3):
    HANDLERS |= {
        f"conv{_rank}d": convolution(_rank),
        f"conv_transpose{_rank}d": convolution(_rank),
        f"max_pool{_rank}d": pool(_rank, "max"),
        f"max_pool{_rank}d_with_indices": with_places(pool(_rank, "max")),
        f"avg_pool{_rank}d": pool(_rank, "mean"),
        f"adaptive_avg_pool{_rank}d": adaptive_pool(_rank, "mean"),
        f"_adaptive_avg_pool{_rank}d": adaptive_pool(_rank, "mean"),
        f"adaptive_max_pool{_rank}d": with_places(adaptive_pool(_rank, "max")),
        f"upsample_nearest{_rank}d": resize("nearest"),
        f"_upsample_nearest_exact{_rank}d": resize("nearest-exact"),
        f"reflection_pad{_rank}d": padding("reflect"),
        f"replication_pad{_rank}d": padding("replicate"),
    }
HANDLERS |= {
    "upsample_linear1d": resize("linear"),
    "upsample_bilinear2d": resize("bilinear"),
    "upsample_bicubic2d": resize("bicubic"),
    "upsample_trilinear3d": resize("trilinear"),
}

KEEPS_SOURCE = frozenset((*MOVES, *SAME, "to", "_to_copy", "embedding", "linear", "_weight_norm"))
"""Operations on constants after which it is still known which tensor of the original they are."""
