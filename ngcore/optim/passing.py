"""How the learned optimiser passes messages along a network in training: as NG-GNN, NG-T or NG-Sweep does."""

import dataclasses
import math
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from ngcore.errors import NeuralGraphError, UnknownNameError
from ngcore.graph import Direction, GraphStructure
from ngcore.models.rows import edges_back, forward_order
from ngcore.models.sweeps import Update, edges_at, near_identity
from ngcore.optim.features import TINY, View

NUM_HEADS = 2
"""Attention heads of NG-T."""

States = list[Tensor]
"""One tensor per node block, (networks, neurons, d)."""


@dataclasses.dataclass(frozen=True)
class Connection:
    """The edges of one block, as messages see them.

    Attributes:
        source: Number of the node block that they leave.
        target: Number of the node block that they enter.
        links: How strongly neurons are connected, each target's sum 1; (1, …) where all edges are alike.
        state: What is known of the block.
    """

    source: int
    target: int
    links: Float[Tensor, "#networks groups sources targets"]
    state: Float[Tensor, "networks d"]

    @property
    def groups(self) -> int:
        """Number of groups of neurons that are connected with each other alone."""
        return self.links.shape[1]

    def collect(self, sent: Tensor, direction: Direction) -> Float[Tensor, "networks neurons d"]:
        """Means of what the neurons at one end send, weighted by the links, at each neuron of the other end."""
        links = self.links
        shares = links.mT if direction == "forward" else links / (links.sum(3, keepdim=True) + TINY)
        return (shares @ sent.unflatten(1, (self.groups, -1))).flatten(1, 2)


def learned_connections(view: View, known: Sequence[Tensor]) -> list[Connection]:
    """The edges that carry parameters.

    Args:
        view: What is seen of the networks.
        known: State of each learned block, (networks, d).
    """
    blocks = [view.structure.edge_blocks[i] for i in view.learned]
    return [
        Connection(block.source, block.target, links, state)
        for block, links, state in zip(blocks, view.links, known, strict=True)
    ]


def all_connections(view: View, known: Sequence[Tensor]) -> list[Connection]:
    """All edges, in the order of the structure; nothing is known of those without parameters, which are all alike."""
    structure, learned = view.structure, dict(zip(view.learned, learned_connections(view, known), strict=True))
    found = []
    for number, block in enumerate(structure.edge_blocks):
        if number in learned:
            found.append(learned[number])
            continue
        shape = structure.edge_shape(block)
        links = torch.full((1, *shape), 1 / shape[1], device=view.biases.device, dtype=view.biases.dtype)
        found.append(Connection(block.source, block.target, links, torch.zeros_like(known[0])))
    return found


class Rounds(nn.ModuleList):
    """NG-GNN: in every round all neurons take in means over their edges with parameters, along and against them.

        x_j ← x_j + SiLU(Linear[x_j, Σ_i l_ij x_i, the same against the edges])

    Args:
        d: Width of the states.
        count: Rounds.
    """

    def __init__(self, d: int, count: int) -> None:
        super().__init__(nn.Linear(3 * d, d) for _ in range(count))

    def forward(self, view: View, known: Sequence[Tensor], states: States) -> States:
        """The states of the neurons after all rounds.

        Args:
            view: What is seen of the networks.
            known: State of each learned block, (networks, d).
            states: Of the neurons before any message.
        """
        connections = learned_connections(view, known)
        for layer in self:
            states = self._round(layer, connections, states)
        return states

    def _round(self, layer: nn.Module, connections: Sequence[Connection], states: States) -> States:
        forward: list[States] = [[] for _ in states]
        reverse: list[States] = [[] for _ in states]
        for own in connections:
            forward[own.target].append(own.collect(states[own.source], "forward"))
            reverse[own.source].append(own.collect(states[own.target], "reverse"))
        return [
            state + functional.silu(layer(torch.cat([state, mean(along, state), mean(against, state)], dim=-1)))
            for state, along, against in zip(states, forward, reverse, strict=True)
        ]


class RelationalLayers(nn.ModuleList):
    """NG-T: layers of attention over the edges, see `RelationalLayer`.

    Args:
        d: Width of the states.
        count: Layers.

    Raises:
        NeuralGraphError: If the heads cannot share the width.
    """

    def __init__(self, d: int, count: int) -> None:
        if d % NUM_HEADS:
            raise NeuralGraphError(f"Expected a width that {NUM_HEADS} heads can share, got {d}.")
        super().__init__(RelationalLayer(d, updates_edges=i + 1 < count) for i in range(count))

    def forward(self, view: View, known: Sequence[Tensor], states: States) -> States:
        """The states of the neurons after all layers; see `Rounds.forward`."""
        connections = all_connections(view, known)
        for layer in self:
            states, connections = layer(connections, states)
        return states


class RelationalLayer(nn.Module):
    """Attention of each neuron over those that it is connected with, modulated by the edges as in NG-T.

        e_ij = [state of the block, s_ij],  s_ij = log(1 + n_j l_ij), n_j edges of the block enter neuron j
        q_ij = q_j + Q e_ij,  k_ij = k_i + K e_ij,  v_ij = v_i ⊙ (1 + M e_ij) + V e_ij
        x_j ← LayerNorm(x_j + Linear(Σ_i softmax_i(q_ij · k_ij / √d) v_ij)), then an MLP with LayerNorm
        state of the block ← LayerNorm(itself + MLP[itself, means of the states at its ends])

    One softmax runs over all edges of a neuron, in both directions. All of that is a polynomial in s_ij, so that no
    more than one number per edge and head is ever held.

    Args:
        d: Width of the states.
        updates_edges: Whether the states of blocks change; the last layer's need not.
    """

    def __init__(self, d: int, *, updates_edges: bool) -> None:
        super().__init__()
        self.updates_edges = updates_edges
        self.node = nn.Linear(d, 3 * d)
        self.along, self.against = _BlockAttention(d), _BlockAttention(d)
        self.out = nn.Linear(d, d)
        self.attention_norm, self.mlp_norm = nn.LayerNorm(d), nn.LayerNorm(d)
        self.mlp = nn.Sequential(nn.Linear(d, 2 * d), nn.GELU(), nn.Linear(2 * d, d))
        if updates_edges:
            self.block_mlp = nn.Sequential(nn.Linear(3 * d, 2 * d), nn.GELU(), nn.Linear(2 * d, d))
            self.block_norm = nn.LayerNorm(d)

    def forward(self, connections: Sequence[Connection], states: States) -> tuple[States, Sequence[Connection]]:
        """New states of neurons and blocks."""
        projected = [self.node(state).unflatten(-1, (3, NUM_HEADS, -1)).movedim((2, 3), (0, 2)) for state in states]
        logits: list[States] = [[] for _ in states]
        values: list[States] = [[] for _ in states]
        for own in connections:
            strength = (own.links * own.links.shape[2]).log1p()[:, None]  # networks, 1, groups, sources, targets
            ways = ((self.along, own.source, own.target, strength.mT), (self.against, own.target, own.source, strength))
            for attention, far, near, between in ways:
                logit, value = attention(own.state, between, projected[near][0], projected[far][1:])
                logits[near].append(logit)
                values[near].append(value)
        states = [self._updated(*parts) for parts in zip(states, logits, values, strict=True)]
        return states, [self._updated_block(own, states) for own in connections] if self.updates_edges else connections

    def _updated(self, state: Tensor, logits: Sequence[Tensor], values: Sequence[Tensor]) -> Tensor:
        attended = torch.zeros_like(state)
        if logits:
            shares = torch.stack([*logits]).softmax(0)[..., None]
            attended = (shares * torch.stack([*values])).sum(0).transpose(1, 2).flatten(2)
        state = self.attention_norm(state + self.out(attended))
        return self.mlp_norm(state + self.mlp(state))

    def _updated_block(self, own: Connection, states: States) -> Connection:
        around = torch.cat([own.state, states[own.source].mean(1), states[own.target].mean(1)], dim=-1)
        return dataclasses.replace(own, state=self.block_norm(own.state + self.block_mlp(around)))


class _BlockAttention(nn.Module):
    """Attention over the edges of one block in one direction; Q, K, M and V are its own.

    Args:
        d: Width of the states.
    """

    def __init__(self, d: int) -> None:
        super().__init__()
        self.state = nn.Linear(d, 4 * d, bias=False)
        self.strength = nn.Parameter(torch.empty(4 * d).uniform_(-1, 1) / math.sqrt(d))

    def forward(
        self,
        state: Float[Tensor, "networks d"],
        strength: Float[Tensor, "#networks 1 groups receivers senders"],
        query: Float[Tensor, "networks heads neurons d_head"],
        key_value: Float[Tensor, "2 networks heads others d_head"],
    ) -> tuple[Float[Tensor, "networks heads neurons"], Float[Tensor, "networks heads neurons d_head"]]:
        """The logarithm of the softmax's denominator, and what each neuron attends to.

        Args:
            state: Of the block.
            strength: s_ij of its edges.
            query: Of the neurons that receive.
            key_value: Of those that send.
        """
        groups, by_head = strength.shape[2], (4, NUM_HEADS, 1, 1, -1)
        own_query, own_key, factor, added = self.state(state).unflatten(-1, by_head).unbind(1)
        query_slope, key_slope, factor_slope, slope = self.strength.view(by_head).unbind(0)  # heads, 1, 1, d_head
        query, key, value = (x.unflatten(2, (groups, -1)) for x in (query, *key_value))
        query, key = query + own_query, key + own_key  # networks, heads, groups, neurons, d_head
        linear = query @ key_slope.mT + (key @ query_slope.mT).mT
        square = (query_slope * key_slope).sum(-1, keepdim=True)
        logits = (query @ key.mT + strength * (linear + strength * square)) / math.sqrt(query.shape[-1])
        weights = logits.softmax(-1)  # networks, heads, groups, receivers, senders
        attended = weights @ (value * (1 + factor) + added) + (weights * strength) @ (value * factor_slope + slope)
        return logits.logsumexp(-1).flatten(2), attended.flatten(2, 3)


class Sweeps(nn.ModuleList):
    """NG-Sweep: one sweep forward through the blocks in their order, the next one back; see `SweepLayer`.

    Args:
        d: Width of the states.
        count: Sweeps.
    """

    def __init__(self, d: int, count: int) -> None:
        super().__init__(SweepLayer(d) for _ in range(count))

    def forward(self, view: View, known: Sequence[Tensor], states: States) -> States:
        """The states of the neurons after all sweeps; see `Rounds.forward`."""
        connections = all_connections(view, known)
        for number, layer in enumerate(self):
            states = layer(view.structure, "reverse" if number % 2 else "forward", connections, states)
        return states


class SweepLayer(nn.Module):
    """One pass over the blocks, each neuron reading what those before it have just become, as in NG-Sweep.

        a_j = Σ_i l_ij · A x_i ⊙ (1 + B [state of the block])
        x_j = y_j + W sin(U a_j + V y_j + c) ⊙ cos(Z y_j)

    with y_j the state before the sweep; over edges that lead back, those of recurrences, that is also what is read.

    Args:
        d: Width of the states.
    """

    def __init__(self, d: int) -> None:
        super().__init__()
        self.message = near_identity(nn.Linear(d, d, bias=False))
        self.gain = nn.Linear(d, d, bias=False)
        self.update = Update(d, follows=True)

    def forward(
        self, structure: GraphStructure, direction: Direction, connections: Sequence[Connection], states: States
    ) -> States:
        """The states after the sweep, along the edges or against them."""
        order, swept = forward_order(structure), dict[int, Tensor]()
        for number in order if direction == "forward" else reversed(order):
            messages = []
            for index in edges_at(structure, direction)[number]:
                own = connections[index]
                far = own.source if direction == "forward" else own.target
                read = states[far] if index in edges_back(structure) else swept[far]
                messages.append(own.collect(self.message(read) * (1 + self.gain(own.state))[:, None], direction))
            state = states[number]
            swept[number] = self.update(mean(messages, state), state, has_sign=False)
        return [swept[number] for number in range(len(states))]


PASSINGS: dict[str, Callable[[int, int], nn.ModuleList]] = {
    "ng-gnn": Rounds,
    "ng-t": RelationalLayers,
    "ng-sweep": Sweeps,
}


def make_passing(kind: str, d: int, count: int) -> nn.ModuleList:
    """A module that makes states of neurons from those before any message; see `Rounds.forward`.

    Args:
        kind: One of `PASSINGS`.
        d: Width of the states.
        count: Rounds, layers or sweeps.

    Raises:
        UnknownNameError: If there is no such kind.
        NeuralGraphError: If the width is not one for this kind.
    """
    if kind not in PASSINGS:
        raise UnknownNameError("kind of rule", kind, PASSINGS)
    return PASSINGS[kind](d, count)


def mean(tensors: Sequence[Tensor], like: Tensor) -> Tensor:
    """The mean of tensors alike; zeros of the shape of `like` where there are none."""
    return sum(tensors[1:], tensors[0]) / len(tensors) if tensors else torch.zeros_like(like)
