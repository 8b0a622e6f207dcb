"""Message passing layer by layer: sweeps over a neural graph in the order of the forward pass, and in reverse."""

import functools
import math
from collections.abc import Iterator, Sequence
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ngcore.graph import Direction, EdgeBlock, Edges, GraphStructure
from ngcore.models.input_spec import InputSpec, kernel_window
from ngcore.models.places import NUM_FREQUENCIES, depths
from ngcore.models.rows import Rows, edges_back, forward_order
from ngcore.networks import sign_spaces, symmetry_spaces

FREQUENCY = 1.5
"""What a collected unit of standardised weights turns a sine by at first, about what it does in a SIREN."""

States = list[Tensor]
"""One tensor a node block, (networks, neurons, d)."""


class Sweep(nn.Module):
    """One pass over the layers of a neural graph, each neuron reading what the layer before it has just become.

    Along the edges, layer by layer, neuron j with bias b_j and the state y_j of the sweep before becomes

        a_j = Σ_i e_ij · A x_i / √fan_in + b_j q
        x_j = y_j + W sin(U a_j + V y_j + c) ⊙ cos(Z y_j)

    with e_ij the weight itself (a kernel has one A for each of its entries). Against the edges it is the same with
    sources and targets exchanged. All maps are those of the layer. A weight enters linearly and in its place, as it
    does in the network itself, so that a forward sweep can follow what the network computes, and a reverse one what its
    gradients would be; A, U and W start near the identity, where the two are alike.

    A neuron whose sign is free (odd activation) has c = 0; then everything above is odd in its sign, and negating its
    weights negates its state.

    Blocks are visited in the order of the forward pass. Over the edges of a recurrence, which lead back, a neuron reads
    states of the sweep before; the first sweep of all goes over such a network twice.

    Args:
        d: Width of the states.
        spec: The networks to be read.
        rows: Layers with maps of their own.
        direction: "forward" along the edges, "reverse" against them.
        follows: Whether there is a sweep before.
        d_output: Hidden width of an MLP that takes the place of W sin(…) ⊙ cos(…) at the output neurons, whose signs
            are never free; 0: none. There are few of them, and all that is known of the function meets there.
        shares_maps: Whether the entries of a kernel share one A, which each multiplies by a vector of its own: for
            networks whose kernels cover a whole map, as those of a Linear after Flatten do.
    """

    def __init__(
        self,
        d: int,
        *,
        spec: InputSpec,
        rows: Rows,
        direction: Direction,
        follows: bool,
        d_output: int = 0,
        shares_maps: bool = False,
    ) -> None:
        super().__init__()
        self.d, self.spec, self.rows, self.direction = d, spec, rows, direction
        area = math.prod(spec.kernel_size)
        linear = functools.partial(nn.Linear, bias=False)
        self.entry_gains = nn.ParameterList(1 + 0.1 * torch.randn(area, d) for _ in range(rows.count * shares_maps))
        width = d if shares_maps else area * d
        self.message = nn.ModuleList(near_identity(linear(d, width)) for _ in range(rows.count))
        self.update = nn.ModuleList(Update(d, follows=follows) for _ in range(rows.count - bool(d_output)))
        if d_output:
            self.update.append(OutputUpdate(d, d_output, follows=follows))
        self.bias_direction = nn.Parameter(torch.full((rows.count, d), 0.5))
        self.activation_gain = nn.Parameter(torch.zeros(spec.num_activation_rows, d))
        self.edge_gain = nn.Parameter(torch.zeros(len(spec.edge_kinds), d)) if spec.edge_kinds else None
        self.depth_gain = DepthGain(d) if rows.kinds is not None else None

    def forward(
        self,
        structure: GraphStructure,
        edges: Edges,
        biases: States,
        positions: States,
        before: States | None,
        told: States | None = None,
    ) -> States:
        """The states of all node blocks after the sweep.

        Args:
            structure: The graph.
            edges: Kernels of each edge block, (networks, groups, sources, targets, kernel area).
            biases: Bias of each neuron, (networks, neurons, 1), one tensor a block.
            positions: Vectors of the neurons whose place means something, (…, neurons, d) or (…, 1, d), one tensor a
                block.
            before: States of the sweep before.
            told: What else is known of the neurons, whatever their signs; it scales what they collect.
        """
        gains: list[Tensor | float] = [0.0] * len(structure.node_blocks)
        if self.depth_gain is not None:
            gains = [*self.depth_gain(structure)]
        if told is not None:
            gains = [gain + own for gain, own in zip(gains, told, strict=True)]
        given = [bias * own + p for bias, own, p in zip(biases, self._directions(structure), positions, strict=True)]
        reached = before
        if before is None and edges_back(structure):
            reached = self._pass(structure, edges, given, gains, None, None)
        return self._pass(structure, edges, given, gains, before, reached)

    def _directions(self, structure: GraphStructure) -> list[Tensor]:
        return [self.bias_direction[row] for row in self.rows.of(structure)]

    def _pass(
        self,
        structure: GraphStructure,
        edges: Edges,
        given: States,
        gains: Sequence[Tensor | float],
        before: States | None,
        reached: States | None,
    ) -> States:
        """Every block once, from what it is given and what it collects; over edges that lead back, from `reached`."""
        states: dict[int, Tensor] = {}
        order, rows = forward_order(structure), self.rows.of(structure)
        for number in order if self.direction == "forward" else reversed(order):
            block = structure.node_blocks[number]
            collected = given[number] + sum(self._messages(structure, edges, number, states, reached))
            activation = self.activation_gain[self.spec.activation_row(block.activation)]
            states[number] = self.update[rows[number]](
                collected * (1 + activation + gains[number]),
                before[number] if before else None,
                has_sign=number in free_signs(structure),
            )
        return [states[number] for number in range(len(states))]

    def _messages(
        self, structure: GraphStructure, edges: Edges, number: int, states: dict[int, Tensor], reached: States | None
    ) -> Iterator[Tensor]:
        """What reaches a block from the blocks that the sweep has been to, or those that were reached before."""
        is_forward, rows = self.direction == "forward", self.rows.of(structure)
        for index in edges_at(structure, self.direction)[number]:
            block = structure.edge_blocks[index]
            far = block.source if is_forward else block.target
            source = reached if index in edges_back(structure) else states
            if source is None:
                continue
            groups, sources, targets = structure.edge_shape(block)
            count = sources if is_forward else targets
            sent = self._sent(source[far], rows[far], block)  # networks, neurons, kernel area, d
            sent = sent.unflatten(1, (groups, count)).flatten(2, 3)  # networks, groups, count · kernel area, d
            kernels = edges[index].transpose(2, 3) if is_forward else edges[index]
            fan = count * math.prod(block.kernel)
            collected = kernels.flatten(3) @ sent  # networks, groups, receivers, d
            yield collected.flatten(1, 2) * self._gain(block) / math.sqrt(fan)  # networks, neurons, d

    def _sent(self, states: Tensor, row: int, block: EdgeBlock) -> Float[Tensor, "networks neurons area d"]:
        """What neurons send, for each entry of the kernels of a block."""
        weight = cast(nn.Linear, self.message[row]).weight
        window = kernel_window(block.kernel, self.spec.kernel_size)
        if self.entry_gains:
            gains = self.entry_gains[row] if window is None else self.entry_gains[row][window]
            return nn.functional.linear(states, weight)[:, :, None] * gains
        if window is not None:
            weight = weight.unflatten(0, (-1, self.d))[window].flatten(0, 1)
        return nn.functional.linear(states, weight).unflatten(-1, (-1, self.d))

    def maps(self, row: int) -> Float[Tensor, "area d d"]:
        """A for each entry of the largest kernel, in a row of the table."""
        weight = cast(nn.Linear, self.message[row]).weight.unflatten(0, (-1, self.d))
        return self.entry_gains[row][:, :, None] * weight if self.entry_gains else weight

    def _gain(self, block: EdgeBlock) -> Tensor | float:
        if self.edge_gain is None or block.kind not in self.spec.edge_kinds:
            return 1.0
        return 1 + self.edge_gain[self.spec.edge_kinds.index(block.kind)]


class DepthGain(nn.Module):
    """A factor for each block that tells its depth, and leaves the signs of neurons alone; 1 at first."""

    def __init__(self, d: int) -> None:
        super().__init__()
        self.linear = nn.Linear(4 * NUM_FREQUENCIES, d, bias=False)
        nn.init.zeros_(self.linear.weight)

    def forward(self, structure: GraphStructure) -> Float[Tensor, "blocks d"]:
        """What is added to 1."""
        return self.linear(depths(structure).to(self.linear.weight))


@functools.lru_cache(maxsize=1024)
def edges_at(structure: GraphStructure, direction: Direction) -> tuple[tuple[int, ...], ...]:
    """Numbers of the edge blocks over which each node block receives."""
    found: list[list[int]] = [[] for _ in structure.node_blocks]
    for index, block in enumerate(structure.edge_blocks):
        found[block.target if direction == "forward" else block.source].append(index)
    return tuple(map(tuple, found))


class Update(nn.Module):
    """x = y + W sin(U a + V y + c) ⊙ cos(Z y)."""

    def __init__(self, d: int, *, follows: bool) -> None:
        super().__init__()
        self.collected = near_identity(nn.Linear(d, d), FREQUENCY)
        self.out = near_identity(nn.Linear(d, d, bias=False))
        self.before = nn.Linear(d, 2 * d, bias=False) if follows else None

    def forward(
        self, collected: Float[Tensor, "networks neurons d"], before: Tensor | None, *, has_sign: bool
    ) -> Float[Tensor, "networks neurons d"]:
        """New states."""
        phase = nn.functional.linear(collected, self.collected.weight, None if has_sign else self.collected.bias)
        if self.before is None or before is None:
            return self.out(phase.sin())
        shift, gate = self.before(before).chunk(2, dim=-1)
        return before + self.out((phase + shift).sin() * gate.cos())


class OutputUpdate(nn.Module):
    """x = y + W SiLU(U [a, y] + c), with a wide hidden layer."""

    def __init__(self, d: int, d_hidden: int, *, follows: bool) -> None:
        super().__init__()
        self.follows = follows
        self.mlp = nn.Sequential(
            nn.Linear((1 + follows) * d, d_hidden),
            nn.SiLU(),
            nn.Linear(d_hidden, d_hidden),
            nn.SiLU(),
            nn.Linear(d_hidden, d),
        )

    def forward(
        self, collected: Float[Tensor, "networks neurons d"], before: Tensor | None, *, has_sign: bool
    ) -> Float[Tensor, "networks neurons d"]:
        """New states; output neurons have signs of their own, whatever `has_sign` says of others."""
        if not self.follows or before is None:
            return collected + self.mlp(collected)
        return before + self.mlp(torch.cat([collected, before], dim=-1))


def near_identity(linear: nn.Linear, factor: float = 1.0) -> nn.Linear:
    """Start a Linear at a multiple of the identity plus noise; one with more outputs, at as many such blocks."""
    d = linear.in_features
    nn.init.normal_(linear.weight, std=0.1 / math.sqrt(d))
    with torch.no_grad():
        linear.weight.unflatten(0, (-1, d)).add_(factor * torch.eye(d))
    return linear


@functools.lru_cache(maxsize=1024)
def free_signs(structure: GraphStructure) -> frozenset[int]:
    """Numbers of the node blocks whose neurons may be negated without a change of the function."""
    found, free = symmetry_spaces(structure.architecture), sign_spaces(structure.architecture)
    return frozenset(
        number
        for number, block in enumerate(structure.node_blocks)
        if block.value is not None and found.of_channels(block.value)[block.first] in free
    )
