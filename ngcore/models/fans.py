"""Weights scaled by the fan-in of the training corpus, so that what a neuron collects does not depend on width."""

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from ngcore.graph import EdgeBlock, Edges, GraphStructure, edge_kernels, graph_structure
from ngcore.models.rows import Rows
from ngcore.networks import Network


class FanScale(nn.Module):
    """Multiplies the kernels of each layer by √fan_in over the size that √fan_in · w has in a training corpus.

    A sweep divides what a neuron collects by √fan_in of its own network. With this before it, the sum
    Σ_i w_ij · A x_i remains, over a constant of the layer: copies of a neuron that share its outgoing weights count as
    much as the one did, however they share them.

    Args:
        rows: Which layers share a constant.
    """

    size: Tensor

    def __init__(self, rows: Rows) -> None:
        super().__init__()
        self.rows = rows
        self.register_buffer("size", torch.ones(rows.num_weight_rows))

    def forward(self, structure: GraphStructure, edges: Edges) -> Edges:
        """The kernels, scaled.

        Args:
            structure: The graph.
            edges: Standardised kernels, one tensor (networks, groups, sources, targets, kernel area) per edge block.
        """
        scaled = list(edges)
        for number, block, row in self._weights(structure):
            scaled[number] = edges[number] * (math.sqrt(fan_in(structure, block)) / self.size[row])
        return scaled

    @torch.no_grad()
    def fit(self, networks: Sequence[Network]) -> None:
        """Take the root mean square of √fan_in · w in each row over stacks of standardised networks."""
        sums, counts = torch.zeros_like(self.size).double(), torch.zeros_like(self.size).double()
        for network in networks:
            structure = graph_structure(network.architecture)
            kernels = edge_kernels(network)
            for number, block, row in self._weights(structure):
                mean = kernels[number].double().square().mean()
                sums[row] += len(network) * fan_in(structure, block) * mean.to(sums)
                counts[row] += len(network)
        found = (sums / counts.clamp(min=1)).sqrt()
        self.size.copy_(torch.where(found > 0, found, 1.0))

    def _weights(self, structure: GraphStructure) -> Iterator[tuple[int, EdgeBlock, int]]:
        """(number, edge block, row) of the edges that carry weights of layers."""
        rows = self.rows.of_weights(structure.architecture)
        for number, block in enumerate(structure.edge_blocks):
            if block.parameter is not None and block.layer in rows:
                yield number, block, rows[block.layer]


def fan_in(structure: GraphStructure, block: EdgeBlock) -> int:
    """Numbers that a neuron multiplies by the weights of an edge block: sources times entries of a kernel."""
    return structure.edge_shape(block)[1] * math.prod(block.kernel)
