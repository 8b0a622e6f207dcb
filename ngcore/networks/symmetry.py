"""Permutations of hidden neurons, and of whole heads and groups, that leave the function of a network as it is."""

import dataclasses

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from ngcore.errors import ShapeMismatchError
from ngcore.networks.architecture import Architecture
from ngcore.networks.labels import parameter_axes
from ngcore.networks.layers import Axis
from ngcore.networks.network import Network
from ngcore.networks.spaces import draw_orders, order_along, sources_of, symmetry_spaces


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


def draw_permutation(network: Network, generator: torch.Generator) -> Permutation:
    """Draw one independent permutation per network of the stack and per space; fixed spaces keep their order.

    Args:
        network: N networks.
        generator: Source of randomness, on the CPU.
    """
    orders = draw_orders(symmetry_spaces(network.architecture), len(network), generator)
    return Permutation(tuple(order.to(network.device) for order in orders))


class Orders:
    """The orders that a permutation gives to the neurons along every axis of every value."""

    def __init__(self, architecture: Architecture, permutation: Permutation) -> None:
        self.architecture, self.found = architecture, symmetry_spaces(architecture)
        sizes = [order.shape[1] for order in permutation.orders]
        if sizes != [space.size for space in self.found.spaces]:
            raise ShapeMismatchError(
                f"Expected a permutation of spaces of sizes {[space.size for space in self.found.spaces]}, got {sizes}."
            )
        self.sources = sources_of(self.found, list(permutation.orders)).numpy()
        self._known: dict[tuple[int, int], Tensor] = {}

    def of(self, value: int, axis: int = 0) -> Int[Tensor, "networks _"]:
        """(networks, entries): entry i is the old place of what moves to place i."""
        if (value, axis) not in self._known:
            own = self.found.labels.of_value[value][axis]
            self._known[value, axis] = torch.from_numpy(np.stack([order_along(own, source) for source in self.sources]))
        return self._known[value, axis]

    def along(self, reads: tuple[int, ...], made: int, axis: Axis) -> Int[Tensor, "networks _"]:
        """The order along an axis of a parameter; that of the whole value where the axis holds one group."""
        order = self.of(made if axis.end == "out" else reads[0], axis.of_value)
        size = order.shape[1]
        return torch.cat([order + size * i for i in range(axis.repeats)], dim=1)


def node_permutations(architecture: Architecture, permutation: Permutation) -> dict[int, Int[Tensor, "networks _"]]:
    """The order that a permutation gives to the neurons of every value.

    Returns:
        By value index, (networks, neurons): entry i is the old place of the neuron (the channel, for a map) that moves
        to place i. After Flatten every position of a channel moves with it.

    Raises:
        ShapeMismatchError: If the permutation belongs to another architecture.
    """
    orders = Orders(architecture, permutation)
    return {value: orders.of(value) for value in range(len(architecture.shapes))}


def permute_hidden(network: Network, permutation: Permutation) -> Network:
    """Relabel the hidden neurons; the function that the network computes stays the same.

    Raises:
        ShapeMismatchError: If the permutation is for another architecture or another number of networks, or moves
            channels out of the groups of a layer that keeps them together.
    """
    if len(permutation) != len(network):
        raise ShapeMismatchError(f"Expected permutations of {len(network)} networks, got {len(permutation)}.")
    orders = Orders(network.architecture, permutation)
    parameters = dict(network.parameters)
    for name, made, step, groups, axes in parameter_axes(network.architecture):
        tensor = parameters[name]
        whole = {i: orders.along(step.reads, made, axis) for i, axis in enumerate(axes) if axis is not None}
        if any(axis is not None and axis.groups > 1 for axis in axes):
            parameters[name] = _permute_grouped(tensor, whole[0], whole[1], groups, name)
            continue
        for place, order in whole.items():
            tensor = _taken(tensor, order.to(tensor.device), place + 1)
        parameters[name] = tensor
    return network.having(parameters)


def _taken(tensor: Tensor, order: Tensor, dim: int) -> Tensor:
    """Entries of each network's tensor along an axis in another order."""
    if len(order) == 1:
        return tensor.index_select(dim, order[0])
    shape = [1] * tensor.dim()
    shape[0], shape[dim] = order.shape
    return torch.take_along_dim(tensor, order.view(shape), dim=dim)


def _permute_grouped(weight: Tensor, rows: Tensor, columns: Tensor, groups: int, name: str) -> Tensor:
    """new[o, j] = old[rows(o), columns(j of the group of o) − first of the old group of o]."""
    num_rows, own = weight.shape[1], weight.shape[2]
    per_group = num_rows // groups
    index = (torch.arange(num_rows) // per_group)[:, None] * own + torch.arange(own)  # rows, entries of a group
    old = columns[:, index] - (rows // per_group * own)[:, :, None]
    if ((old < 0) | (old >= own)).any():
        raise ShapeMismatchError(f"Expected a permutation that keeps the groups of {name!r} together.")
    stack = torch.arange(weight.shape[0])[:, None, None]
    return weight[stack.to(weight.device), rows[:, :, None].to(weight.device), old.to(weight.device)]
