"""NG-Sweep, whole: standardised weights, sweeps forward and backward over the layers, and a head that answers."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ngcore.graph import Edges, GraphStructure, edge_kernels, graph_structure, node_features
from ngcore.models.config import SweepConfig, SweepReaderConfig, output_probing
from ngcore.models.fans import FanScale
from ngcore.models.heads import read_outputs
from ngcore.models.input_spec import InputSpec, expect_ends, slope_columns
from ngcore.models.model import Model, Networks, stacks_of
from ngcore.models.normaliser import Normaliser, fold_statistics_and_biases
from ngcore.models.output_probes import ExampleProbes, LatticeProbes, OutputProbes, output_probes
from ngcore.models.places import StructuralEmbedding
from ngcore.models.probe_features import ResponseFeatures
from ngcore.models.signs import canonical_copies, whole_turns
from ngcore.models.sweeps import States, Sweep, Update, free_signs
from ngcore.networks import Network

ALONE = 0.25
"""Share of networks that training judges by the sweeps alone, and share that it judges by the probes alone."""


@dataclasses.dataclass(frozen=True)
class Reading:
    """What sweeps read of N stacked networks.

    Attributes:
        structure: Of their graph.
        edges: Standardised kernels, one tensor an edge block.
        biases: Standardised biases, one tensor a node block.
        positions: Vectors of the neurons whose place means something, one tensor a node block.
        told: What else is known of the neurons, whatever their signs, one tensor a node block.
    """

    structure: GraphStructure
    edges: Edges
    biases: States
    positions: States
    told: States | None = None

    def sweep(self, sweep: nn.Module, before: States | None) -> States:
        """The states after a `Sweep`."""
        return sweep(self.structure, self.edges, self.biases, self.positions, before, self.told)


class SweepReader(Model):
    """What all models of sweeps have: a way to read networks, and sweeps forward, reverse, forward, … or all forward.

    Args:
        config: Widths and number of sweeps.
        spec: The networks to be read.
        is_given_states: Whether there are states before the first sweep.
    """

    def __init__(self, config: SweepReaderConfig, spec: InputSpec, *, is_given_states: bool = False) -> None:
        super().__init__()
        expect_ends(spec)
        self.config, self.spec, self.rows = config, spec, spec.rows(config.rows)
        self.normaliser = Normaliser(self.rows, is_centred=False, scaling=config.input_scaling)
        self.sweeps = nn.ModuleList(
            Sweep(
                config.d_node,
                spec=spec,
                rows=self.rows,
                direction="reverse" if i % 2 and config.sweeps_back else "forward",
                follows=i > 0 or is_given_states,
                d_output=config.d_output,
                shares_maps=config.shares_maps,
            )
            for i in range(config.num_layers)
        )
        self.input_positions = nn.Parameter(torch.randn(spec.num_inputs, config.d_node))
        self.output_positions = nn.Parameter(torch.randn(spec.num_outputs, config.d_node))
        self.slope_direction = nn.Parameter(torch.full((config.d_node,), 0.5)) if "slopes" in spec.extras else None
        self.structural = StructuralEmbedding(
            config.d_node, has_depths=False, has_places="places" in spec.extras, has_tables="tables" in spec.extras
        )

    def fit_normalisation(self, networks: Networks) -> None:
        """Take the per-layer statistics of a training corpus."""
        self.normaliser.fit([fold_statistics_and_biases(self.canonical(stack)) for stack in stacks_of(networks)])

    def canonical(self, network: Network) -> Network:
        """The same functions, with phases of sines as the model knows them; signs make no difference to sweeps."""
        if self.config.head == "parameters":
            return whole_turns(network)
        return canonical_copies(network, signs=False, phases=self.config.is_phase_invariant)

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Compile the updates of neurons, in place; takes the arguments of `torch.compile`."""
        for module in self.sweeps.modules():
            if isinstance(module, Update):
                module.compile(*args, **kwargs)

    def read(self, network: Network) -> Reading:
        """Standardise networks.

        Raises:
            ShapeMismatchError: If the model was not built for such networks.
        """
        structure = graph_structure(network.architecture)
        self.spec.expect_fit(structure)
        network = self.canonical(network)
        standardised = self.normaliser(fold_statistics_and_biases(network))
        if self.training and self.config.input_noise:
            standardised = standardised.map(lambda tensor: tensor + self.config.input_noise * torch.randn_like(tensor))
        if self.config.compresses:
            standardised = standardised.map(torch.asinh)
        features = node_features(standardised)
        biases = [features[:, block.start : block.stop, :1] for block in structure.node_blocks]
        edges = [kernels.flatten(4) for kernels in edge_kernels(standardised)]
        return Reading(structure, edges, biases, self._positions(structure, network, features))

    def _positions(self, structure: GraphStructure, network: Network, features: Tensor) -> States:
        """What is given to the neurons of each block beside their biases."""
        found, outputs = [self.input_positions.new_zeros(1, self.config.d_node)] * len(structure.node_blocks), 0
        for number, block in enumerate(structure.node_blocks):
            if block.role == "input":
                assert block.value is not None  # the number of the input
                start = sum(self.spec.input_sizes[: block.value]) + block.first
                found[number] = self.input_positions[start : start + block.size]
            elif block.role == "output":
                found[number] = self.output_positions[outputs : outputs + block.size]
                outputs += block.size
        told = self.structural(structure, network)
        if told is not None:
            found = [own + vectors for own, vectors in zip(found, told, strict=True)]
        if self.slope_direction is not None:
            for number, columns in enumerate(slope_columns(structure)):
                block = structure.node_blocks[number]
                for column in columns:
                    slopes = features[:, block.start : block.stop, column : column + 1]
                    found[number] = found[number] + slopes * self.slope_direction
        return found


class SweepModel(SweepReader):
    """Answers with numbers about a network, invariant to the order of hidden neurons, and to signs that are free.

    With probes, a second branch judges what the networks answer to them (`OutputProbes`), and the answer is the mean of
    both. In training either branch is at times alone, so that neither rests on the other.

    Args:
        config: Widths, number of sweeps, probes, and width of the answer.
        spec: The networks to be read.
    """

    def __init__(self, config: SweepConfig, spec: InputSpec) -> None:
        super().__init__(config, spec)
        self.head = _AnswerHead(config, spec)
        self.fans = FanScale(self.rows) if config.is_width_stable else None
        self.responses: ResponseFeatures | None = None
        if config.reads_responses:
            self.responses = ResponseFeatures(num_probes=config.num_probes, rows=self.rows, d=config.d_node)
        self.outputs: OutputProbes | LatticeProbes | ExampleProbes | None = None
        if config.num_probes and not config.joins_outputs:
            self.outputs = output_probes(output_probing(config), spec)

    def fit_normalisation(self, networks: Networks) -> None:
        """Take the per-layer statistics of a training corpus."""
        super().fit_normalisation(networks)
        if self.fans is not None:
            own = (fold_statistics_and_biases(self.canonical(stack)) for stack in stacks_of(networks))
            self.fans.fit([self.normaliser(stack) for stack in own])

    def read(self, network: Network) -> Reading:
        """Standardise networks.

        Raises:
            ShapeMismatchError: If the model was not built for such networks.
        """
        reading = super().read(network)
        if self.fans is None:
            return reading
        return dataclasses.replace(reading, edges=self.fans(reading.structure, reading.edges))

    def embed(
        self, networks: Networks, statistics: Sequence[Sequence[Tensor]] | None = None
    ) -> Float[Tensor, "networks d_hidden"]:
        """Representation of each network, before the last Linear; with a branch of probes, of both side by side.

        Args:
            networks: One stack or several.
            statistics: For each stack those of its neurons' responses to probes, see `Answers`, for a model that reads
                them.
        """
        stacks = stacks_of(networks)
        given: Sequence[Sequence[Tensor] | None] = statistics or [None] * len(stacks)
        own = torch.cat([self._embed(stack, known) for stack, known in zip(stacks, given, strict=True)])
        return own if self.outputs is None else torch.cat([own, self.outputs.embed(networks)], dim=1)

    def _embed(self, network: Network, statistics: Sequence[Tensor] | None = None) -> Tensor:
        reading, states = self.read(network), None
        if self.responses is not None:
            assert statistics is not None  # whoever has the probes passes them on
            reading = _with_responses(reading, *self.responses(reading.structure, statistics))
        for sweep in self.sweeps:
            states = reading.sweep(sweep, states)
        assert states is not None  # there is at least one sweep
        return self.head.embed(reading.structure, states)

    def forward(self, networks: Networks) -> Float[Tensor, "networks d_out"]:
        """Answer for each network."""
        own = self.head.out(torch.cat([self._embed(stack) for stack in stacks_of(networks)]))
        if self.outputs is None:
            return own
        return torch.lerp(own, self.outputs(networks), self._shares(own))

    def _shares(self, answers: Tensor) -> Tensor:
        """How much the branch of probes counts, (networks, 1)."""
        halves = torch.full_like(answers[:, :1], 0.5)
        if not self.training:
            return halves
        drawn = torch.rand_like(halves)
        return halves.masked_fill(drawn < ALONE, 0.0).masked_fill(drawn > 1 - ALONE, 1.0)


def _with_responses(reading: Reading, odd: States, even: States) -> Reading:
    """Odd features are added to what neurons are given, even ones scale what they collect.

    Where no sign is free, even ones are added as well.
    """
    free = free_signs(reading.structure)
    added = [own if number in free else own + even[number] for number, own in enumerate(odd)]
    positions = [own + more for own, more in zip(reading.positions, added, strict=True)]
    return dataclasses.replace(reading, positions=positions, told=even)


class _AnswerHead(nn.Module):
    """Reads the output neurons through an MLP."""

    def __init__(self, config: SweepConfig, spec: InputSpec) -> None:
        super().__init__()
        self.num_outputs, self.reads_all = spec.num_outputs, config.readout == "all"
        self.rows = spec.rows(config.rows)
        pooled = config.d_node * (self.rows.count - 2) if self.reads_all else 0
        d_in = config.d_node * spec.num_outputs + pooled
        self.mlp = nn.Sequential(
            nn.LayerNorm(d_in),
            nn.Linear(d_in, config.d_hidden),
            nn.SiLU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.d_hidden, config.d_hidden),
            nn.SiLU(),
            nn.Dropout(config.dropout),
        )
        self.out = nn.Linear(config.d_hidden, config.d_out)

    def embed(self, structure: GraphStructure, states: States) -> Tensor:
        """(networks, d_hidden)."""
        parts = [read_outputs(structure, states, self.num_outputs).flatten(1)]  # networks, outputs · d
        if self.reads_all:
            parts += self._mean_squares(structure, states)
        return self.mlp(torch.cat(parts, dim=1))

    def _mean_squares(self, structure: GraphStructure, states: States) -> list[Tensor]:
        """Means over each hidden layer's neurons of the squared states, in which no sign is left."""
        rows: list[list[Tensor]] = [[] for _ in range(self.rows.count)]
        for row, state in zip(self.rows.of(structure), states, strict=True):
            rows[row].append(state)
        empty = states[0].new_zeros(states[0].shape[0], states[0].shape[2])
        return [torch.cat(row, dim=1).square().mean(dim=1) if row else empty for row in rows[1:-1]]
