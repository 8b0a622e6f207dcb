"""The strongest edges of every layer, sorted, as the numbers that a graphics processor reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

import ngcore.graph
from app.block_map import BlockMap, block_map
from app.graph_view import shares
from app.viewer.packing import pack
from app.viewer.places import Layout, layout_of

if TYPE_CHECKING:
    import torch

    from ngcore.graph import EdgeBlock, GraphStructure
    from ngcore.networks import Architecture, Network

FIRST_BUDGET = 60_000
"""Edges that are sent at once, 480 kB."""

FULL_BUDGET = 1_000_000
"""Edges that are sent on demand, 8 MB; beyond that the matrices say more."""

PACK_ALL = 2_000_000
"""Edges of a network that is sent whole; of larger ones only open layers are."""

MAX_STRUCTURAL = 512
"""Edges without weight of one block that are drawn, evenly spread: skips, products, pools."""

MAX_BLOCK = 60_000_000
"""Edges of a block whose norms still fit into memory comfortably; larger ones are drawn closed."""


class End(NamedTuple):
    """The neurons of an edge block's end: their unit, and which of its neurons is the first of them."""

    unit: int
    first: int


@dataclass(frozen=True)
class Strongest:
    """The strongest edges of a block between drawn neurons, the strongest first.

    Attributes:
        source: uint32 (edges,) numbers of items in the unit that they leave.
        target: uint32 (edges,) numbers of items in the unit that they enter.
        value: float32 (edges,) signed sizes.
        count: How many edges the block has between drawn neurons.
        total: Sum of their |value|.
    """

    source: np.ndarray
    target: np.ndarray
    value: np.ndarray
    count: int
    total: float


def ends_of(structure: "GraphStructure", units: BlockMap, block: "EdgeBlock") -> tuple[End, End]:
    """Where an edge block begins and ends."""
    return _end(structure, units, block.source), _end(structure, units, block.target)


def _end(structure: "GraphStructure", units: BlockMap, node_block: int) -> End:
    unit = units.of_block[node_block]
    first = structure.node_blocks[units.units[unit].blocks[0]].start
    return End(unit, structure.node_blocks[node_block].start - first)


def num_drawn(structure: "GraphStructure", units: BlockMap, layout: Layout, block: "EdgeBlock") -> int:
    """Edges of a block between drawn neurons: fewer than it has where these are groups."""
    groups, *sizes = structure.edge_shape(block)
    per_item = [layout.grids[end.unit].per_item if groups == 1 else 1 for end in ends_of(structure, units, block)]
    sources, targets = (-(-size // per) for size, per in zip(sizes, per_item, strict=True))
    return groups * sources * targets


def is_whole(architecture: "Architecture") -> bool:
    """Whether the edges of all layers are sent; else those between open layers alone."""
    return ngcore.graph.graph_structure(architecture).num_edges <= PACK_ALL


def wanted_blocks(architecture: "Architecture", open_units: frozenset[int] = frozenset()) -> list[int]:
    """Numbers of the edge blocks that are sent: all, or those between open units where a network is large."""
    structure, units = ngcore.graph.graph_structure(architecture), block_map(architecture)
    found = []
    for number, block in enumerate(structure.edge_blocks):
        ends = {end.unit for end in ends_of(structure, units, block)}
        groups, sources, targets = structure.edge_shape(block)
        if (is_whole(architecture) or ends <= open_units) and groups * sources * targets <= MAX_BLOCK:
            found.append(number)
    return found


def pack_edges(
    network: "Network", numbers: Sequence[int], budget: int, sizes: "Sequence[torch.Tensor] | None" = None
) -> bytes:
    """The strongest edges of some blocks as bytes, see `app.viewer.packing`.

    The array "edges" is uint32 (edges, 2): the numbers of both items, source | target · 65,536, and the bits of the
    float32 value. The fact "blocks" has for each block its number, its first edge, how many are here and in all, the
    total |value|, and for a histogram of |value| the counts and the limit.

    Args:
        network: A stack whose first network is shown.
        numbers: Of the edge blocks.
        budget: How many edges there are at most, spread evenly over the layers; those without weight come on top.
        sizes: For every edge block of the graph what its edges are drawn as; None for their weights, see
            `signed_sizes`.
    """
    architecture = network.architecture
    structure, units, layout = (
        ngcore.graph.graph_structure(architecture),
        block_map(architecture),
        layout_of(architecture),
    )
    blocks = [structure.edge_blocks[number] for number in numbers]
    counts = [num_drawn(structure, units, layout, block) for block in blocks]
    weights = [i for i, block in enumerate(blocks) if block.parameter is not None]
    allowed = dict(zip(weights, shares([counts[i] for i in weights], budget), strict=True))
    rows, parts, first = [], [], 0
    one = network[:1].detach().to("cpu")
    for i, block in enumerate(blocks):
        own = None if sizes is None else sizes[numbers[i]]
        found = strongest(one, block, layout, allowed.get(i, MAX_STRUCTURAL), own)
        parts.append(_as_texels(found))
        rows.append([numbers[i], first, len(found.value), found.count, float(found.total)])
        first += len(found.value)
    edges = np.concatenate([np.zeros((0, 2), np.uint32), *parts])
    return pack({"blocks": rows, "budget": budget}, {"edges": edges.reshape(-1)})


def _as_texels(found: Strongest) -> np.ndarray:
    return np.stack([found.source | found.target << np.uint32(16), found.value.view(np.uint32)], axis=1)


def strongest(
    network: "Network", block: "EdgeBlock", layout: Layout, limit: int, sizes: "torch.Tensor | None" = None
) -> Strongest:
    """The strongest edges of a block; of those without weight, which are all alike, evenly spread ones.

    Args:
        network: A stack of one on the CPU.
        block: One of the edge blocks of its graph.
        layout: Where its neurons stand.
        limit: How many edges are kept.
        sizes: (groups, sources, targets) what its edges are drawn as; None for their weights.
    """
    structure, units = ngcore.graph.graph_structure(network.architecture), block_map(network.architecture)
    source, target = ends_of(structure, units, block)
    groups, sources, targets = structure.edge_shape(block)
    if block.parameter is None:
        count = groups * sources * targets
        kept = np.unique(np.linspace(0, count - 1, min(count, limit)).round().astype(np.int64))
        values, total = np.ones(len(kept), np.float32), float(count)
        places = np.unravel_index(kept, (groups, sources, targets))
        count_drawn = count
    else:
        sizes = signed_sizes(network, block) if sizes is None else sizes
        sizes = _grouped(sizes, *(layout.grids[end.unit].per_item if groups == 1 else 1 for end in (source, target)))
        kept, values = _largest(sizes.reshape(-1), limit)
        total, count_drawn = float(sizes.abs().sum(dtype=sizes.dtype)), sizes.numel()
        places = np.unravel_index(kept, tuple(sizes.shape))
        sources, targets = sizes.shape[1:]
    from_item = places[0] * sources + places[1] + source.first // layout.grids[source.unit].per_item
    to_item = places[0] * targets + places[2] + target.first // layout.grids[target.unit].per_item
    sent_from, sent_to = (
        np.minimum(item, layout.grids[end.unit].items - 1).astype(np.uint32)
        for item, end in ((from_item, source), (to_item, target))
    )
    return Strongest(sent_from, sent_to, values, count_drawn, total if np.isfinite(total) else 0.0)


def signed_sizes(network: "Network", block: "EdgeBlock") -> "torch.Tensor":
    """float32 (groups, sources, targets): weights, or the norms of kernels with the signs of their sums.

    Numbers that are not finite are 0.
    """
    import torch

    kernels = ngcore.graph.edge_kernels(network, [block])[0][0].float()
    if kernels.shape[3:] == (1, 1):
        sizes = kernels[..., 0, 0]
    else:
        sums = kernels.sum(dim=(3, 4))
        sizes = torch.linalg.vector_norm(kernels, dim=(3, 4)) * torch.where(sums < 0, -1.0, 1.0)
    return torch.nan_to_num(sizes, nan=0.0, posinf=0.0, neginf=0.0)


def _grouped(sizes: "torch.Tensor", per_source: int, per_target: int) -> "torch.Tensor":
    """Norms of the weights between groups of neighbouring neurons, with the signs of their sums."""
    if per_source == per_target == 1:
        return sizes
    import torch

    pad = (0, -sizes.shape[2] % per_target, 0, -sizes.shape[1] % per_source)
    cells = torch.nn.functional.pad(sizes, pad).unflatten(1, (-1, per_source)).unflatten(3, (-1, per_target))
    sums = cells.sum(dim=(2, 4))
    return torch.linalg.vector_norm(cells, dim=(2, 4)) * torch.where(sums < 0, -1.0, 1.0)


def _largest(values: "torch.Tensor", limit: int) -> tuple[np.ndarray, np.ndarray]:
    """Places and values of the `limit` largest |values|, the largest first."""
    import torch

    kept = torch.topk(values.abs(), min(limit, values.numel())).indices
    return kept.numpy(), values[kept].numpy()
