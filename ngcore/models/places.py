"""Encodings of places: of neurons whose order has meaning, of blocks in a deep network, of entries in fixed tables."""

import functools
import math
from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from ngcore.graph import GraphStructure, NodeBlock
from ngcore.models.rows import forward_order
from ngcore.networks import Network, symmetry_spaces

NUM_FREQUENCIES = 16
LONGEST = 10_000.0  # places that the slowest wave tells apart, as in the transformer


def encode(places: Tensor) -> Float[Tensor, "*axes waves"]:
    """Sines and cosines of places (Vaswani et al. 2017, Sec. 3.5); zeros for negative ones, which are none."""
    frequencies = LONGEST ** -torch.linspace(0, 1, NUM_FREQUENCIES, dtype=torch.float64, device=places.device)
    phase = places.double()[..., None] * frequencies
    return torch.cat([phase.sin(), phase.cos()], dim=-1) * (places >= 0)[..., None]


@functools.lru_cache(maxsize=1024)
def depths(structure: GraphStructure) -> Float[Tensor, "blocks waves"]:
    """Encodings of how far each node block is from the inputs and from the outputs."""
    layers = list(dict.fromkeys(structure.node_blocks[number].alike for number in forward_order(structure)))
    rank = torch.tensor([layers.index(block.alike) for block in structure.node_blocks])
    return torch.cat([encode(rank), encode(len(layers) - 1 - rank)], dim=-1)


@functools.lru_cache(maxsize=1024)
def pinned_places(structure: GraphStructure) -> Float[Tensor, "nodes waves"] | None:
    """Encodings of the places of neurons whose order has meaning and that are neither inputs nor outputs.

    Those are the places of learned tables, and the channels that a layer tells apart, such as rotary positions do
    within a head. None where there are none.
    """
    found = torch.zeros(structure.num_nodes, 2 * NUM_FREQUENCIES, dtype=torch.float64)
    has_any = False
    for number, block in enumerate(structure.node_blocks):
        if block.role == "position":
            found[block.start : block.stop] = encode(_places_of_table(structure, number))
            has_any = True
        for step, channel in block.pinned:
            period = structure.architecture.steps[step].layer.period
            assert period is not None  # that is what pins them
            places = (channel + torch.arange(block.size) * block.spread) % period
            found[block.start : block.stop] += encode(places)
            has_any = True
    return found if has_any else None


def _places_of_table(structure: GraphStructure, number: int) -> Tensor:
    """Places of the positions of a table in row-major order; −1 where they may be exchanged."""
    architecture = structure.architecture
    layer = next(edges.layer for edges in structure.edge_blocks if edges.source == number)
    step = next(i for i, own in enumerate(architecture.steps) if own.name == layer)
    spaces = symmetry_spaces(architecture)
    place = np.zeros(1, np.int64)
    is_free = np.ones(1, bool)
    for labels in spaces.labels.of_value[architecture.num_inputs + step][1:]:
        own = spaces.of_label[labels]
        is_own_free = np.array([space >= 0 and not spaces.spaces[space].is_fixed for space in own])
        places = np.where(is_own_free, 0, np.arange(len(own)))
        place = (place[:, None] * len(own) + places).reshape(-1)
        is_free = (is_free[:, None] & is_own_free).reshape(-1)
    return torch.from_numpy(np.where(is_free, -1, place))


class StructuralEmbedding(nn.Module):
    """What is known of neurons from the structure: the depth of their block, places that matter, fixed tables.

    Args:
        d: Width of the embedding.
        has_depths: Whether to tell how deep a block is.
        has_places: Whether there are places that matter, see `pinned_places`.
        has_tables: Whether there are fixed tables.
    """

    def __init__(self, d: int, *, has_depths: bool, has_places: bool, has_tables: bool) -> None:
        super().__init__()
        self.depths = nn.Linear(4 * NUM_FREQUENCIES, d, bias=False) if has_depths else None
        self.places = nn.Linear(2 * NUM_FREQUENCIES, d, bias=False) if has_places else None
        self.tables = TableEmbedding(d) if has_tables else None

    def forward(self, structure: GraphStructure, network: Network) -> list[Float[Tensor, "_ _ d"]] | None:
        """Vectors for each node block, (networks or 1, neurons or 1, d); None where nothing is told."""
        if self.depths is None and self.places is None and self.tables is None:
            return None
        like = next(self.parameters())
        found = [like.new_zeros(1, 1, like.shape[0])] * len(structure.node_blocks)
        if self.depths is not None:
            found = [vector[None, None] for vector in self.depths(depths(structure).to(like))]
        places = pinned_places(structure)
        if self.places is not None and places is not None:
            vectors = self.places(places.to(like))[None]
            blocks = structure.node_blocks
            found = [own + vectors[:, block.start : block.stop] for own, block in zip(found, blocks, strict=True)]
        if self.tables is not None:
            for number, vectors in self.tables(structure, network):
                found[number] = found[number] + vectors
        return found


class TableEmbedding(nn.Module):
    """What the fixed tables of a network say (masks, rotary angles), at the neurons that read them.

    A table with an axis of neurons is read row by row, any other as a whole.

    Args:
        d: Width of the embedding.
    """

    def __init__(self, d: int) -> None:
        super().__init__()
        self.linear = nn.Linear(2 * NUM_FREQUENCIES, d, bias=False)

    def forward(
        self, structure: GraphStructure, network: Network
    ) -> Iterator[tuple[int, Float[Tensor, "networks _ d"]]]:
        """Node blocks with the vectors of their neurons, or one for all of them."""
        for number, name, has_neurons in tables(structure):
            table = network.parameters[name]
            rows = table.flatten(2) if has_neurons else table.flatten(1)[:, None]
            yield number, self.linear(self._waves(rows))

    def _waves(self, rows: Float[Tensor, "networks rows entries"]) -> Float[Tensor, "networks rows waves"]:
        """Mean over the entries, each brought to −1 … 1, times the encoding of its place."""
        squashed = rows.clamp(-1e4, 1e4)
        squashed = squashed / (1 + squashed.abs())
        places = encode(torch.arange(rows.shape[2], device=rows.device)).to(rows.dtype)
        return squashed @ places / math.sqrt(rows.shape[2])


@functools.lru_cache(maxsize=1024)
def tables(structure: GraphStructure) -> tuple[tuple[int, str, bool], ...]:
    """(node block, parameter, whether its first axis are these neurons) of the fixed tables that neurons read."""
    return tuple(
        (number, name, has_neurons)
        for number, block in enumerate(structure.node_blocks)
        for name, has_neurons in _tables_of(structure, block)
    )


def _tables_of(structure: GraphStructure, block: NodeBlock) -> Iterator[tuple[str, bool]]:
    for name in structure.constants:
        if block.layer is not None and name.rpartition(".")[0] == block.layer:
            yield name, True
    for step in block.pinned:
        own = structure.architecture.steps[step[0]]
        for parameter in own.layer.parameter_shapes():
            if f"{own.name}.{parameter}" in structure.constants:
                yield f"{own.name}.{parameter}", False
