"""Message passing layer by layer: sweeps over a neural graph in the order of the forward pass, and in reverse."""

import functools
import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ngcore.graph import Direction, Edges, GraphStructure
from ngcore.networks import ACTIVATION_KINDS, NUM_FIRST_KINDS, sign_spaces, symmetry_spaces

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

    Args:
        d: Width of the states.
        kernel_area: Entries of the kernels that edges carry.
        num_entries: Layers with maps of their own, see `GraphStructure.row`.
        direction: "forward" along the edges, "reverse" against them.
        follows: Whether there is a sweep before.
        d_output: Hidden width of an MLP that takes the place of W sin(…) ⊙ cos(…) at the output neurons, whose signs
            are never free; 0: none. There are few of them, and all that is known of the function meets there.
    """

    def __init__(
        self, d: int, *, kernel_area: int, num_entries: int, direction: Direction, follows: bool, d_output: int = 0
    ) -> None:
        super().__init__()
        self.d, self.direction, self.num_entries = d, direction, num_entries
        linear = functools.partial(nn.Linear, bias=False)
        self.message = nn.ModuleList(_near_identity(linear(d, kernel_area * d)) for _ in range(num_entries))
        self.update = nn.ModuleList(Update(d, follows=follows) for _ in range(num_entries - bool(d_output)))
        if d_output:
            self.update.append(OutputUpdate(d, d_output, follows=follows))
        self.bias_direction = nn.Parameter(torch.full((num_entries, d), 0.5))
        self.activation_gain = nn.Parameter(torch.zeros(NUM_FIRST_KINDS, d))

    def forward(
        self, structure: GraphStructure, edges: Edges, biases: States, positions: States, before: States | None
    ) -> States:
        """The states of all node blocks after the sweep.

        Args:
            structure: The graph.
            edges: Kernels of each edge block, (networks, groups, sources, targets, kernel area).
            biases: Bias of each neuron, (networks, neurons, 1), one tensor a block.
            positions: Vectors of the neurons whose place means something, (neurons, d) or (1, d), one tensor a block.
            before: States of the sweep before.
        """
        states: dict[int, Tensor] = {}
        numbers = range(len(structure.node_blocks))
        for number in numbers if self.direction == "forward" else reversed(numbers):
            block = structure.node_blocks[number]
            entry = structure.row(number, self.num_entries)
            collected = biases[number] * self.bias_direction[entry] + positions[number]
            collected = collected + sum(self._messages(structure, edges, number, states))
            collected = collected * (
                1 + self.activation_gain[ACTIVATION_KINDS.index(block.activation) % NUM_FIRST_KINDS]
            )
            states[number] = self.update[entry](
                collected, before[number] if before else None, has_sign=number in free_signs(structure)
            )
        return [states[number] for number in numbers]

    def _messages(
        self, structure: GraphStructure, edges: Edges, number: int, states: dict[int, Tensor]
    ) -> list[Tensor]:
        """What reaches a block from the blocks that the sweep has been to."""
        messages = []
        for index, block in enumerate(structure.edge_blocks):
            near, far = (block.target, block.source) if self.direction == "forward" else (block.source, block.target)
            if near != number or far not in states:
                continue
            groups, sources, targets = structure.edge_shape(block)
            count = sources if self.direction == "forward" else targets
            sent = self.message[structure.row(far, self.num_entries)](states[far])
            sent = sent.unflatten(-1, (-1, self.d))  # networks, neurons, kernel area, d
            sent = sent.unflatten(1, (groups, count)).flatten(2, 3)  # networks, groups, count · kernel area, d
            kernels = edges[index].transpose(2, 3) if self.direction == "forward" else edges[index]
            fan = count * math.prod(block.kernel)
            collected = kernels.flatten(3) @ sent  # networks, groups, receivers, d
            messages.append(collected.flatten(1, 2) / math.sqrt(fan))  # networks, neurons, d
        return messages


class Update(nn.Module):
    """x = y + W sin(U a + V y + c) ⊙ cos(Z y)."""

    def __init__(self, d: int, *, follows: bool) -> None:
        super().__init__()
        self.collected = _near_identity(nn.Linear(d, d), FREQUENCY)
        self.out = _near_identity(nn.Linear(d, d, bias=False))
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


def _near_identity(linear: nn.Linear, factor: float = 1.0) -> nn.Linear:
    """Start a Linear at a multiple of the identity plus noise; one with more outputs, at as many such blocks."""
    d = linear.in_features
    nn.init.normal_(linear.weight, std=0.1 / math.sqrt(d))
    with torch.no_grad():
        linear.weight.unflatten(0, (-1, d)).add_(factor * torch.eye(d))
    return linear


@functools.lru_cache(maxsize=256)
def free_signs(structure: GraphStructure) -> frozenset[int]:
    """Numbers of the node blocks whose neurons may be negated without a change of the function."""
    found, free = symmetry_spaces(structure.architecture), sign_spaces(structure.architecture)
    return frozenset(
        number
        for number, block in enumerate(structure.node_blocks)
        if block.value is not None and found.of_channels(block.value)[block.first] in free
    )
