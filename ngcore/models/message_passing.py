"""Message passing with FiLM edges, principal neighbourhood aggregation and edge updates (NG-GNN)."""

import math
from collections.abc import Callable
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from ngcore.graph import Direction, Edges, Layout, map_edges

LOG_DEGREE = math.log(33)
"""Degree scale of the amplification scaler: log(1 + 32), the corpora's typical degree."""


Norm = Literal["layer", "rms", "batch"]


class NodeBatchNorm(nn.BatchNorm1d):
    """Batch normalisation of node features over all nodes of all networks, (…, d) in either layout."""

    def forward(self, x: Float[Tensor, "*axes d"]) -> Float[Tensor, "*axes d"]:
        """Normalised features."""
        return super().forward(x.flatten(0, -2)).view_as(x)


NORMS: dict[Norm, Callable[[int], nn.Module]] = {"layer": nn.LayerNorm, "rms": nn.RMSNorm, "batch": NodeBatchNorm}


class MessagePassing(nn.Module):
    """One layer of NG-GNN (paper, App. C; PNA: Corso et al. 2020).

    A weight is one edge with one state e_ij, and two messages flow over it, one to each end, each with maps of its own:

        m_ij = scale(e_ij) ⊙ (A x_i + B x_j) + shift(e_ij)
        x_j ← x_j + SiLU(LayerNorm(Linear[x_j, mean, min, max, std of m, the same amplified by degree]))
        e_ij ← e_ij + Linear(SiLU(Linear(e_ij) + C x_i + D x_j))

    The Linears of x act on nodes before they are broadcast to edges, and the two directions share their products with
    e_ij, which is where the time goes.

    Args:
        d_node: Width of node features.
        d_edge: Width of edge features.
        dropout: Share of node features dropped in training.
        updates_edges: Whether edges change; the last layer's need not.
        norm: What normalises the update of the nodes: its own statistics ("layer", "rms") or the batch's ("batch").
    """

    def __init__(
        self, d_node: int, d_edge: int, *, dropout: float = 0.0, updates_edges: bool = True, norm: Norm = "layer"
    ) -> None:
        super().__init__()
        self.d_node, self.d_edge, self.updates_edges = d_node, d_edge, updates_edges
        self.ends = nn.Linear(d_node, 4 * d_node + (2 * d_edge if updates_edges else 0))
        self.scale, self.shift = nn.Linear(d_edge, 2 * d_node), nn.Linear(d_edge, 2 * d_node)
        nn.init.ones_(self.scale.bias)
        self.post = nn.Linear(17 * d_node, d_node)
        self.norm = NORMS[norm](d_node)
        self.dropout = nn.Dropout(dropout)
        if updates_edges:
            self.edge_in = nn.Linear(d_edge, d_edge)
            self.edge_out = nn.Linear(d_edge, d_edge)

    def forward(
        self, layout: Layout, nodes: Float[Tensor, "*axes nodes d_node"], edges: Edges
    ) -> tuple[Float[Tensor, "*axes nodes d_node"], Edges]:
        """New node and edge features, in the layout given."""
        widths = [2 * self.d_node, 2 * self.d_node] + ([self.d_edge] * 2 if self.updates_edges else [])
        at_source, at_target, *updates = self.ends(nodes).split(widths, dim=-1)
        ends = (layout.at_source(at_source), layout.at_target(at_target))
        messages = [self._messages(*edge_and_ends) for edge_and_ends in zip(edges, *ends, strict=True)]
        received = [
            aggregate(layout, [forward for forward, _ in messages], "forward", nodes),
            aggregate(layout, [reverse for _, reverse in messages], "reverse", nodes),
        ]
        update = self.post(torch.cat([nodes, *received], dim=-1))
        if self.updates_edges:
            edges = map_edges(self._update_edge, edges, layout.at_source(updates[0]), layout.at_target(updates[1]))
        return nodes + self.dropout(functional.silu(self.norm(update))), edges

    def _messages(self, edge: Tensor, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """The messages along the edges and against them."""
        halves = (part.chunk(2, dim=-1) for part in (self.shift(edge), self.scale(edge), source, target))
        forward, reverse = (
            torch.addcmul(shift, scale, at_source + at_target)
            for shift, scale, at_source, at_target in zip(*halves, strict=True)
        )
        return forward, reverse

    def _update_edge(self, edge: Tensor, source: Tensor, target: Tensor) -> Tensor:
        return edge + self.edge_out(functional.silu(self.edge_in(edge) + source + target))


def aggregate(layout: Layout, messages: Edges, direction: Direction, nodes: Tensor) -> Float[Tensor, "*axes nodes d"]:
    """Mean, min, max and standard deviation of the messages at each node, as they are and amplified by degree."""
    count = layout.num_messages(direction, nodes)
    total, squares, largest, smallest = layout.moments(messages, direction)
    mean = total / count.clamp(min=1)
    variance = squares / count.clamp(min=1) - mean.square()
    together = torch.cat([mean, smallest, largest, (functional.relu(variance) + 1e-5).sqrt()], dim=-1)
    return torch.cat([together, together * (torch.log1p(count) / LOG_DEGREE)], dim=-1)
