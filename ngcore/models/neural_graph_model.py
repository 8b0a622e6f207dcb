"""The graph models, whole: encoder, a stack of NG-GNN or NG-T layers, and a head."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ngcore.graph import BlockLayout, Edges, FlatLayout, GraphStructure, graph_structure
from ngcore.models.config import GNNConfig, GraphConfig, TransformerConfig
from ngcore.models.encoder import GraphEncoder
from ngcore.models.heads import GraphHead, ParameterHead
from ngcore.models.input_spec import InputSpec
from ngcore.models.message_passing import MessagePassing
from ngcore.models.model import Model, Networks, stacks_of
from ngcore.models.normaliser import fold_statistics_and_biases
from ngcore.models.relational_attention import RelationalAttention
from ngcore.models.signs import canonical_copies, whole_turns
from ngcore.networks import Network


class NeuralGraphModel(Model):
    """NG-GNN or NG-T: reads networks as graphs, whatever the order of their neurons (paper, Sec. 2).

    Stacks of networks of one topology run in the block layout, mixtures in the flat layout. Both give the same numbers.

    Args:
        config: Kind, widths, depth, probes and head.
        spec: The networks to be read.
    """

    def __init__(self, config: GraphConfig, spec: InputSpec) -> None:
        super().__init__()
        self.config, self.spec = config, spec
        self.encoder = GraphEncoder(config, spec)
        keeps_edges = config.head == "parameters"
        self.layers = nn.ModuleList(
            _layer(config, updates_edges=keeps_edges or i < config.num_layers - 1) for i in range(config.num_layers)
        )
        self.head = (ParameterHead if config.head == "parameters" else GraphHead)(config, spec)

    def fit_normalisation(self, networks: Networks) -> None:
        """Take the per-layer statistics of a training corpus."""
        stacks = [fold_statistics_and_biases(self.canonical(stack)) for stack in stacks_of(networks)]
        self.encoder.normaliser.fit(stacks)

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Compile the layers and the Fourier embeddings, each for itself, in place.

        Takes the arguments of `torch.compile`. Layers share their compiled code, so this takes a fraction of the time
        that the model as a whole would need, for the same speed.
        """
        for part in (*self.layers, self.encoder.edge_embedding, self.encoder.node_embedding):
            part.compile(*args, **kwargs)

    def encode(
        self, networks: Networks, statistics: Sequence[Sequence[Tensor]] | None = None, *, flat: bool | None = None
    ) -> list[tuple[Tensor, Edges]]:
        """Final node and edge features of each stack, in the block layout.

        Args:
            networks: One stack or several.
            statistics: For each stack those of its responses to probes, for a model that reads them.
            flat: Compute in the flat layout; None: only where the stacks differ in topology.
        """
        stacks = stacks_of(networks)
        given: Sequence[Sequence[Tensor] | None] = statistics or [None] * len(stacks)
        features = [self.encoder(self.canonical(stack), own) for stack, own in zip(stacks, given, strict=True)]
        structures = [graph_structure(stack.architecture) for stack in stacks]
        if flat is None:
            flat = len({structure.topology for structure in structures}) > 1
        if not flat:
            return self._encode_blocks(structures, features)
        layout = FlatLayout(structures, [len(stack) for stack in stacks], features[0][0].device)
        nodes, edges = self._run(layout, *layout.pack(*zip(*features, strict=True)))
        return layout.unpack(nodes, edges)

    def _encode_blocks(
        self, structures: list[GraphStructure], features: list[tuple[Tensor, Edges]]
    ) -> list[tuple[Tensor, Edges]]:
        """Run stacks in the block layout; those of one topology together, whatever their activations."""
        encoded: dict[int, tuple[Tensor, Edges]] = {}
        for topology in dict.fromkeys(structure.topology for structure in structures):
            members = [i for i, structure in enumerate(structures) if structure.topology == topology]
            nodes = torch.cat([features[i][0] for i in members])
            edges = [torch.cat(blocks) for blocks in zip(*(features[i][1] for i in members), strict=True)]
            nodes, edges = self._run(BlockLayout(structures[members[0]]), nodes, edges)
            counts = [len(features[i][0]) for i in members]
            parts = zip(nodes.split(counts), *(block.split(counts) for block in edges), strict=True)
            encoded |= {i: (own, list(blocks)) for i, (own, *blocks) in zip(members, parts, strict=True)}
        return [encoded[i] for i in range(len(structures))]

    def canonical(self, stack: Network) -> Network:
        """The same functions with phases, and signs where the model is to be invariant to them, in canonical ranges."""
        if self.config.head == "parameters":
            return whole_turns(stack)
        return canonical_copies(stack, signs=self.config.is_sign_invariant, phases=self.config.is_phase_invariant)

    def _run(self, layout: BlockLayout | FlatLayout, nodes: Tensor, edges: Edges) -> tuple[Tensor, Edges]:
        for layer in self.layers:
            nodes, edges = layer(layout, nodes, edges)
        return nodes, edges

    def embed(
        self, networks: Networks, statistics: Sequence[Sequence[Tensor]] | None = None
    ) -> Float[Tensor, "networks d"]:
        """Representation of each network: before the last Linear of an invariant head, else the mean over all nodes.

        Args:
            networks: One stack or several.
            statistics: See `encode`.
        """
        stacks = stacks_of(networks)
        encoded = self.encode(networks, statistics)
        if isinstance(self.head, ParameterHead):
            return torch.cat([nodes.mean(dim=1) for nodes, _ in encoded])
        return torch.cat(
            [
                self.head.embed(graph_structure(s.architecture), nodes)
                for s, (nodes, _) in zip(stacks, encoded, strict=True)
            ]
        )

    def forward(self, networks: Networks, *, flat: bool | None = None) -> Tensor | Network | list[Network]:
        """Answer for each network.

        Args:
            networks: One stack, or several (flat layout).
            flat: See `encode`.

        Returns:
            (networks, d_out) from an invariant head; from a parameter head the change of the parameters, a Network
            (a list of them for a list of stacks).
        """
        stacks = stacks_of(networks)
        encoded = zip(stacks, self.encode(networks, flat=flat), strict=True)
        if isinstance(self.head, ParameterHead):
            changes = [self.head(graph_structure(stack.architecture), *features) for stack, features in encoded]
            return changes[0] if isinstance(networks, Network) else changes
        return torch.cat([self.head(graph_structure(stack.architecture), nodes) for stack, (nodes, _) in encoded])


def _layer(config: GraphConfig, *, updates_edges: bool) -> nn.Module:
    if isinstance(config, GNNConfig):
        return MessagePassing(
            config.d_node, config.d_edge, dropout=config.dropout, updates_edges=updates_edges, norm=config.norm
        )
    assert isinstance(config, TransformerConfig)
    return RelationalAttention(
        config.d_node,
        config.d_edge,
        d_attention=config.d_attention,
        num_heads=config.num_heads,
        dropout=config.dropout,
        updates_edges=updates_edges,
    )
