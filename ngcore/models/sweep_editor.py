"""NG-Sweep as an editor: after every pair of sweeps, forward and reverse, the network is changed and read again."""

from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ngcore.errors import NeuralGraphError
from ngcore.graph import EdgeBlock, GraphStructure, graph_structure
from ngcore.models.config import SweepEditConfig
from ngcore.models.heads import change_of, read_outputs
from ngcore.models.input_spec import InputSpec, kernel_window
from ngcore.models.model import Networks, stacks_of
from ngcore.models.probe_features import probe_responses
from ngcore.models.probes import probes_for, probes_of
from ngcore.models.sweep_model import SweepReader
from ngcore.models.sweeps import States
from ngcore.networks import Network


class SweepEditor(SweepReader):
    """Changes the parameters of networks in stages, as a learned optimiser would.

    A stage is a forward sweep, a reverse sweep, and a change of the network; the next stage reads the changed network,
    its weights and its responses to the probes, and continues from the states of the stage before. The answer is the
    sum of the changes. Equivariant to the order of hidden neurons, and to their signs where an odd activation leaves
    them free.

    Args:
        config: Widths, probes, and twice the number of stages as the number of sweeps.
        spec: The networks to be edited.

    Raises:
        NeuralGraphError: If the number of sweeps is odd.
    """

    def __init__(self, config: SweepEditConfig, spec: InputSpec) -> None:
        super().__init__(config, spec, is_given_states=config.num_probes > 0)
        if config.num_layers % 2:
            raise NeuralGraphError(f"Expected an even number of sweeps to edit with, got {config.num_layers}.")
        num_stages = config.num_layers // 2
        self.probes = None
        if config.num_probes:
            self.probes = probes_for(spec, config.num_probes, is_generated=config.generates_probes)
            self.responses = nn.ModuleList(self._response_maps() for _ in range(num_stages))
        self.heads = nn.ModuleList(_ChangeHead(config, spec) for _ in range(num_stages))

    def embed(self, networks: Networks) -> Float[Tensor, "networks d_node"]:
        """Representation of each network: the mean state of its outputs after the last sweep."""
        return torch.cat([self._embed(stack) for stack in stacks_of(networks)])

    def _embed(self, network: Network) -> Tensor:
        structure, states = graph_structure(network.architecture), self._edit(network)[1]
        return read_outputs(structure, states).mean(dim=1)

    def forward(self, networks: Networks) -> Network | list[Network]:
        """The change of each network's parameters, for a list of stacks as a list; running statistics stay."""
        changes = [self._edit(stack)[0] for stack in stacks_of(networks)]
        return changes[0] if isinstance(networks, Network) else changes

    def _edit(self, network: Network) -> tuple[Network, States]:
        """The sum of all changes, and the last states."""
        current, total, states = network, network.map(torch.zeros_like), None
        for stage, head in enumerate(self.heads):
            reading = self.read(current)
            if self.probes is not None:
                responses = self._respond(current, reading.structure, stage)
                states = responses if states is None else [a + b for a, b in zip(states, responses, strict=True)]
            forward = reading.sweep(self.sweeps[2 * stage], states)
            states = reading.sweep(self.sweeps[2 * stage + 1], forward)
            change = head(reading.structure, forward, states)
            total, current = total.plus(change), current.plus(change)
        assert states is not None  # there is at least one stage
        return total, states

    def _response_maps(self) -> nn.ModuleList:
        """New maps from responses to states, one a layer; they start at 0, where the weights alone are read."""
        linears = [nn.Linear(self.config.num_probes, self.config.d_node, bias=False) for _ in range(self.rows.count)]
        for linear in linears:
            nn.init.zeros_(linear.weight)
        return nn.ModuleList(linears)

    def _respond(self, network: Network, structure: GraphStructure, stage: int) -> States:
        """Each neuron's responses to the probes, mapped to states."""
        assert self.probes is not None
        maps = cast(nn.ModuleList, self.responses[stage])
        responses = probe_responses(network, probes_of(self.probes, self.spec, network), structure)
        return [maps[row](response) for row, response in zip(self.rows.of(structure), responses, strict=True)]


class _ChangeHead(nn.Module):
    """A change of each weight from the states of its two ends, u_j · v_i, and of each bias from its neuron's.

    The scales are learned, one a layer for weights and one for biases, and start at 0.01 (paper, App. C); the maps of
    the targets start at 0, so that an untrained model leaves its input as it is.
    """

    def __init__(self, config: SweepEditConfig, spec: InputSpec) -> None:
        super().__init__()
        self.rows, self.kernel_size, self.rank = spec.rows(config.rows), spec.kernel_size, config.d_edge
        d, num_entries = 2 * config.d_node, self.rows.count
        area = spec.kernel_size[0] * spec.kernel_size[1]
        sources = [nn.Linear(d, config.d_edge, bias=False) for _ in range(num_entries)]
        targets = [nn.Linear(d, config.d_edge * area, bias=False) for _ in range(num_entries)]
        biases = [nn.Linear(d, 1, bias=False) for _ in range(num_entries)]
        for linear in (*targets, *biases):
            nn.init.zeros_(linear.weight)
        for linear in sources:  # what a source was after the forward sweep, as far as the rank goes
            nn.init.eye_(linear.weight)
        self.sources, self.targets, self.biases = (nn.ModuleList(part) for part in (sources, targets, biases))
        self.scales = nn.Parameter(torch.full((num_entries, 2), 0.01))

    def forward(self, structure: GraphStructure, forward: States, reverse: States) -> Network:
        """The change of each network's parameters; that of running statistics, slopes and fixed tables is 0."""
        states = [torch.cat(pair, dim=-1) for pair in zip(forward, reverse, strict=True)]
        entries = self.rows.of(structure)
        biases = [self.scales[e, 1] * self.biases[e](state) for e, state in zip(entries, states, strict=True)]
        kernels = []
        for block in structure.edge_blocks:
            groups, sources, targets = structure.edge_shape(block)
            entry = entries[block.target]
            at_source = self.sources[entries[block.source]](states[block.source]).unflatten(1, (groups, sources))
            at_target = nn.functional.linear(states[block.target], self._map(entry, block))
            at_target = at_target.unflatten(1, (groups, targets)).unflatten(-1, (-1, self.rank))
            change = torch.einsum("ngsr,ngtkr->ngstk", at_source, at_target)  # networks, groups, sources, targets, area
            kernels.append(self.scales[entry, 0] * change)
        return change_of(structure, biases, kernels)

    def _map(self, entry: int, block: EdgeBlock) -> Tensor:
        """The map of targets, one for each entry of the kernels of a block, (kernel area · rank, d)."""
        weight = cast(nn.Linear, self.targets[entry]).weight
        window = kernel_window(block.kernel, self.kernel_size)
        return weight if window is None else weight.unflatten(0, (-1, self.rank))[window].flatten(0, 1)
