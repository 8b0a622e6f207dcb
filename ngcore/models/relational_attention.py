"""Relational attention over the edges of a neural graph (NG-T; Diao & Loynd 2023)."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from ngcore.graph import Direction, Edges, Layout, map_edges

WAYS: dict[Direction, str] = {"forward": "forth", "reverse": "back"}
"""Names of the two directions in the names of parameters, which stand in stored weights."""


class RelationalAttention(nn.Module):
    """One layer of NG-T: attention whose queries, keys and values see the edge, then an edge update.

        q_ij = q_j + Q e_ij,  k_ij = k_i + K e_ij,  v_ij = v_i ⊙ (1 + M e_ij) + V e_ij
        x_j ← LayerNorm(x_j + Linear(Σ_i softmax_i(q_ij · k_ij / √d) v_ij)), then a node MLP with LayerNorm
        e_ij ← LayerNorm(e_ij + MLP[e_ij, x_i, x_j])

    A neuron attends over its edges in both directions in one softmax, and never over pairs that are no edges. The sum
    of V e_ij is taken as V Σ a_ij e_ij, which spares the widest product.

    Args:
        d_node: Width of node features.
        d_edge: Width of edge features.
        d_attention: Width of queries, keys and values over all heads.
        num_heads: Attention heads.
        dropout: Share of node features dropped in training.
        updates_edges: Whether edges change; the last layer's need not.
    """

    def __init__(
        self,
        d_node: int,
        d_edge: int,
        *,
        d_attention: int,
        num_heads: int,
        dropout: float = 0.0,
        updates_edges: bool = True,
    ) -> None:
        super().__init__()
        self.num_heads, self.d_attention, self.updates_edges = num_heads, d_attention, updates_edges
        self.node_projection = nn.Linear(d_node, 3 * d_attention)
        self.edge_projection = nn.ModuleDict({way: nn.Linear(d_edge, 3 * d_attention) for way in WAYS.values()})
        self.edge_value = nn.ModuleDict({way: _HeadwiseLinear(d_edge, d_attention, num_heads) for way in WAYS.values()})
        self.out = nn.Linear(d_attention, d_node)
        self.attention_norm, self.mlp_norm = nn.LayerNorm(d_node), nn.LayerNorm(d_node)
        self.mlp = nn.Sequential(nn.Linear(d_node, 2 * d_node), nn.GELU(), nn.Linear(2 * d_node, d_node))
        self.dropout = nn.Dropout(dropout)
        if updates_edges:
            self.edge_ends = nn.Linear(d_node, 4 * d_edge)
            self.edge_in, self.edge_out = nn.Linear(d_edge, 2 * d_edge), nn.Linear(2 * d_edge, d_edge)
            self.edge_norm = nn.LayerNorm(d_edge)

    def forward(
        self, layout: Layout, nodes: Float[Tensor, "*axes nodes d_node"], edges: Edges
    ) -> tuple[Float[Tensor, "*axes nodes d_node"], Edges]:
        """New node and edge features, in the layout given."""
        attended = self._attend(layout, nodes, edges)
        nodes = self.attention_norm(nodes + self.dropout(self.out(attended)))
        nodes = self.mlp_norm(nodes + self.dropout(self.mlp(nodes)))
        if self.updates_edges:
            source, target = self.edge_ends(nodes).chunk(2, dim=-1)
            edges = map_edges(self._update_edge, edges, layout.at_source(source), layout.at_target(target))
        return nodes, edges

    def _attend(self, layout: Layout, nodes: Tensor, edges: Edges) -> Tensor:
        query, key, value = self.node_projection(nodes).chunk(3, dim=-1)
        key_value = torch.cat([key, value], dim=-1)
        forward = self._logits_and_values("forward", edges, layout.at_target(query), layout.at_source(key_value))
        reverse = self._logits_and_values("reverse", edges, layout.at_source(query), layout.at_target(key_value))
        largest = layout.reduce(forward[0], reverse[0], "max").detach()  # …, nodes, heads
        weight_forward = map_edges(_shifted_exp, forward[0], layout.at_target(largest))
        weight_reverse = map_edges(_shifted_exp, reverse[0], layout.at_source(largest))
        total = layout.reduce(weight_forward, weight_reverse, "sum")
        messages = (map_edges(_weigh, weight_forward, forward[1]), map_edges(_weigh, weight_reverse, reverse[1]))
        result = layout.reduce(*messages, "sum")
        edge_forward = layout.reduce(map_edges(_weigh_edge, weight_forward, edges), None, "sum")
        edge_reverse = layout.reduce(None, map_edges(_weigh_edge, weight_reverse, edges), "sum")
        result = (
            result + self.edge_value[WAYS["forward"]](edge_forward) + self.edge_value[WAYS["reverse"]](edge_reverse)
        )
        return (result.unflatten(-1, (self.num_heads, -1)) / total.clamp(min=1e-9)[..., None]).flatten(-2)

    def _logits_and_values(
        self, direction: Direction, edges: Edges, query: Edges, key_value: Edges
    ) -> tuple[Edges, Edges]:
        """Attention logits (…, heads) and values (…, d_attention) of all edges in one direction."""
        logits, values = [], []
        for edge, own_query, own_key_value in zip(edges, query, key_value, strict=True):
            edge_query, edge_key, modulation = self.edge_projection[WAYS[direction]](edge).chunk(3, dim=-1)
            key, value = own_key_value.chunk(2, dim=-1)
            product = (own_query + edge_query) * (key + edge_key)
            scale = math.sqrt(self.d_attention / self.num_heads)
            logits.append(product.unflatten(-1, (self.num_heads, -1)).sum(-1) / scale)  # …, heads
            values.append(value * (1 + modulation))
        return logits, values

    def _update_edge(self, edge: Tensor, source: Tensor, target: Tensor) -> Tensor:
        return self.edge_norm(edge + self.edge_out(functional.gelu(self.edge_in(edge) + source + target)))


class _HeadwiseLinear(nn.Module):
    """Each head's own map of an attended edge feature: (…, heads · d_in) → (…, heads · d_out / heads)."""

    def __init__(self, d_in: int, d_out: int, num_heads: int) -> None:
        super().__init__()
        bound = 1 / math.sqrt(d_in)
        self.weight = nn.Parameter(torch.empty(num_heads, d_in, d_out // num_heads).uniform_(-bound, bound))

    def forward(self, x: Tensor) -> Tensor:
        """Apply the heads' maps."""
        heads = x.unflatten(-1, (len(self.weight), -1))  # …, heads, d_in
        return torch.einsum("...hd,hde->...he", heads, self.weight).flatten(-2)


def _shifted_exp(logits: Tensor, largest: Tensor) -> Tensor:
    return torch.exp(logits - largest)


def _weigh(weight: Tensor, value: Tensor) -> Tensor:
    """Values (…, heads · d) times weights (…, heads)."""
    return (value.unflatten(-1, (weight.shape[-1], -1)) * weight[..., None]).flatten(-2)


def _weigh_edge(weight: Tensor, edge: Tensor) -> Tensor:
    """Edge features (…, d) times each head's weight (…, heads) → (…, heads · d)."""
    return (weight[..., None] * edge[..., None, :]).flatten(-2)
