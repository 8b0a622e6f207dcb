"""NG-Sweep, whole: standardised weights, sweeps forth and back, and a head."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ngcore.errors import ShapeMismatchError
from ngcore.graph import Edges, GraphStructure, NeuralGraph, to_graph, to_network
from ngcore.models.config import InputSpec, ModelConfig
from ngcore.models.normaliser import Normaliser, fold_running_statistics
from ngcore.models.probe_features import layer_entry, probe_responses
from ngcore.models.probes import Probes
from ngcore.models.sweeps import States, Sweep, Update
from ngcore.networks import Network

Networks = Network | Sequence[Network]


class SweepModel(nn.Module):
    """Reads networks by sweeps over their layers, forth, back, forth, …; see `Sweep`.

    Invariant to the order of hidden neurons, and to their signs where an odd activation leaves them free.

    Args:
        config: Widths, number of sweeps, probes and head.
        spec: The networks to be read.
    """

    def __init__(self, config: ModelConfig, spec: InputSpec) -> None:
        super().__init__()
        self.config, self.spec = config, spec
        self.num_entries = spec.max_hidden_layers + 2
        self.normaliser = Normaliser(spec.max_hidden_layers, is_centred=False, scaling=config.input_scaling)
        area = spec.kernel_size[0] * spec.kernel_size[1]
        self.sweeps = nn.ModuleList(
            Sweep(
                config.d_node,
                kernel_area=area,
                num_entries=self.num_entries,
                direction="back" if i % 2 else "forth",
                follows=i > 0 or config.num_probes > 0,
            )
            for i in range(config.num_layers)
        )
        self.input_positions = nn.Parameter(torch.randn(spec.input_shape[0], config.d_node))
        self.output_positions = nn.Parameter(torch.randn(spec.num_outputs, config.d_node))
        self.probes = None
        if config.num_probes:
            self.probes = Probes(config.num_probes, spec.input_shape, is_generated=config.generates_probes)
            self.responses = nn.ModuleList(
                nn.Linear(config.num_probes, config.d_node, bias=False) for _ in range(self.num_entries)
            )
        self.head = _ChangeHead(config, spec) if config.head == "parameters" else _AnswerHead(config, spec)

    def fit_normalisation(self, networks: Networks) -> None:
        """Take the per-layer statistics of a training corpus."""
        self.normaliser.fit(_stacks(networks))

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Compile the updates of neurons, in place; takes the arguments of `torch.compile`."""
        for module in self.sweeps.modules():
            if isinstance(module, Update):
                module.compile(*args, **kwargs)

    def encode(self, network: Network) -> tuple[GraphStructure, list[States], Tensor | None]:
        """The states after each of the last two sweeps (the last one first), and the outputs' responses to probes."""
        graph = to_graph(self.normaliser(fold_running_statistics(network)), kernel_size=self.spec.kernel_size)
        structure = graph.structure
        self._require_fit(structure)
        biases = [graph.node_features[:, block.start : block.stop, :1] for block in structure.node_blocks]
        positions = self._positions(structure)
        states, answers = None, None
        if self.probes is not None:
            responses = probe_responses(network, self.probes(network), structure)
            answers = responses[-1].flatten(1)
            states = [
                self.responses[layer_entry(number, structure, self.num_entries)](response)
                for number, response in enumerate(responses)
            ]
        history: list[States] = []
        for sweep in self.sweeps:
            states = sweep(structure, list(graph.edge_features), biases, positions, states)
            history.append(states)
        return structure, history[:-3:-1], answers

    def _positions(self, structure: GraphStructure) -> States:
        first, last = structure.node_blocks[0], structure.node_blocks[-1]
        hidden = self.input_positions.new_zeros(1, self.config.d_node)
        inner = [hidden] * (len(structure.node_blocks) - 2)
        return [self.input_positions[: first.size], *inner, self.output_positions[: last.size]]

    def _require_fit(self, structure: GraphStructure) -> None:
        inputs, outputs = structure.node_blocks[0].size, structure.node_blocks[-1].size
        if inputs > self.spec.input_shape[0] or outputs > self.spec.num_outputs:
            raise ShapeMismatchError(
                f"Expected networks of at most {self.spec.input_shape[0]} inputs and {self.spec.num_outputs} outputs, "
                f"got {inputs} and {outputs} in {structure.architecture.name}; use a model built for such networks."
            )

    def embed(self, networks: Networks) -> Float[Tensor, "networks d"]:
        """Representation of each network: before the last Linear of an invariant head, else that of its outputs."""
        return torch.cat([self.head.embed(*self.encode(stack)) for stack in _stacks(networks)])

    def forward(self, networks: Networks) -> Tensor | Network | list[Network]:
        """Answer for each network; stacks are read one after the other.

        Returns:
            (networks, d_out) from an invariant head; from a parameter head the change of the parameters, a Network
            (a list of them for a list of stacks).
        """
        answers = [self.head(*self.encode(stack)) for stack in _stacks(networks)]
        if self.config.head == "invariant":
            return torch.cat(answers)
        return answers[0] if isinstance(networks, Network) else answers


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

    def embed(self, structure: GraphStructure, history: list[States], answers: Tensor | None) -> Tensor:
        """(networks, d_hidden)."""
        states = history[0]
        missing = self.num_outputs - states[-1].shape[1]
        parts = [nn.functional.pad(states[-1], (0, 0, 0, missing)).flatten(1)]
        if self.reads_all:
            rows: list[list[Tensor]] = [[] for _ in range(self.num_entries)]
            for number, state in enumerate(states):
                rows[layer_entry(number, structure, self.num_entries)].append(state)
            empty = states[-1].new_zeros(states[-1].shape[0], states[-1].shape[2])
            parts += [torch.cat(row, dim=1).square().mean(dim=1) if row else empty for row in rows[1:-1]]
        features = self.norm(torch.cat(parts, dim=1))
        if self.answer_norm is not None and answers is not None:
            padded = nn.functional.pad(answers, (0, self.answer_norm.normalized_shape[0] - answers.shape[1]))
            features = torch.cat([features, self.answer_norm(padded)], dim=1)
        return self.mlp(features)

    def forward(self, structure: GraphStructure, history: list[States], answers: Tensor | None) -> Tensor:
        """(networks, d_out)."""
        return self.out(self.embed(structure, history, answers))


class _ChangeHead(nn.Module):
    """A change of each weight from the states of its two ends, u_j · v_i, and of each bias from its neuron's.

    The scales are learned, one a layer for weights and one for biases, and start at 0.01 (paper, App. C); the maps of
    the targets start at 0, so that an untrained model leaves its input as it is.
    """

    def __init__(self, config: ModelConfig, spec: InputSpec) -> None:
        super().__init__()
        d, num_entries = 2 * config.d_node, spec.max_hidden_layers + 2
        self.kernel_size, self.rank = spec.kernel_size, config.d_edge
        area = spec.kernel_size[0] * spec.kernel_size[1]
        self.sources = nn.ModuleList(nn.Linear(d, config.d_edge, bias=False) for _ in range(num_entries))
        self.targets = nn.ModuleList(nn.Linear(d, config.d_edge * area, bias=False) for _ in range(num_entries))
        self.biases = nn.ModuleList(nn.Linear(d, 1, bias=False) for _ in range(num_entries))
        for linear in (*self.targets, *self.biases):
            nn.init.zeros_(linear.weight)
        self.scales = nn.Parameter(torch.full((num_entries, 2), 0.01))

    def embed(self, structure: GraphStructure, history: list[States], answers: Tensor | None) -> Tensor:
        """(networks, outputs · d)."""
        return history[0][-1].mean(dim=1)

    def forward(self, structure: GraphStructure, history: list[States], answers: Tensor | None) -> Network:
        """The change of each network's parameters; running statistics are left alone."""
        pair = [history[0], history[-1]]
        states = [torch.cat(both, dim=-1) for both in zip(*pair, strict=True)]
        entries = [layer_entry(number, structure, len(self.scales)) for number in range(len(states))]
        biases = torch.cat(
            [self.scales[e, 1] * self.biases[e](state) for e, state in zip(entries, states, strict=True)], dim=1
        )
        edges: Edges = []
        for block in structure.edge_blocks:
            groups, sources, targets = structure.edge_shape(block)
            entry = entries[block.target]
            at_source = self.sources[entries[block.source]](states[block.source]).unflatten(1, (groups, sources))
            at_target = self.targets[entry](states[block.target]).unflatten(1, (groups, targets))
            at_target = at_target.unflatten(-1, (-1, self.rank))
            change = torch.einsum("ngsr,ngtkr->ngstk", at_source, at_target)
            edges.append(self.scales[entry, 0] * change)
        nodes = nn.functional.pad(biases, (0, structure.node_width - 1))
        return to_network(NeuralGraph(structure, nodes, tuple(edges), self.kernel_size))


def _stacks(networks: Networks) -> list[Network]:
    return [networks] if isinstance(networks, Network) else list(networks)
