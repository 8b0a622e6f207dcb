"""NG-Sweep, whole: standardised weights, sweeps forth and back over the layers, and a head that answers."""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ngcore.graph import Edges, GraphStructure, to_graph
from ngcore.models.config import InputSpec, ModelConfig
from ngcore.models.normaliser import Normaliser, fold_running_statistics
from ngcore.models.probe_features import layer_entry, probe_responses
from ngcore.models.probes import Probes
from ngcore.models.sweeps import States, Sweep, Update
from ngcore.networks import Network

Networks = Network | Sequence[Network]


@dataclasses.dataclass(frozen=True)
class Reading:
    """What sweeps read of N stacked networks.

    Attributes:
        structure: Of their graph.
        edges: Standardised kernels, one tensor an edge block.
        biases: Standardised biases, one tensor a node block.
        positions: Vectors of the neurons whose place means something, one tensor a node block.
    """

    structure: GraphStructure
    edges: Edges
    biases: States
    positions: States

    def sweep(self, sweep: nn.Module, before: States | None) -> States:
        """The states after a `Sweep`."""
        return sweep(self.structure, self.edges, self.biases, self.positions, before)


class SweepReader(nn.Module):
    """What all models of sweeps have: sweeps forth, back, forth, …, and with probes, what networks answer to them.

    Args:
        config: Widths, number of sweeps and probes.
        spec: The networks to be read.
    """

    def __init__(self, config: ModelConfig, spec: InputSpec) -> None:
        super().__init__()
        self.config, self.spec = config, spec
        self.num_entries = spec.max_hidden_layers + 2
        self.normaliser = Normaliser(spec.max_hidden_layers, is_centred=False, scaling=config.input_scaling)
        self.sweeps = nn.ModuleList(
            Sweep(
                config.d_node,
                kernel_area=spec.kernel_size[0] * spec.kernel_size[1],
                num_entries=self.num_entries,
                direction="back" if i % 2 else "forth",
                follows=i > 0 or config.num_probes > 0,
                d_output=config.d_output,
            )
            for i in range(config.num_layers)
        )
        self.input_positions = nn.Parameter(torch.randn(spec.input_shape[0], config.d_node))
        self.output_positions = nn.Parameter(torch.randn(spec.num_outputs, config.d_node))
        self.probes = None
        if config.num_probes:
            self.probes = Probes(config.num_probes, spec.input_shape, is_generated=config.generates_probes)

    def fit_normalisation(self, networks: Networks) -> None:
        """Take the per-layer statistics of a training corpus."""
        self.normaliser.fit(stacks_of(networks))

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Compile the updates of neurons, in place; takes the arguments of `torch.compile`."""
        for module in self.sweeps.modules():
            if isinstance(module, Update):
                module.compile(*args, **kwargs)

    def read(self, network: Network) -> Reading:
        """Standardise networks.

        Raises:
            ShapeMismatchError: If they have more inputs or outputs than the model was built for.
        """
        graph = to_graph(self.normaliser(fold_running_statistics(network)), kernel_size=self.spec.kernel_size)
        structure = graph.structure
        self.spec.expect_fit(structure)
        first, last = structure.node_blocks[0], structure.node_blocks[-1]
        biases = [graph.node_features[:, block.start : block.stop, :1] for block in structure.node_blocks]
        hidden = [self.input_positions.new_zeros(1, self.config.d_node)] * (len(structure.node_blocks) - 2)
        positions = [self.input_positions[: first.size], *hidden, self.output_positions[: last.size]]
        return Reading(structure, list(graph.edge_features), biases, positions)

    def response_maps(self) -> nn.ModuleList:
        """New maps from responses to states, one a layer; they start at 0, where the weights alone are read."""
        probes, d = self.config.num_probes, self.config.d_node
        linears = [nn.Linear(probes, d, bias=False) for _ in range(self.num_entries)]
        for linear in linears:
            nn.init.zeros_(linear.weight)
        return nn.ModuleList(linears)

    def respond(self, network: Network, structure: GraphStructure, maps: Iterable[nn.Module]) -> tuple[States, Tensor]:
        """Each neuron's responses to the probes, mapped to states, and those of the outputs in one row a network."""
        assert self.probes is not None
        responses = probe_responses(network, self.probes(network), structure)
        of_layer = list(maps)
        states = [
            of_layer[layer_entry(i, structure, self.num_entries)](response) for i, response in enumerate(responses)
        ]
        return states, responses[-1].flatten(1)


class SweepModel(SweepReader):
    """Answers with numbers about a network, invariant to the order of hidden neurons, and to signs that are free.

    Args:
        config: Widths, number of sweeps, probes, and width of the answer.
        spec: The networks to be read.
    """

    def __init__(self, config: ModelConfig, spec: InputSpec) -> None:
        super().__init__(config, spec)
        if self.probes is not None:
            self.responses = self.response_maps()
        self.head = _AnswerHead(config, spec)

    def embed(self, networks: Networks) -> Float[Tensor, "networks d_hidden"]:
        """Representation of each network, before the last Linear; stacks are read one after the other."""
        return torch.cat([self._embed(stack) for stack in stacks_of(networks)])

    def _embed(self, network: Network) -> Tensor:
        reading = self.read(network)
        states, answers = None, None
        if self.probes is not None:
            states, answers = self.respond(network, reading.structure, self.responses)
        for sweep in self.sweeps:
            states = reading.sweep(sweep, states)
        assert states is not None  # there is at least one sweep
        return self.head.embed(reading.structure, states, answers)

    def forward(self, networks: Networks) -> Float[Tensor, "networks d_out"]:
        """Answer for each network."""
        return self.head.out(self.embed(networks))


class _AnswerHead(nn.Module):
    """Reads the output neurons through an MLP; with probes, also what the outputs answered to them."""

    def __init__(self, config: ModelConfig, spec: InputSpec) -> None:
        super().__init__()
        self.num_outputs, self.reads_all = spec.num_outputs, config.readout == "all"
        self.num_entries = spec.max_hidden_layers + 2
        pooled = config.d_node * spec.max_hidden_layers if self.reads_all else 0
        self.norm = nn.LayerNorm(config.d_node * spec.num_outputs + pooled)
        self.answer_norm = nn.LayerNorm(config.num_probes * spec.num_outputs) if config.num_probes else None
        d_in = (config.d_node + config.num_probes) * spec.num_outputs + pooled
        self.mlp = nn.Sequential(
            nn.Linear(d_in, config.d_hidden),
            nn.SiLU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.d_hidden, config.d_hidden),
            nn.SiLU(),
            nn.Dropout(config.dropout),
        )
        self.out = nn.Linear(config.d_hidden, config.d_out)

    def embed(self, structure: GraphStructure, states: States, answers: Tensor | None) -> Tensor:
        """(networks, d_hidden)."""
        missing = self.num_outputs - states[-1].shape[1]
        parts = [nn.functional.pad(states[-1], (0, 0, 0, missing)).flatten(1)]
        if self.reads_all:
            parts += self._mean_squares(structure, states)
        features = self.norm(torch.cat(parts, dim=1))
        if self.answer_norm is not None and answers is not None:
            padded = nn.functional.pad(answers, (0, self.answer_norm.normalized_shape[0] - answers.shape[1]))
            features = torch.cat([features, self.answer_norm(padded)], dim=1)
        return self.mlp(features)

    def _mean_squares(self, structure: GraphStructure, states: States) -> list[Tensor]:
        """Means over each hidden layer's neurons of the squared states, in which no sign is left."""
        rows: list[list[Tensor]] = [[] for _ in range(self.num_entries)]
        for number, state in enumerate(states):
            rows[layer_entry(number, structure, self.num_entries)].append(state)
        empty = states[-1].new_zeros(states[-1].shape[0], states[-1].shape[2])
        return [torch.cat(row, dim=1).square().mean(dim=1) if row else empty for row in rows[1:-1]]


def stacks_of(networks: Networks) -> list[Network]:
    """One stack as a list of stacks."""
    return [networks] if isinstance(networks, Network) else list(networks)
