"""NG-GNN as plain torch_geometric message passing: slow, close to the formulas, and equal to the fast layouts."""

import math
from collections.abc import Sequence

import torch
import torch_geometric.nn
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional
from torch_geometric.utils import degree

from ngcore.errors import ArchitectureError
from ngcore.graph import Edges, GraphStructure, graph_structure, to_graph, to_pyg
from ngcore.models.heads import ParameterHead
from ngcore.models.message_passing import LOG_DEGREE, MessagePassing
from ngcore.models.neural_graph_model import NeuralGraphModel
from ngcore.networks import Network


class DirectedMessages(torch_geometric.nn.MessagePassing):
    """The messages of one direction, aggregated: mean, min, max, std, and the same amplified by degree.

    Args:
        layer: Where the parameters come from.
        flow: "source_to_target" along the edges or "target_to_source" against them.
    """

    def __init__(self, layer: MessagePassing, flow: str) -> None:
        super().__init__(aggr=["mean", "min", "max", "var"], flow=flow)
        self.d_node = layer.d_node
        start = 0 if flow == "source_to_target" else self.d_node
        self.rows = slice(start, start + self.d_node)

    def forward(
        self,
        layer: MessagePassing,
        nodes: Float[Tensor, "nodes d_node"],
        edges: Float[Tensor, "edges d_edge"],
        edge_index: Int[Tensor, "2 edges"],
    ) -> Float[Tensor, "nodes d"]:
        """What every node receives."""
        both_ends, bias = self._linear_of_both_ends(layer)
        mean, smallest, largest, variance = self.propagate(
            edge_index,
            x=nodes,
            scale=functional.linear(edges, layer.scale.weight[self.rows], layer.scale.bias[self.rows]),
            shift=functional.linear(edges, layer.shift.weight[self.rows], layer.shift.bias[self.rows]),
            both_ends=both_ends,
            bias=bias,
            size=(len(nodes), len(nodes)),
        ).chunk(4, dim=-1)
        std = (functional.relu(variance) + 1e-5).sqrt()
        together = torch.cat([mean, smallest, largest, std], dim=-1)
        count = degree(edge_index[self._received_at], len(nodes), dtype=nodes.dtype)[:, None]
        return torch.cat([together, together * (torch.log1p(count) / LOG_DEGREE)], dim=-1)

    def message(
        self, x_i: Tensor, x_j: Tensor, scale: Tensor, shift: Tensor, both_ends: Tensor, bias: Tensor
    ) -> Tensor:
        """(1 + scale(e)) ⊙ Linear([x_source, x_target]) + shift(e)."""
        ends = (x_j, x_i) if self.flow == "source_to_target" else (x_i, x_j)
        return (1 + scale) * functional.linear(torch.cat(ends, dim=-1), both_ends, bias) + shift

    @property
    def _received_at(self) -> int:
        """Row of the edge index that holds the receiving nodes."""
        return 1 if self.flow == "source_to_target" else 0

    def _linear_of_both_ends(self, layer: MessagePassing) -> tuple[Tensor, Tensor]:
        """Weight (d, 2 d) and bias (d,) of the Linear of [x_source, x_target]."""
        of_source, of_target = (layer.ends.weight[i * self.d_node :][: 2 * self.d_node][self.rows] for i in (0, 2))
        biases = (layer.ends.bias[i * self.d_node :][: 2 * self.d_node][self.rows] for i in (0, 2))
        return torch.cat([of_source, of_target], dim=1), sum(biases, torch.zeros_like(layer.ends.bias[: self.d_node]))


class ReferenceLayer(nn.Module):
    """One layer of NG-GNN over an edge list, with the parameters of a `MessagePassing` layer."""

    def __init__(self, layer: MessagePassing) -> None:
        super().__init__()
        self.layer = layer
        self.along, self.against = (DirectedMessages(layer, f) for f in ("source_to_target", "target_to_source"))

    def forward(self, nodes: Tensor, edges: Tensor, edge_index: Tensor) -> tuple[Tensor, Tensor]:
        """New node features (nodes, d_node) and edge features (edges, d_edge)."""
        layer = self.layer
        received = [way(layer, nodes, edges, edge_index) for way in (self.along, self.against)]
        update = layer.norm(layer.post(torch.cat([nodes, *received], dim=-1)))
        if layer.updates_edges:
            of_source, of_target = layer.ends(nodes)[:, 4 * layer.d_node :].chunk(2, dim=-1)
            ends = of_source[edge_index[0]] + of_target[edge_index[1]]
            edges = edges + layer.edge_out(functional.silu(layer.edge_in(edges) + ends))
        return nodes + layer.dropout(functional.silu(update)), edges


class PygNeuralGraphModel(nn.Module):
    """A NG-GNN that shares encoder, parameters and head with `model` and passes its messages with torch_geometric.

    Args:
        model: The model whose parameters it uses.

    Raises:
        ArchitectureError: If the model is no NG-GNN.
    """

    def __init__(self, model: NeuralGraphModel) -> None:
        super().__init__()
        if model.config.kind != "ng-gnn":
            raise ArchitectureError(f"Expected a model of kind 'ng-gnn', got {model.config.kind!r}.")
        self.model = model
        self.layers = nn.ModuleList(ReferenceLayer(layer) for layer in model.layers)
        self._indices: dict[tuple[tuple[GraphStructure, ...], tuple[int, ...]], Tensor] = {}

    def forward(self, networks: Network | Sequence[Network]) -> Tensor | Network | list[Network]:
        """As `NeuralGraphModel.forward`."""
        stacks = [networks] if isinstance(networks, Network) else list(networks)
        features = [self.model.features(stack) for stack in stacks]
        nodes = torch.cat([nodes.flatten(0, 1) for nodes, _ in features])
        edges = torch.cat([torch.cat([e.flatten(1, 3) for e in edges], dim=1).flatten(0, 1) for _, edges in features])
        edge_index = self._edge_index(stacks)
        for layer in self.layers:
            nodes, edges = layer(nodes, edges, edge_index)
        return self._answer(networks, stacks, nodes, edges)

    def _edge_index(self, stacks: list[Network]) -> Int[Tensor, "2 edges"]:
        """The edges of all graphs in one list, as torch_geometric batches them; kept for batches of the same kind."""
        key = (tuple(graph_structure(s.architecture) for s in stacks), tuple(len(s) for s in stacks))
        if key not in self._indices:
            data = [one for stack in stacks for one in to_pyg(to_graph(stack))]
            starts = torch.tensor([0, *(one.num_nodes for one in data[:-1])]).cumsum(0)
            parts = [one.edge_index + start for one, start in zip(data, starts, strict=True)]
            self._indices[key] = torch.cat(parts, dim=1).to(stacks[0].device)
        return self._indices[key]

    def _answer(
        self, networks: Network | Sequence[Network], stacks: list[Network], nodes: Tensor, edges: Tensor
    ) -> Tensor | Network | list[Network]:
        structures = [graph_structure(stack.architecture) for stack in stacks]
        counts = [len(stack) for stack in stacks]
        own_nodes = nodes.split([s.num_nodes * n for s, n in zip(structures, counts, strict=True)])
        own_edges = edges.split([s.num_edges * n for s, n in zip(structures, counts, strict=True)])
        parts = list(zip(structures, counts, own_nodes, own_edges, strict=True))
        head = self.model.head
        if isinstance(head, ParameterHead):
            changes = [head(s, x.unflatten(0, (n, -1)), _block_edges(s, n, e)) for s, n, x, e in parts]
            return changes[0] if isinstance(networks, Network) else changes
        return torch.cat([head(s, x.unflatten(0, (n, -1))) for s, n, x, _ in parts])


def _block_edges(structure: GraphStructure, count: int, edges: Tensor) -> Edges:
    """(edges, d) of `count` graphs → one tensor an edge block."""
    shapes = [structure.edge_shape(block) for block in structure.edge_blocks]
    blocks = edges.unflatten(0, (count, -1)).split([math.prod(shape) for shape in shapes], dim=1)
    return [block.unflatten(1, shape) for block, shape in zip(blocks, shapes, strict=True)]
