"""Weights at a glance: a unit's matrix as a small picture, the distribution of |w|, and norms of neurons' weights."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

import ngcore.graph
from app.block_map import block_map
from app.viewer.edges import MAX_BLOCK, ends_of, signed_sizes

if TYPE_CHECKING:
    import torch

    from ngcore.networks import Architecture, Network

SIDE = 64
"""Cells of a side of a picture."""

BINS = 24
STRUCTURES = 400
"""Units of a network beyond which pictures are left out."""


@dataclass(frozen=True)
class Glance:
    """What a closed unit shows.

    Attributes:
        cells: int8 (rows, columns), the largest weight of each cell as a share of `limit`, times 127.
        limit: The |weight| at which the colour is full.
        counts: (BINS,) how many |weights| there are from 0 to `largest`.
        largest: The largest |weight|.
    """

    cells: np.ndarray
    limit: float
    counts: np.ndarray
    largest: float


@dataclass(frozen=True)
class Glances:
    """What all units of a network show.

    Attributes:
        of_units: By the number of the unit; units without weights have none.
        fan_in: float32 (neurons,), the norm of the weights into each neuron.
    """

    of_units: dict[int, Glance]
    fan_in: np.ndarray


def glances_of(network: "Network", edge_sizes: "Sequence[torch.Tensor] | None" = None) -> Glances:
    """Summarise the weights into every unit, the largest matrix of each.

    Args:
        network: A stack whose first network is shown.
        edge_sizes: For every edge block what its edges are drawn as; None for their weights.
    """
    structure, units = ngcore.graph.graph_structure(network.architecture), block_map(network.architecture)
    one = network[:1].detach().to("cpu")
    squares = np.zeros(structure.num_nodes)
    largest: dict[int, int] = {}
    found: dict[int, Glance] = {}
    for number, block in enumerate(structure.edge_blocks):
        groups, sources, targets = structure.edge_shape(block)
        if block.parameter is None or groups * sources * targets > MAX_BLOCK:
            continue
        sizes = (signed_sizes(one, block) if edge_sizes is None else edge_sizes[number]).numpy()
        node = structure.node_blocks[block.target]
        squares[node.start : node.stop] += np.square(sizes, dtype=float).sum(axis=1).reshape(-1)
        unit = ends_of(structure, units, block)[1].unit
        if sizes.size > largest.get(unit, 0) and len(units.units) <= STRUCTURES:
            largest[unit] = sizes.size
            found[unit] = glance(_as_matrix(sizes))
    return Glances(found, np.sqrt(squares).clip(max=np.finfo(np.float32).max).astype(np.float32))


def _as_matrix(sizes: np.ndarray) -> np.ndarray:
    """(targets, sources of a group), from (groups, sources, targets)."""
    return sizes.transpose(0, 2, 1).reshape(-1, sizes.shape[1])


def glance(matrix: np.ndarray) -> Glance:
    """A matrix as a picture of at most `SIDE` × `SIDE` cells, each with its strongest weight, and a histogram."""
    cells = _strongest_of_cells(matrix)
    sizes = np.abs(matrix)
    largest = float(sizes.max(initial=0)) or 1.0
    limit = float(np.quantile(np.abs(cells), 0.98)) or largest
    counts, _ = np.histogram(sizes, bins=BINS, range=(0, largest))
    shown = np.rint(np.clip(cells / limit, -1, 1) * 127).astype(np.int8)
    return Glance(shown, limit, counts, largest)


def _strongest_of_cells(matrix: np.ndarray) -> np.ndarray:
    starts = [np.linspace(0, size, min(size, SIDE), endpoint=False).astype(int) for size in matrix.shape]
    high, low = (
        function.reduceat(function.reduceat(matrix, starts[0], axis=0), starts[1], axis=1)
        for function in (np.maximum, np.minimum)
    )
    return np.where(high >= -low, high, low)


def parameter_shapes_in_words(architecture: "Architecture", names: tuple[str, ...]) -> list[str]:
    """Names of tensors with their shapes, such as "2.weight 10 × 256"."""
    shapes = architecture.parameter_shapes
    return [f"{name} {' × '.join(map(str, shapes[name]))}" for name in names if name in shapes]
