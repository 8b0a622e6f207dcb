"""From node and edge features to answers: numbers about a network, or a change of its parameters."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ngcore.graph import Edges, GraphStructure, NeuralGraph, to_network
from ngcore.models.config import GraphConfig
from ngcore.models.input_spec import InputSpec
from ngcore.networks import Network


class GraphHead(nn.Module):
    """Reads the output neurons, and the means over each layer's neurons, through an MLP: an invariant answer."""

    def __init__(self, config: GraphConfig, spec: InputSpec) -> None:
        super().__init__()
        self.reads_all = config.readout == "all"
        self.num_outputs, self.num_entries = spec.num_outputs, spec.max_hidden_layers + 2
        d_in = config.d_node * (spec.num_outputs + (2 * self.num_entries if self.reads_all else 0))
        self.mlp = nn.Sequential(
            nn.LayerNorm(d_in),
            nn.Linear(d_in, config.d_hidden),
            nn.SiLU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.d_hidden, config.d_hidden),
            nn.SiLU(),
        )
        self.out = nn.Linear(config.d_hidden, config.d_out)

    def embed(
        self, structure: GraphStructure, nodes: Float[Tensor, "networks nodes d_node"]
    ) -> Float[Tensor, "networks d_hidden"]:
        """Representation of each network before the last Linear."""
        blocks = [nodes[:, block.start : block.stop] for block in structure.node_blocks]
        outputs = nn.functional.pad(blocks[-1], (0, 0, 0, self.num_outputs - blocks[-1].shape[1]))
        parts = [outputs.flatten(1)]  # networks, outputs · d
        if self.reads_all:
            rows: list[list[Tensor]] = [[] for _ in range(self.num_entries)]
            for number, block in enumerate(blocks):
                rows[structure.row(number, self.num_entries)].append(block)
            parts += [_mean_and_max(row, nodes) for row in rows]
        return self.mlp(torch.cat(parts, dim=1))

    def forward(
        self, structure: GraphStructure, nodes: Float[Tensor, "networks nodes d_node"]
    ) -> Float[Tensor, "networks d_out"]:
        """Answer for each network."""
        return self.out(self.embed(structure, nodes))


def _mean_and_max(blocks: list[Tensor], nodes: Tensor) -> Tensor:
    if not blocks:
        return nodes.new_zeros(nodes.shape[0], 2 * nodes.shape[2])
    together = torch.cat(blocks, dim=1)
    return torch.cat([together.mean(dim=1), together.amax(dim=1)], dim=1)


class ParameterHead(nn.Module):
    """One number per weight and bias, scaled per layer: an equivariant answer, a change of the network.

    The scales are learned and start at 0.01 (paper, App. C); the last Linears start at 0, so that an untrained model
    leaves its input as it is.
    """

    def __init__(self, config: GraphConfig, spec: InputSpec) -> None:
        super().__init__()
        self.kernel_size = spec.kernel_size
        self.edge_out = nn.Linear(config.d_edge, spec.kernel_size[0] * spec.kernel_size[1])
        self.node_out = nn.Linear(config.d_node, 1)
        for linear in (self.edge_out, self.node_out):
            nn.init.zeros_(linear.weight)
            nn.init.zeros_(linear.bias)
        self.scales = nn.Parameter(torch.full((spec.max_hidden_layers + 2, 2), 0.01))  # node blocks, weight and bias

    def forward(self, structure: GraphStructure, nodes: Tensor, edges: Edges) -> Network:
        """The change of each network's parameters; running statistics are left alone."""
        changes = self.node_out(nodes)
        bias = torch.nn.functional.pad(changes, (0, structure.node_width - 1))
        blocks = tuple(self.edge_out(block) for block in edges)
        change = to_network(NeuralGraph(structure, bias, blocks, self.kernel_size))
        rows = {block.layer: structure.row(i, len(self.scales)) for i, block in enumerate(structure.node_blocks)}
        scaled = {}
        for name, tensor in change.parameters.items():
            layer, _, parameter = name.rpartition(".")
            scaled[name] = tensor * self.scales[rows[layer], int(parameter == "bias")]
        return Network(structure.architecture, scaled)
