"""The hidden-neuron symmetries of input networks: permuting neurons, flipping their signs, rescaling them."""

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence
from functools import lru_cache

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ngcore.errors import ArchitectureError, ShapeMismatchError
from ngcore.networks.architecture import (
    Activation,
    ActivationKind,
    Architecture,
    BatchNorm,
    Conv2d,
    Flatten,
    Layer,
    LayerNorm,
    Linear,
)
from ngcore.networks.network import Network

ODD_FUNCTIONS: tuple[ActivationKind, ...] = ("sine", "tanh", "none")  # f(−x) = −f(x)
HOMOGENEOUS_FUNCTIONS: tuple[ActivationKind, ...] = ("relu", "leaky_relu", "none")  # f(s x) = s f(x) for s > 0


@dataclasses.dataclass(frozen=True)
class Space:
    """A set of values whose neurons (channels) are tied together, so that they can only be permuted as one.

    Attributes:
        size: Number of neurons or channels.
        values: Indices of the values of the forward pass that live in this space.
        is_fixed: Whether the order of its neurons has meaning (network input and output).
        blocks: Sizes of the consecutive blocks inside which neurons may be permuted; more than one where a grouped
            convolution reads or writes the space.
        block_family: Spaces of one family may also exchange whole blocks, all of them in the same way; None where
            blocks must stay in place.
    """

    size: int
    values: tuple[int, ...]
    is_fixed: bool
    blocks: tuple[int, ...]
    block_family: int | None = None


@dataclasses.dataclass(frozen=True)
class SymmetrySpaces:
    """The spaces of an architecture.

    Example:
        A residual perceptron 2-3-3-1 whose second layer is added to its first has three spaces::

            value   0      1 ── relu ── 2      3      4
            layer     Linear              Linear Linear     (skip 2 → 3 ties values 2 and 3)
            space   0      1            1      1      2

    Attributes:
        of_value: Space of every value of the forward pass (value 0 is the input, value k the output of layer k − 1).
        positions: Neurons that one channel of the space stands for in each value; above 1 only after Flatten.
        spaces: The spaces, in the order in which the forward pass meets them.
    """

    of_value: tuple[int, ...]
    positions: tuple[int, ...]
    spaces: tuple[Space, ...]


@dataclasses.dataclass(frozen=True)
class Permutation:
    """One permutation per network of a stack and per space of its architecture.

    Attributes:
        orders: For each space (networks, size): entry i is the old index of the neuron that moves to index i.
    """

    orders: tuple[Int[Tensor, "networks _"], ...]

    def __len__(self) -> int:
        return self.orders[0].shape[0]

    def inverse(self) -> "Permutation":
        """The permutation that moves every neuron back."""
        return Permutation(tuple(order.argsort(dim=1) for order in self.orders))


@lru_cache(maxsize=256)
def symmetry_spaces(architecture: Architecture) -> SymmetrySpaces:
    """Find which neurons of an architecture must be permuted together.

    Linear and Conv2d open a new space; activations, norms, pooling, Flatten and depthwise convolutions keep the one
    they read; a skip merges the spaces of its ends. Where a skip joins values that Flatten has laid out differently,
    both spaces are fixed.
    """
    of_value, positions = _spaces_along_the_chain(architecture)
    fixed_values = {0, len(of_value) - 1}
    for skip in architecture.skips:
        if positions[skip.source] == positions[skip.target]:
            kept, merged = of_value[skip.source], of_value[skip.target]
            of_value = [kept if space == merged else space for space in of_value]
        else:
            fixed_values |= {skip.source, skip.target}
    numbers = {space: number for number, space in enumerate(dict.fromkeys(of_value))}
    of_value = [numbers[space] for space in of_value]
    groups, families = _grouped_spaces(architecture, of_value)
    spaces = []
    for number in range(len(numbers)):
        values = tuple(k for k, space in enumerate(of_value) if space == number)
        size = architecture.shapes[values[0]][0] // positions[values[0]]
        blocks = _common_blocks(size, groups.get(number, {1}))
        spaces.append(Space(size, values, not fixed_values.isdisjoint(values), blocks, families.get(number)))
    return SymmetrySpaces(tuple(of_value), tuple(positions), _without_pinned_families(spaces, groups))


def _spaces_along_the_chain(architecture: Architecture) -> tuple[list[int], list[int]]:
    """Space and positions of every value, skips left aside."""
    of_value, positions = [0], [1]
    for layer, shape in zip(architecture.layers, architecture.shapes, strict=False):
        of_value.append(of_value[-1] + (0 if _keeps_space(layer) else 1))
        expansion = math.prod(shape[1:]) if isinstance(layer, Flatten) else 1
        positions.append(positions[-1] * expansion if _keeps_space(layer) else 1)
    return of_value, positions


def _keeps_space(layer: Layer) -> bool:
    is_depthwise = isinstance(layer, Conv2d) and 1 < layer.groups == layer.in_channels == layer.out_channels
    return is_depthwise or not isinstance(layer, Linear | Conv2d)


def _grouped_spaces(architecture: Architecture, of_value: Sequence[int]) -> tuple[dict[int, set[int]], dict[int, int]]:
    """The group counts that grouped convolutions impose on spaces, and which spaces they couple to one family."""
    groups: dict[int, set[int]] = {}
    families: dict[int, int] = {}
    for i, layer in enumerate(architecture.layers):
        if isinstance(layer, Conv2d) and layer.groups > 1 and not _keeps_space(layer):
            ends = (of_value[i], of_value[i + 1])
            joined = {families.get(space, space) for space in ends}
            families |= {space: min(joined) for space in (*families, *ends) if families.get(space, space) in joined}
            for space in ends:
                groups.setdefault(space, set()).add(layer.groups)
    return groups, families


def _common_blocks(size: int, groups: set[int]) -> tuple[int, ...]:
    """Sizes of the blocks that no group boundary cuts."""
    cuts = sorted({size * j // count for count in groups for j in range(count + 1)})
    return tuple(end - start for start, end in itertools.pairwise(cuts))


def _without_pinned_families(spaces: Sequence[Space], groups: Mapping[int, set[int]]) -> tuple[Space, ...]:
    """Keep a family only where all its spaces are free and cut into the same number of groups."""
    pinned = {
        space.block_family for number, space in enumerate(spaces) if space.is_fixed or len(groups.get(number, {1})) > 1
    }
    return tuple(dataclasses.replace(s, block_family=None) if s.block_family in pinned else s for s in spaces)


def draw_permutation(network: Network, generator: torch.Generator) -> Permutation:
    """Draw one independent permutation per network of the stack and per space; fixed spaces keep their order.

    Args:
        network: N networks.
        generator: Source of randomness, on the CPU.
    """
    block_ranks: dict[int, Tensor] = {}
    orders = []
    for space in symmetry_spaces(network.architecture).spaces:
        if space.is_fixed:
            order = torch.arange(space.size).expand(len(network), -1)
        else:
            ranks = torch.arange(len(space.blocks)).expand(len(network), -1)
            if space.block_family is not None:
                drawn = torch.rand(ranks.shape, generator=generator, dtype=torch.float64).argsort(dim=1)
                ranks = block_ranks.setdefault(space.block_family, drawn)
            rank_of_neuron = ranks.repeat_interleave(torch.tensor(space.blocks), dim=1)
            keys = torch.rand(rank_of_neuron.shape, generator=generator, dtype=torch.float64)
            order = (rank_of_neuron + keys).argsort(dim=1)
        orders.append(order.to(network.device))
    return Permutation(tuple(orders))


def node_permutations(architecture: Architecture, permutation: Permutation) -> dict[int, Int[Tensor, "networks _"]]:
    """The order that a permutation gives to the neurons of every value.

    Returns:
        By value index, (networks, neurons): entry i is the old place of the neuron (the channel, for a map) that moves
        to place i. After Flatten every position of a channel moves with it.

    Raises:
        ShapeMismatchError: If the permutation belongs to another architecture.
    """
    spaces = symmetry_spaces(architecture)
    sizes = [order.shape[1] for order in permutation.orders]
    if sizes != [space.size for space in spaces.spaces]:
        raise ShapeMismatchError(
            f"Expected a permutation of spaces of sizes {[space.size for space in spaces.spaces]}, got {sizes}."
        )
    nodes = {}
    for k, (space, positions) in enumerate(zip(spaces.of_value, spaces.positions, strict=True)):
        order = permutation.orders[space]
        within = torch.arange(positions, device=order.device)
        nodes[k] = (order[:, :, None] * positions + within).flatten(1)  # networks, channels · positions
    return nodes


def permute_hidden(network: Network, permutation: Permutation) -> Network:
    """Relabel the hidden neurons; the function that the network computes stays the same.

    Raises:
        ShapeMismatchError: If the permutation is for another architecture or another number of networks, or moves
            channels out of the groups of a grouped convolution.
    """
    if len(permutation) != len(network):
        raise ShapeMismatchError(f"Expected permutations of {len(network)} networks, got {len(permutation)}.")
    orders = node_permutations(network.architecture, permutation)
    stack = torch.arange(len(network), device=network.device)[:, None]
    parameters = {}
    for i, layer in enumerate(network.architecture.layers):
        before, after = orders[i].to(network.device), orders[i + 1].to(network.device)
        for name in layer.parameter_shapes():
            tensor = network.parameters[f"{i}.{name}"]
            if isinstance(layer, Linear | Conv2d) and name == "weight":
                parameters[f"{i}.{name}"] = _permute_weight(layer, tensor, before, after)
            else:
                parameters[f"{i}.{name}"] = tensor[stack, after]
    return Network(network.architecture, parameters)


def _permute_weight(layer: Linear | Conv2d, weight: Tensor, before: Tensor, after: Tensor) -> Tensor:
    """new_weight[o, j] = weight[after(o), before(input j of o) − first input of the old group of o]."""
    index = _input_index(layer).to(weight.device)  # outputs, inputs of a group
    num_outputs, group_inputs = index.shape
    group_outputs = num_outputs // (layer.groups if isinstance(layer, Conv2d) else 1)
    old_inputs = before[:, index] - (after // group_outputs * group_inputs)[:, :, None]
    if group_outputs < num_outputs and ((old_inputs < 0) | (old_inputs >= group_inputs)).any():
        raise ShapeMismatchError(f"Expected a permutation that keeps the groups of {layer} together.")
    stack = torch.arange(weight.shape[0], device=weight.device)
    return weight[stack[:, None, None], after[:, :, None], old_inputs]


def _input_index(layer: Linear | Conv2d) -> Int[Tensor, "outputs inputs"]:
    """Which neuron of the value before it each column of the weight reads."""
    if isinstance(layer, Linear):
        return torch.arange(layer.in_features).expand(layer.out_features, -1)
    group_inputs = layer.in_channels // layer.groups
    group = torch.arange(layer.out_channels) // (layer.out_channels // layer.groups)
    return group[:, None] * group_inputs + torch.arange(group_inputs)


def sign_spaces(architecture: Architecture) -> tuple[int, ...]:
    """Spaces whose neurons may be negated: free, only odd activations (sine, tanh, none), no norms."""
    return _spaces_with(architecture, ODD_FUNCTIONS)


def scale_spaces(architecture: Architecture) -> tuple[int, ...]:
    """Spaces whose neurons may be rescaled: free, only homogeneous activations (relu, leaky_relu, none), no norms."""
    return _spaces_with(architecture, HOMOGENEOUS_FUNCTIONS)


def _spaces_with(architecture: Architecture, functions: Sequence[ActivationKind]) -> tuple[int, ...]:
    spaces = symmetry_spaces(architecture)
    excluded = {
        spaces.of_value[i + 1]
        for i, layer in enumerate(architecture.layers)
        if isinstance(layer, BatchNorm | LayerNorm)
        or (isinstance(layer, Activation) and layer.function not in functions)
    }
    return tuple(i for i, space in enumerate(spaces.spaces) if not space.is_fixed and i not in excluded)


def flip_signs(network: Network, signs: torch.Generator | Mapping[int, Float[Tensor, "networks _"]]) -> Network:
    """Negate hidden neurons: their incoming weights, biases and outgoing weights; the function stays the same.

    Args:
        network: N networks.
        signs: By number of the space, (networks, size) of +1 and −1; or a generator that draws them for all of
            `sign_spaces(network.architecture)`.

    Raises:
        ArchitectureError: If a space does not allow it.
        ShapeMismatchError: If signs do not fit their space.
    """
    free = sign_spaces(network.architecture)
    if isinstance(signs, torch.Generator):
        signs = {i: 2.0 * torch.randint(2, size, generator=signs) - 1.0 for i, size in _sizes(network, free)}
    if any((sign.abs() != 1).any() for sign in signs.values()):
        raise ShapeMismatchError("Expected signs of +1 and -1, got other numbers.")
    return _multiply_spaces(network, signs, free, "flips signs in spaces")


def rescale(network: Network, scales: torch.Generator | Mapping[int, Float[Tensor, "networks _"]]) -> Network:
    """Multiply hidden neurons by positive scales and divide their outgoing weights; the function stays the same.

    Args:
        network: N networks.
        scales: By number of the space, (networks, size) of positive numbers; or a generator that draws them
            log-uniformly between 1/2 and 2 for all of `scale_spaces(network.architecture)`.

    Raises:
        ArchitectureError: If a space does not allow it.
        ShapeMismatchError: If scales do not fit their space.
    """
    free = scale_spaces(network.architecture)
    if isinstance(scales, torch.Generator):
        scales = {
            i: torch.exp2(2 * torch.rand(size, generator=scales, dtype=torch.float64) - 1)
            for i, size in _sizes(network, free)
        }
    if any((scale <= 0).any() for scale in scales.values()):
        raise ShapeMismatchError("Expected positive scales, got zero or negative numbers.")
    return _multiply_spaces(network, scales, free, "rescales spaces")


def _sizes(network: Network, free: Sequence[int]) -> list[tuple[int, tuple[int, int]]]:
    spaces = symmetry_spaces(network.architecture).spaces
    return [(i, (len(network), spaces[i].size)) for i in free]


def _multiply_spaces(network: Network, factors: Mapping[int, Tensor], free: Sequence[int], what: str) -> Network:
    """Multiply the values of every space by its factors (networks, size), through the weights before and after."""
    architecture = network.architecture
    if not set(factors) <= set(free):
        raise ArchitectureError(f"Expected a symmetry that {what} {list(free)}, got {sorted(factors)}.")
    spaces = symmetry_spaces(architecture)
    for i, size in _sizes(network, sorted(factors)):
        if tuple(factors[i].shape) != size:
            raise ShapeMismatchError(f"Expected factors of shape {size} in space {i}, got {tuple(factors[i].shape)}.")
    filled = [factors.get(i, torch.ones(len(network), space.size)) for i, space in enumerate(spaces.spaces)]
    by_value = [
        filled[space].to(network.device, network.dtype).repeat_interleave(positions, dim=1)
        for space, positions in zip(spaces.of_value, spaces.positions, strict=True)
    ]
    parameters = dict(network.parameters)
    for i, layer in architecture.weight_layers.items():
        index = _input_index(layer).to(network.device)
        ratio = by_value[i + 1][:, :, None] / by_value[i][:, index]  # networks, outputs, inputs of a group
        weight = parameters[f"{i}.weight"]
        parameters[f"{i}.weight"] = weight * ratio.view(*ratio.shape, *(1,) * (weight.dim() - 3))
        if layer.bias:
            parameters[f"{i}.bias"] = parameters[f"{i}.bias"] * by_value[i + 1]
    return Network(architecture, parameters)
