"""Where the tensors of a network hold the weights of edges."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ngcore.graph import EdgeBlock

EDGES_WITHOUT_WEIGHT = {
    "skip": "skip connection",
    "product": "product",
    "attention": "attention",
    "pool": "pooling",
    "turn": "exchange of axes",
    "norm": "norm without scale",
}


def edge_paths(block: "EdgeBlock", sources: Sequence[int], targets: Sequence[int], *, per_group: int) -> list[str]:
    """Paths such as "2.weight[5, 3]" of edges of one block, or what they are where they carry no weight.

    Args:
        block: The block.
        sources: Numbers of the neurons that they leave, from 0 in their node block.
        targets: Numbers of the neurons that they enter.
        per_group: Sources of a group.
    """
    if block.parameter is None:
        return [EDGES_WITHOUT_WEIGHT.get(block.kind, block.kind)] * len(sources)
    into = [target + block.rows[0] for target in targets]
    out_of = [source % per_group for source in sources]
    area = block.kernel[0] * block.kernel[1]
    if block.layout == "diagonal":
        return [f"{block.parameter}[{i}]" for i in into]
    if block.layout == "in_out":
        own = sources if block.groups > 1 else out_of  # rows of a transposed convolution run on over its groups
        into = [i % (block.rows[1] - block.rows[0]) + block.rows[0] for i in targets] if block.groups > 1 else into
        return [f"{block.parameter}[{o + block.columns[0]}, {i}]" for i, o in zip(into, own, strict=True)]
    if block.kind == "linear" and area > 1 and not block.interleaved:
        first = [o * area + block.columns[0] for o in out_of]
        return [f"{block.parameter}[{i}, {o}:{o + area}]" for i, o in zip(into, first, strict=True)]
    step = f"::{block.interleaved}" if block.interleaved else ""
    first = [o + block.columns[0] // (1 if block.interleaved else area) for o in out_of]
    return [f"{block.parameter}[{i}, {o}{step}]" for i, o in zip(into, first, strict=True)]
