"""NG-GNN and NG-T in plain torch_geometric: slow, close to the formulas, and equal to the fast layouts."""

import math
from typing import Literal

import torch
import torch_geometric.nn
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional
from torch_geometric.data import Batch, Data
from torch_geometric.utils import degree, scatter, softmax

from ngcore.graph import Direction, Edges, GraphStructure, block_edge_index, graph_structure, join_edges, split_edges
from ngcore.models.heads import ParameterHead
from ngcore.models.message_passing import LOG_DEGREE, MessagePassing
from ngcore.models.model import Networks, stacks_of
from ngcore.models.neural_graph_model import NeuralGraphModel
from ngcore.models.relational_attention import WAYS, RelationalAttention
from ngcore.networks import Network


class DirectedMessages(torch_geometric.nn.MessagePassing):
    """The messages of one direction, aggregated: mean, min, max, std, and the same amplified by degree.

    Args:
        layer: Whose parameters to use.
        flow: "source_to_target" along the edges, "target_to_source" against them.
    """

    def __init__(self, layer: MessagePassing, flow: Literal["source_to_target", "target_to_source"]) -> None:
        super().__init__(aggr=["mean", "min", "max", "var"], flow=flow)
        self.layer, self.way = layer, 0 if flow == "source_to_target" else 1

    def forward(
        self,
        nodes: Float[Tensor, "nodes d_node"],
        edges: Float[Tensor, "edges d_edge"],
        edge_index: Int[Tensor, "2 edges"],
    ) -> Float[Tensor, "nodes d"]:
        """What every node receives."""
        received = self.propagate(edge_index, x=nodes, edge_attr=edges, size=(len(nodes), len(nodes)))
        mean, smallest, largest, variance = received.chunk(4, dim=-1)
        std = (functional.relu(variance) + 1e-5).sqrt()
        together = torch.cat([mean, smallest, largest, std], dim=-1)
        count = degree(edge_index[1 - self.way], len(nodes), dtype=nodes.dtype)[:, None]
        return torch.cat([together, together * (torch.log1p(count) / LOG_DEGREE)], dim=-1)

    def message(self, x_i: Tensor, x_j: Tensor, edge_attr: Tensor) -> Tensor:
        """scale(e) ⊙ Linear([x_source, x_target]) + shift(e), for every edge."""
        source, target = (x_j, x_i) if self.way == 0 else (x_i, x_j)
        ends = self.layer.ends
        weights = self._per_way(ends.weight[: 4 * self.layer.d_node])  # ends, d_node, d_node
        biases = self._per_way(ends.bias[: 4 * self.layer.d_node])
        both = functional.linear(torch.cat([source, target], dim=-1), torch.cat([*weights], dim=1), biases.sum(0))
        scale, shift = (self._of_edge(linear, edge_attr) for linear in (self.layer.scale, self.layer.shift))
        return scale * both + shift

    def _of_edge(self, linear: nn.Linear, edge_attr: Tensor) -> Tensor:
        return functional.linear(edge_attr, self._per_way(linear.weight)[0], self._per_way(linear.bias)[0])

    def _per_way(self, rows: Tensor) -> Tensor:
        """This direction's share of rows that alternate between the directions, (blocks, d_node, …)."""
        return rows.unflatten(0, (-1, 2, self.layer.d_node))[:, self.way]


class ReferenceLayer(nn.Module):
    """One layer of NG-GNN over an edge list, with the parameters of a `MessagePassing` layer."""

    def __init__(self, layer: MessagePassing) -> None:
        super().__init__()
        self.layer = layer
        self.along = DirectedMessages(layer, "source_to_target")
        self.against = DirectedMessages(layer, "target_to_source")

    def forward(self, nodes: Tensor, edges: Tensor, edge_index: Tensor) -> tuple[Tensor, Tensor]:
        """New node features (nodes, d_node) and edge features (edges, d_edge)."""
        layer = self.layer
        received = [way(nodes, edges, edge_index) for way in (self.along, self.against)]
        update = layer.norm(layer.post(torch.cat([nodes, *received], dim=-1)))
        if layer.updates_edges:
            of_source, of_target = layer.ends(nodes)[:, 4 * layer.d_node :].chunk(2, dim=-1)
            ends = of_source[edge_index[0]] + of_target[edge_index[1]]
            edges = edges + layer.edge_out(functional.silu(layer.edge_in(edges) + ends))
        return nodes + layer.dropout(functional.silu(update)), edges


class ReferenceAttention(nn.Module):
    """One layer of NG-T over an edge list, with the parameters of a `RelationalAttention` layer."""

    def __init__(self, layer: RelationalAttention) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, nodes: Tensor, edges: Tensor, edge_index: Tensor) -> tuple[Tensor, Tensor]:
        """New node features (nodes, d_node) and edge features (edges, d_edge)."""
        layer, heads = self.layer, self.layer.num_heads
        ways: tuple[tuple[Direction, Tensor], ...] = (("forward", edge_index), ("reverse", edge_index.flip(0)))
        found = [self._logits_and_values(WAYS[way], nodes, edges, index) for way, index in ways]
        logits, values = (torch.cat(parts) for parts in zip(*found, strict=True))
        receivers = torch.cat([index[1] for _, index in ways])
        shares = softmax(logits, receivers, num_nodes=len(nodes))  # messages, heads
        weighted = (shares[..., None] * values.unflatten(-1, (heads, -1))).flatten(1)
        attended = scatter(weighted, receivers, dim_size=len(nodes), reduce="sum")
        nodes = layer.attention_norm(nodes + layer.dropout(layer.out(attended)))
        nodes = layer.mlp_norm(nodes + layer.dropout(layer.mlp(nodes)))
        if layer.updates_edges:
            of_source, of_target = layer.edge_ends(nodes).chunk(2, dim=-1)
            hidden = layer.edge_in(edges) + of_source[edge_index[0]] + of_target[edge_index[1]]
            edges = layer.edge_norm(edges + layer.edge_out(functional.gelu(hidden)))
        return nodes, edges

    def _logits_and_values(self, way: str, nodes: Tensor, edges: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
        """What every receiver j makes of the sender i of each edge: q_ij · k_ij / √d in each head, and v_ij."""
        layer, heads = self.layer, self.layer.num_heads
        query, key, value = layer.node_projection(nodes).chunk(3, dim=-1)
        of_query, of_key, of_value = layer.edge_projection[way](edges).chunk(3, dim=-1)
        product = (query[index[1]] + of_query) * (key[index[0]] + of_key)
        logits = product.unflatten(-1, (heads, -1)).sum(-1) / math.sqrt(layer.d_attention / heads)
        values = value[index[0]] * (1 + of_value) + layer.edge_value[way](edges.repeat(1, heads))
        return logits, values


class PygNeuralGraphModel(nn.Module):
    """An NG-GNN or NG-T computed with torch_geometric; encoder, parameters and head are those of `model`.

    Args:
        model: Whose parameters to share.
    """

    def __init__(self, model: NeuralGraphModel) -> None:
        super().__init__()
        self.model = model
        self.layers = nn.ModuleList(
            ReferenceLayer(layer) if isinstance(layer, MessagePassing) else ReferenceAttention(layer)  # type: ignore[arg-type]
            for layer in model.layers
        )
        self._indices: dict[tuple[tuple[GraphStructure, int], ...], Tensor] = {}

    def forward(self, networks: Networks) -> Tensor | Network | list[Network]:
        """As `NeuralGraphModel.forward`."""
        stacks = stacks_of(networks)
        features = [self._features(stack) for stack in stacks]
        nodes = torch.cat([nodes.flatten(0, 1) for nodes, _ in features])
        edges = torch.cat([join_edges(blocks) for _, blocks in features])
        edge_index = self._edge_index(stacks)
        for layer in self.layers:
            nodes, edges = layer(nodes, edges, edge_index)
        answers = self._answers(stacks, nodes, edges)
        if isinstance(self.model.head, ParameterHead):
            return answers[0] if isinstance(networks, Network) else answers
        return torch.cat(answers)

    def _features(self, stack: Network) -> tuple[Tensor, Edges]:
        return self.model.encoder(self.model.canonical(stack))

    def _edge_index(self, stacks: list[Network]) -> Int[Tensor, "2 edges"]:
        """The edges of all graphs as torch_geometric batches them; kept for further batches of the same kind."""
        key = tuple((graph_structure(stack.architecture), len(stack)) for stack in stacks)
        if key not in self._indices:
            graphs = [Data(edge_index=block_edge_index(s), num_nodes=s.num_nodes) for s, n in key for _ in range(n)]
            self._indices[key] = Batch.from_data_list(graphs).edge_index.to(stacks[0].device)
        return self._indices[key]

    def _answers(self, stacks: list[Network], nodes: Tensor, edges: Tensor) -> list:
        structures = [graph_structure(stack.architecture) for stack in stacks]
        sizes = [
            (s.num_nodes * len(stack), s.num_edges * len(stack)) for s, stack in zip(structures, stacks, strict=True)
        ]
        own_nodes, own_edges = (
            rows.split([*n]) for rows, n in zip((nodes, edges), zip(*sizes, strict=True), strict=True)
        )
        answers = []
        for structure, stack, node_rows, edge_rows in zip(structures, stacks, own_nodes, own_edges, strict=True):
            features = [node_rows.unflatten(0, (len(stack), -1))]
            if isinstance(self.model.head, ParameterHead):
                features.append(split_edges(edge_rows, structure, len(stack)))
            answers.append(self.model.head(structure, *features))
        return answers
