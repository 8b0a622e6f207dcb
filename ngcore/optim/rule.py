"""The learned part of the optimiser: a small graph network that says how the hand-made step is to be changed."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from ngcore.graph import EdgeBlock, GraphStructure, edge_kernels, graph_structure, network_of, node_features
from ngcore.networks import Network
from ngcore.optim.features import (
    NUM_CLOCK,
    NUM_FACTS,
    NUM_STATISTICS,
    TINY,
    View,
    as_networks,
    clock,
    facts,
    view,
)
from ngcore.optim.moments import Moments, Tensors
from ngcore.optim.passing import make_passing, mean

DIRECTIONS = ("adam", "mean", "value")
"""What may be added to the hand-made step: the direction of Adam, the slow mean gradient, and the weights."""

ROLES = ("input", "hidden", "output", "position")
LARGEST_GAIN = 3.0
"""Largest |log| of a factor of a step."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RuleConfig:
    """The numbers of an `UpdateRule`.

    Attributes:
        kind: How messages are passed, one of `PASSINGS`.
        d: Width of the states of neurons and blocks.
        num_layers: Rounds of message passing, layers of attention, or sweeps.
        interval: Steps for which its answer is used, before it is asked again.
    """

    kind: str = "ng-gnn"
    d: int = 32
    num_layers: int = 2
    interval: int = 10

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types; without the kind where it is NG-GNN, which was once the only one."""
        fields = dataclasses.asdict(self)
        return fields if self.kind != "ng-gnn" else {name: x for name, x in fields.items() if name != "kind"}


@dataclasses.dataclass(frozen=True)
class Coefficients:
    """How the hand-made step is changed.

    Attributes:
        gains: Logarithm of the factor of each edge's step, (networks, groups, sources, targets), by learned block.
        node_gains: Logarithm of the factor of each bias's step, (networks, nodes).
        mix: What of `DIRECTIONS` is added to all of them, in sizes of the step of their block, (networks, 3).
    """

    gains: Sequence[Tensor]
    node_gains: Tensor
    mix: Tensor

    def tensors(self) -> list[Tensor]:
        """All of them in a row; inverse of `of`."""
        return [*self.gains, self.node_gains, self.mix]

    @classmethod
    def of(cls, tensors: Sequence[Tensor]) -> "Coefficients":
        """From `tensors()`."""
        *gains, node_gains, mix = tensors
        return cls(gains, node_gains, mix)


@runtime_checkable
class Rule(Protocol):
    """What can be asked how the hand-made steps of networks are to be changed."""

    config: RuleConfig

    def __call__(self, view: View, clock: Float[Tensor, " clock"]) -> Coefficients:
        """See `UpdateRule.forward`."""
        ...


class UpdateRule(nn.Module):
    """Messages along the edges of the network in training, and from what arrives a factor for every step.

    Neurons know statistics of the weights around them (values, gradients, moments, the base step), blocks of weights
    those of all their edges, their shape and the time. Connections pass messages in both directions, weighted by their
    strength: in rounds (NG-GNN), by attention (NG-T), or in sweeps forward and back (NG-Sweep). The factor of a
    weight's step is the product of one of its block, one of its target and one of its source, and its logarithm the sum
    of what the states say and of a linear function of what is told; how much of `DIRECTIONS` is added depends on the
    time. All of that is 0 at first, so that the hand-made step is made exactly; and nothing depends on the order of
    hidden neurons.

    Args:
        config: Its numbers.

    Raises:
        UnknownNameError: If there is no such kind.
        NeuralGraphError: If the width is not one for this kind.
    """

    def __init__(self, config: RuleConfig | None = None) -> None:
        super().__init__()
        self.config = config or RuleConfig()
        d, told = self.config.d, NUM_STATISTICS + 2 + NUM_FACTS + NUM_CLOCK
        self.nodes = nn.Linear(3 * NUM_STATISTICS + len(ROLES), d)
        self.blocks = nn.Linear(told, d)
        self.rounds = make_passing(self.config.kind, d, self.config.num_layers)
        self.block_hidden = nn.Linear(3 * d, d)
        self.of_block, self.of_target, self.of_source, self.of_node = (_zero(nn.Linear(d, 1)) for _ in range(4))
        self.of_told = _zero(nn.Linear(told, 1))
        self.of_incoming, self.of_outgoing = (_zero(nn.Linear(NUM_STATISTICS, 1, bias=False)) for _ in range(2))
        self.of_bias = _zero(nn.Linear(NUM_STATISTICS + len(ROLES) + NUM_CLOCK, 1))
        self.of_time = _zero(nn.Linear(NUM_CLOCK, len(DIRECTIONS)))

    def answers(self) -> list[str]:
        """Names of the parameters that give the answers, those that are 0 at first; the others make states."""
        return [name for name, _ in self.named_parameters() if name.startswith("of_")]

    def forward(self, view: View, clock: Float[Tensor, " clock"]) -> Coefficients:
        """What to change at a step, for N networks.

        Args:
            view: What is seen of them.
            clock: See `clock`.
        """
        structure = view.structure
        blocks = [structure.edge_blocks[i] for i in view.learned]
        told = self._told(view, clock)
        known = [functional.silu(self.blocks(row)) for row in told]
        states = self.rounds(view, known, self._known_nodes(view, blocks, known))
        gains = []
        for i, block in enumerate(blocks):
            gain = self._edges(known[i], states[block.source], states[block.target], view.links[i].shape[1])
            gain = gain + self.of_told(told[i])[:, :, None, None]
            along = self.of_incoming(view.incoming[i]).mT + self.of_outgoing(view.outgoing[i])
            gains.append(_bounded(gain + along))
        own = self.of_node(functional.silu(torch.cat(states, dim=1))) + self.of_bias(_told_nodes(view, clock))
        mix = self.of_time(clock.to(view.biases)).expand(len(view.biases), -1)
        return Coefficients(gains, _bounded(own[..., 0]), mix)

    def _told(self, view: View, clock: Tensor) -> list[Tensor]:
        """What is known of each learned block, (networks, numbers)."""
        rows = facts(view.structure).to(view.biases)
        return [
            torch.cat([whole, torch.cat([row, clock.to(row)]).expand(len(whole), -1)], dim=-1)
            for row, whole in zip(rows, view.whole, strict=True)
        ]

    def _known_nodes(self, view: View, blocks: Sequence[EdgeBlock], known: Sequence[Tensor]) -> list[Tensor]:
        """The state of the neurons of each node block before any message, (networks, neurons, d)."""
        structure, states = view.structure, []
        for number, block in enumerate(structure.node_blocks):
            biases = view.biases[:, block.start : block.stop]
            entering = [i for i, edge in enumerate(blocks) if edge.target == number]
            leaving = [i for i, edge in enumerate(blocks) if edge.source == number]
            told = [biases, mean([view.incoming[i].flatten(1, 2) for i in entering], biases)]
            told += [mean([view.outgoing[i].flatten(1, 2) for i in leaving], biases), _role(block.role, biases)]
            state = self.nodes(torch.cat(told, dim=-1))
            around = [known[i][:, None] for i in (*entering, *leaving)]
            states.append(functional.silu(state + sum(around) / max(1, len(around))))
        return states

    def _edges(
        self, known: Tensor, source: Tensor, target: Tensor, groups: int
    ) -> Float[Tensor, "networks groups sources targets"]:
        """What the states say of the edges of a block."""
        around = torch.cat([known, source.mean(1), target.mean(1)], dim=-1)
        whole = functional.silu(self.block_hidden(around))
        of_block = self.of_block(whole)[:, :, None, None]
        of_target = self.of_target(functional.silu(target + whole[:, None])).unflatten(1, (groups, 1, -1))[..., 0]
        of_source = self.of_source(functional.silu(source + whole[:, None])).unflatten(1, (groups, -1))
        return of_block + of_target + of_source


def _role(role: str, like: Tensor) -> Tensor:
    """Which role neurons have, (networks, neurons, roles)."""
    return torch.tensor([float(role == other) for other in ROLES]).to(like).expand(*like.shape[:2], -1)


def _told_nodes(view: View, clock: Tensor) -> Tensor:
    """What is known of the own parameters of each neuron, (networks, nodes, numbers)."""
    blocks = [view.biases[:, block.start : block.stop] for block in view.structure.node_blocks]
    roles = [_role(block.role, rows) for block, rows in zip(view.structure.node_blocks, blocks, strict=True)]
    time = clock.to(view.biases).expand(*view.biases.shape[:2], -1)
    return torch.cat([view.biases, torch.cat(roles, dim=1), time], dim=-1)


def _zero(linear: nn.Linear) -> nn.Linear:
    for parameter in linear.parameters():
        nn.init.zeros_(parameter)
    return linear


def _bounded(x: Tensor) -> Tensor:
    return LARGEST_GAIN * torch.tanh(x / LARGEST_GAIN)


def ruled_steps(
    rule: Rule,
    held: Coefficients | None,
    values: Network,
    gradients: Tensors,
    moments: Moments,
    steps: Tensors,
    *,
    total_steps: int | None,
) -> tuple[Coefficients, dict[str, Tensor]]:
    """What a rule makes of the hand-made steps, and the answer that it holds until it is asked again.

    Args:
        rule: Asked at the first step and at every multiple of its interval.
        held: Its last answer; None before the first.
        values: The networks.
        gradients: Of their losses.
        moments: With these gradients as the last.
        steps: The hand-made steps of the parameters that are learned, at the start of a schedule.
        total_steps: Of the whole training; None where that is not known.
    """
    structure, made = graph_structure(values.architecture), moments.count - 1
    if held is None or made % rule.config.interval == 0:
        seen = view(structure, values, as_networks(values, gradients), moments, as_networks(values, steps))
        held = rule(seen, clock(made, total_steps))
    return held, dict(change_steps(structure, held, values, moments, steps))


def change_steps(
    structure: GraphStructure, coefficients: Coefficients, values: Network, moments: Moments, steps: Tensors
) -> Mapping[str, Tensor]:
    """The steps to be subtracted: the hand-made ones, each weight's times its factor, with what is added to it.

    Each direction has the size that the hand-made step has in its block, whatever its own.

    Args:
        structure: Of the networks' graph.
        coefficients: What to change.
        values: The networks.
        moments: Of their gradients, with the present ones as the last.
        steps: The hand-made steps of the parameters that are learned.
    """
    adam = {name: moments.adam(name) for name in steps}
    mean = {name: moments.mean(name) for name in steps}
    step, *directions = (as_networks(values, own) for own in (steps, adam, mean, values.parameters))
    blocks = [block for block in structure.edge_blocks if block.parameter is not None]
    changed = iter(
        _changed(own, others, gain[..., None, None], coefficients.mix)
        for own, gain, *others in zip(
            edge_kernels(step, blocks),
            coefficients.gains,
            *(edge_kernels(direction, blocks) for direction in directions),
            strict=True,
        )
    )
    fixed = edge_kernels(step, [block for block in structure.edge_blocks if block.parameter is None])
    others = iter(fixed)
    kernels = [next(others if block.parameter is None else changed) for block in structure.edge_blocks]
    features = node_features(step)
    own = _changed_biases(structure, features[..., 0], [node_features(d)[..., 0] for d in directions], coefficients)
    features = torch.cat([own[..., None], features[..., 1:]], dim=-1)
    constants = {name: step.parameters[name] for name in structure.constants}
    parameters = network_of(structure, features, kernels, constants).parameters
    return {name: parameters[name] for name in steps}


def _changed(step: Tensor, directions: Sequence[Tensor], gain: Tensor, mix: Tensor) -> Tensor:
    """Numbers of one block: (networks, …)."""
    axes = tuple(range(1, step.dim()))
    size = step.square().mean(axes, keepdim=True)
    added = torch.zeros_like(step)
    for i, direction in enumerate(directions):
        own = direction.square().mean(axes, keepdim=True)
        share = mix[:, i].view(-1, *(1 for _ in axes))
        added = added + share * direction * (size / (own + TINY)).sqrt()
    return gain.exp() * (step + added)


def _changed_biases(
    structure: GraphStructure, step: Tensor, directions: Sequence[Tensor], coefficients: Coefficients
) -> Tensor:
    parts = []
    for block in structure.node_blocks:
        rows = slice(block.start, block.stop)
        parts.append(
            _changed(
                step[:, rows],
                [direction[:, rows] for direction in directions],
                coefficients.node_gains[:, rows],
                coefficients.mix,
            )
        )
    return torch.cat(parts, dim=1)
