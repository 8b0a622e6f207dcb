"""From an input network to node and edge features: Fourier, positional, activation and probe embeddings."""

import functools
import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ngcore.graph import Edges, GraphStructure, to_graph
from ngcore.models.config import GraphConfig
from ngcore.models.input_spec import InputSpec
from ngcore.models.normaliser import Normaliser, fold_running_statistics
from ngcore.models.probe_features import ProbeFeatures
from ngcore.networks import ACTIVATION_KINDS, NUM_FIRST_KINDS, Network


class FourierEmbedding(nn.Module):
    """Gaussian Fourier features (Tancik et al. 2020) → Linear → Linear.

    Args:
        d_in: Numbers to embed.
        d_out: Width of the embedding.
        num_frequencies: Random frequencies; twice as many features.
        scale: Standard deviation of the frequencies.
    """

    frequencies: Tensor

    def __init__(self, d_in: int, d_out: int, *, num_frequencies: int, scale: float) -> None:
        super().__init__()
        self.register_buffer("frequencies", scale * torch.randn(d_in, num_frequencies) / math.sqrt(d_in))
        self.first = nn.Linear(2 * num_frequencies, d_out)
        self.second = nn.Linear(d_out, d_out)

    def forward(self, x: Float[Tensor, "*axes d_in"]) -> Float[Tensor, "*axes d_out"]:
        """Embed; the two Linears are multiplied into one first, which is the same function for less work."""
        frequencies = self.frequencies.repeat(1, 2)  # sines, then cosines as shifted sines
        shift = torch.zeros_like(frequencies[0])
        shift[self.frequencies.shape[1] :] = math.pi / 2
        phase = torch.addcmul(shift, x, frequencies[0]) if x.shape[-1] == 1 else x @ frequencies + shift
        features = phase.sin()
        weight = self.second.weight @ self.first.weight
        bias = self.second.weight @ self.first.bias + self.second.bias
        return nn.functional.linear(features, weight, bias)


class GraphEncoder(nn.Module):
    """Initial node and edge features of a neural graph, in the block layout (paper, Sec. 2.2 and App. C).

    Node features: Fourier features of the bias + positional embedding (one vector per input and output neuron, one
    shared by the neurons of a hidden layer) + activation embedding + probe features. Edge features: Fourier features
    of the kernel + one vector per kind of edge (weight, norm, skip).

    Args:
        config: Widths, probes and frequencies.
        spec: The networks to be read.
    """

    def __init__(self, config: GraphConfig, spec: InputSpec) -> None:
        super().__init__()
        fourier = functools.partial(
            FourierEmbedding, num_frequencies=config.fourier_frequencies, scale=config.fourier_scale
        )
        self.kernel_size = spec.kernel_size
        self.spec = spec
        self.normaliser = Normaliser(spec.max_hidden_layers, scaling=config.input_scaling)
        self.edge_embedding = fourier(math.prod(spec.kernel_size), config.d_edge)
        self.edge_kind_embedding = nn.Embedding(3, config.d_edge)
        self.node_embedding = fourier(1, config.d_node)
        num_positions = spec.input_shape[0] + spec.num_outputs + spec.max_hidden_layers
        self.positional_embedding = nn.Embedding(num_positions, config.d_node)
        self.activation_embedding = nn.Embedding(NUM_FIRST_KINDS, config.d_node)
        self.probes = (
            ProbeFeatures(
                num_probes=config.num_probes,
                input_shape=spec.input_shape,
                max_hidden_layers=spec.max_hidden_layers,
                d_node=config.d_node,
                is_generated=config.generates_probes,
            )
            if config.num_probes
            else None
        )

    def forward(self, network: Network) -> tuple[Float[Tensor, "networks nodes d_node"], Edges]:
        """Node features and, per edge block, edge features of N stacked networks."""
        graph = to_graph(self.normaliser(fold_running_statistics(network)), kernel_size=self.kernel_size)
        self.spec.expect_fit(graph.structure)
        positions, activations, kinds = (t.to(network.device) for t in self._indices(graph.structure))
        embedded = self.positional_embedding(positions) + self.activation_embedding(activations)
        nodes = self.node_embedding(graph.node_features[..., :1]) + embedded
        if self.probes is not None:
            nodes = nodes + self.probes(network)
        kind_vectors = self.edge_kind_embedding(kinds)
        edges = [
            self.edge_embedding(block.contiguous()) + kind_vectors[i] for i, block in enumerate(graph.edge_features)
        ]
        return nodes, edges

    def _indices(self, structure: GraphStructure) -> tuple[Tensor, Tensor, Tensor]:
        return _embedding_indices(
            structure, self.spec.input_shape[0], self.spec.num_outputs, self.spec.max_hidden_layers
        )


@functools.lru_cache(maxsize=256)
def _embedding_indices(
    structure: GraphStructure, num_inputs: int, num_outputs: int, num_hidden: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Rows of the positional and the activation table of each node, and of the kind table of each edge block."""
    positions, activations = [], []
    for number, block in enumerate(structure.node_blocks):
        if block.role == "input":
            own = torch.arange(block.size).clamp(max=num_inputs - 1)
        elif block.role == "output":
            own = num_inputs + torch.arange(block.size).clamp(max=num_outputs - 1)
        else:
            own = torch.full((block.size,), num_inputs + num_outputs + structure.row(number, num_hidden + 2) - 1)
        positions.append(own)
        activations.append(torch.full((block.size,), ACTIVATION_KINDS.index(block.activation) % NUM_FIRST_KINDS))
    kinds = [{"linear": 0, "conv2d": 0, "norm": 1, "skip": 2}[block.kind] for block in structure.edge_blocks]
    return torch.cat(positions), torch.cat(activations), torch.tensor(kinds)
