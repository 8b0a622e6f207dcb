"""From an input network to node and edge features: Fourier, positional, activation and probe embeddings."""

import functools
import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ngcore.graph import Edges, GraphStructure, edge_kernels, graph_structure, node_features
from ngcore.models.config import GraphConfig
from ngcore.models.input_spec import InputSpec, expect_ends, kernel_window, slope_columns
from ngcore.models.normaliser import Normaliser, fold_statistics_and_biases
from ngcore.models.places import StructuralEmbedding
from ngcore.models.probe_features import ProbeFeatures, ResponseFeatures
from ngcore.models.rows import Rows
from ngcore.networks import Network


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

    def forward(self, x: Float[Tensor, "*axes d"], entries: Tensor | None = None) -> Float[Tensor, "*axes d_out"]:
        """Embed; the two Linears are multiplied into one first, which is the same function for less work.

        Args:
            x: Numbers.
            entries: Which of the `d_in` numbers they are, all others being 0; None: all.
        """
        own = self.frequencies if entries is None else self.frequencies[entries]
        frequencies = own.repeat(1, 2)  # sines, then cosines as shifted sines
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
    shared by the neurons of a hidden layer) + activation embedding + probe features, or responses to probes; where the
    networks have them, also Fourier features of slopes, and encodings of places and tables. Edge features: Fourier
    features of the kernel + one vector per kind of edge (weight, norm, skip, …). Kernels are embedded at their own
    size, which gives the same as zeros around them would.

    Args:
        config: Widths, probes and frequencies.
        spec: The networks to be read.
    """

    def __init__(self, config: GraphConfig, spec: InputSpec) -> None:
        super().__init__()
        expect_ends(spec)
        fourier = functools.partial(
            FourierEmbedding, num_frequencies=config.fourier_frequencies, scale=config.fourier_scale
        )
        self.kernel_size, self.scales_kernels = spec.kernel_size, config.rows == "kind"
        self.spec, self.rows = spec, spec.rows(config.rows)
        self.normaliser = Normaliser(self.rows, scaling=config.input_scaling)
        self.edge_embedding = fourier(math.prod(spec.kernel_size), config.d_edge)
        self.edge_kind_embedding = nn.Embedding(spec.num_edge_rows, config.d_edge)
        self.node_embedding = fourier(1, config.d_node)
        num_positions = spec.num_inputs + spec.num_outputs + self.rows.count - 2
        self.positional_embedding = nn.Embedding(num_positions, config.d_node)
        self.activation_embedding = nn.Embedding(spec.num_activation_rows, config.d_node)
        self.probes = (
            ProbeFeatures(
                num_probes=config.num_probes,
                spec=spec,
                rows=self.rows,
                d_node=config.d_node,
                is_generated=config.generates_probes,
            )
            if config.num_probes and not config.joins_outputs
            else None
        )
        self.responses = (
            ResponseFeatures(num_probes=config.num_probes, rows=self.rows, d=config.d_node)
            if config.reads_responses
            else None
        )
        self.slope_embedding = fourier(1, config.d_node) if "slopes" in spec.extras else None
        self.structural = StructuralEmbedding(
            config.d_node,
            has_depths=self.rows.kinds is not None,
            has_places="places" in spec.extras,
            has_tables="tables" in spec.extras,
        )

    def forward(
        self, network: Network, statistics: Sequence[Tensor] | None = None
    ) -> tuple[Float[Tensor, "networks nodes d_node"], Edges]:
        """Node features and, per edge block, edge features of N stacked networks.

        Args:
            network: The networks.
            statistics: Of their neurons' responses to probes, see `Answers`, for an encoder that reads them.
        """
        structure = graph_structure(network.architecture)
        self.spec.expect_fit(structure)
        read = self.normaliser(fold_statistics_and_biases(network))
        nodes = self._nodes(structure, network, node_features(read))
        if self.responses is not None:
            assert statistics is not None  # whoever has the probes passes them on
            odd, even = self.responses(structure, statistics)
            nodes = nodes + torch.cat(odd, dim=1) + torch.cat(even, dim=1)
        return nodes, self._edges(structure, edge_kernels(read))

    def _nodes(self, structure: GraphStructure, network: Network, features: Tensor) -> Tensor:
        indices = _embedding_indices(structure, self.spec, self.rows)
        positions, activations = (index.to(features.device) for index in indices[:2])
        embedded = self.positional_embedding(positions) + self.activation_embedding(activations)
        nodes = self.node_embedding(features[..., :1]) + embedded
        if self.probes is not None:
            nodes = nodes + self.probes(network)
        if self.slope_embedding is not None:
            nodes = nodes + _slopes(self.slope_embedding, structure, features)
        structural = self.structural(structure, network)
        if structural is not None:
            sizes = [(len(network), block.size, -1) for block in structure.node_blocks]
            nodes = nodes + torch.cat([own.expand(size) for own, size in zip(structural, sizes, strict=True)], dim=1)
        return nodes

    def _edges(self, structure: GraphStructure, kernels: Sequence[Tensor]) -> Edges:
        rows = _embedding_indices(structure, self.spec, self.rows)[2].to(kernels[0].device)
        kind_vectors = self.edge_kind_embedding(rows)
        edges = []
        for number, kernel in enumerate(kernels):
            own = (kernel.shape[4], kernel.shape[5])
            x = kernel.flatten(4).contiguous()
            if self.scales_kernels:  # phases of one spread, however many entries meet in them
                x = x * math.sqrt(math.prod(self.kernel_size) / math.prod(own))
            edges.append(self.edge_embedding(x, kernel_window(own, self.kernel_size)) + kind_vectors[number])
        return edges


def _slopes(embedding: nn.Module, structure: GraphStructure, features: Tensor) -> Tensor:
    """The sum of embeddings of the slopes of each neuron, zeros where there is none."""
    empty = embedding(features[:, :1, :1]) * 0
    parts = []
    for block, columns in zip(structure.node_blocks, slope_columns(structure), strict=True):
        own = features[:, block.start : block.stop]
        slopes = [embedding(own[..., column : column + 1]) for column in columns]
        parts.append(sum(slopes[1:], slopes[0]) if slopes else empty.expand(-1, block.size, -1))
    return torch.cat(parts, dim=1)


@functools.lru_cache(maxsize=1024)
def _embedding_indices(structure: GraphStructure, spec: InputSpec, rows: Rows) -> tuple[Tensor, Tensor, Tensor]:
    """Rows of the positional and the activation table of each node, and of the kind table of each edge block."""
    positions, activations, outputs = [], [], 0
    for block, row in zip(structure.node_blocks, rows.of(structure), strict=True):
        own = torch.arange(block.size)
        if block.role == "input":
            assert block.value is not None  # the number of the input
            own += sum(spec.input_sizes[: block.value]) + block.first
        elif block.role == "output":
            own += spec.num_inputs + outputs
            outputs += block.size
        else:
            own = torch.full((block.size,), spec.num_inputs + spec.num_outputs + row - 1)
        positions.append(own)
        activations.append(torch.full((block.size,), spec.activation_row(block.activation)))
    kinds = [spec.edge_row(block.kind) for block in structure.edge_blocks]
    return torch.cat(positions), torch.cat(activations), torch.tensor(kinds)
