"""From node and edge features to answers: numbers about a network, or a change of its parameters."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ngcore.graph import Edges, GraphStructure, network_of
from ngcore.models.config import GraphConfig
from ngcore.models.input_spec import InputSpec, kernel_window
from ngcore.networks import Network


class GraphHead(nn.Module):
    """Reads the output neurons, and the means over each layer's neurons, through an MLP: an invariant answer."""

    def __init__(self, config: GraphConfig, spec: InputSpec) -> None:
        super().__init__()
        self.reads_all = config.readout == "all"
        self.num_outputs, self.rows = spec.num_outputs, spec.rows(config.rows)
        d_in = config.d_node * (spec.num_outputs + (2 * self.rows.count if self.reads_all else 0))
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
        parts = [read_outputs(structure, blocks, self.num_outputs).flatten(1)]  # networks, outputs · d
        if self.reads_all:
            rows: list[list[Tensor]] = [[] for _ in range(self.rows.count)]
            for row, block in zip(self.rows.of(structure), blocks, strict=True):
                rows[row].append(block)
            parts += [_mean_and_max(row, nodes) for row in rows]
        return self.mlp(torch.cat(parts, dim=1))

    def forward(
        self, structure: GraphStructure, nodes: Float[Tensor, "networks nodes d_node"]
    ) -> Float[Tensor, "networks d_out"]:
        """Answer for each network."""
        return self.out(self.embed(structure, nodes))


def read_outputs(
    structure: GraphStructure, blocks: Sequence[Float[Tensor, "networks _ d"]], num_outputs: int | None = None
) -> Float[Tensor, "networks outputs d"]:
    """Features of the neurons of all outputs, zeros behind them where there are fewer than `num_outputs`."""
    own = [blocks[number] for number in structure.outputs] or [blocks[0][:, :0]]
    outputs = torch.cat(own, dim=1) if len(own) > 1 else own[0]
    missing = 0 if num_outputs is None else num_outputs - outputs.shape[1]
    return nn.functional.pad(outputs, (0, 0, 0, missing))


def change_of(
    structure: GraphStructure,
    biases: Sequence[Float[Tensor, "networks _ 1"]],
    kernels: Sequence[Float[Tensor, "networks _ _ _ _"]],
) -> Network:
    """The change of networks whose biases and kernels change, block by block; all else stays as it is."""
    features = nn.functional.pad(torch.cat(list(biases), dim=1), (0, structure.node_width - 1))
    shaped = [kernel.unflatten(4, block.kernel) for block, kernel in zip(structure.edge_blocks, kernels, strict=True)]
    shapes = structure.architecture.parameter_shapes
    still = {name: features.new_zeros(len(features), *shapes[name]) for name in structure.constants}
    return network_of(structure, features, shaped, still)


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
        self.kernel_size, self.rows = spec.kernel_size, spec.rows(config.rows)
        self.edge_out = nn.Linear(config.d_edge, spec.kernel_size[0] * spec.kernel_size[1])
        self.node_out = nn.Linear(config.d_node, 1)
        for linear in (self.edge_out, self.node_out):
            nn.init.zeros_(linear.weight)
            nn.init.zeros_(linear.bias)
        self.scales = nn.Parameter(torch.full((self.rows.count, 2), 0.01))  # node blocks, weight and bias

    def forward(self, structure: GraphStructure, nodes: Tensor, edges: Edges) -> Network:
        """The change of each network's parameters; running statistics, slopes and fixed tables are left alone."""
        rows = self.rows.of(structure)
        changes = self.node_out(nodes)
        blocks = zip(structure.node_blocks, rows, strict=True)
        biases = [changes[:, block.start : block.stop] * self.scales[row, 1] for block, row in blocks]
        kernels = []
        for block, features in zip(structure.edge_blocks, edges, strict=True):
            window = kernel_window(block.kernel, self.kernel_size)
            weight, bias = (t if window is None else t[window] for t in (self.edge_out.weight, self.edge_out.bias))
            kernels.append(nn.functional.linear(features, weight, bias) * self.scales[rows[block.target], 0])
        return change_of(structure, biases, kernels)
