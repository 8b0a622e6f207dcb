"""Shuffling the hidden neurons of a network, and measuring that what it computes stays the same."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ngcore.networks import Attend, Network, Permutation, draw_permutation, permute_hidden, symmetry_spaces
from ngcore.networks.spaces import Space
from ngcore.testing import Drift, invariance_drift


@dataclass(frozen=True)
class Shuffled:
    """A network with its hidden neurons and its heads in another order.

    Attributes:
        network: The shuffled network, a stack of one.
        permutation: The order that was drawn.
        moved: How many hidden neurons stand elsewhere.
        hidden: How many hidden neurons may move.
        moved_heads: How many heads of attention stand elsewhere.
        heads: How many heads of attention there are, those of keys where several queries share them.
        largest_change: The largest change of a single parameter.
        drift: How far the outputs for the same inputs differ.
    """

    network: Network
    permutation: Permutation
    moved: int
    hidden: int
    moved_heads: int
    heads: int
    largest_change: float
    drift: Drift


def shuffle(network: Network, inputs: Sequence[Tensor], *, seed: int) -> Shuffled:
    """Draw an order of the hidden neurons and compare the network before and after.

    Args:
        network: A stack of one.
        inputs: For each input of the network (batch, *input shape); the outputs for them are compared.
        seed: Which order is drawn.
    """
    permutation = draw_permutation(network, torch.Generator().manual_seed(seed))
    shuffled = permute_hidden(network, permutation)
    spaces = symmetry_spaces(network.architecture).spaces
    free = [order for order, space in zip(permutation.orders, spaces, strict=True) if not space.is_fixed]
    heads = list(_heads(network, permutation))
    return Shuffled(
        network=shuffled,
        permutation=permutation,
        moved=sum(int((order[0] != torch.arange(order.shape[1])).sum()) for order in free),
        hidden=sum(order.shape[1] for order in free),
        moved_heads=sum(moved for moved, _ in heads),
        heads=sum(count for _, count in heads),
        largest_change=float((shuffled.flatten() - network.flatten()).abs().max()),
        drift=invariance_drift(lambda stack: outputs(stack, inputs), network, num_permutations=1, seed=seed),
    )


def outputs(network: Network, inputs: Sequence[Tensor]) -> Tensor:
    """All outputs of a network in one tensor (networks, numbers), for inputs with channels first."""
    values = network.values(*inputs)
    return torch.cat([values[i].flatten(1) for i in network.architecture.outputs], dim=1)


def _heads(network: Network, permutation: Permutation) -> Iterator[tuple[int, int]]:
    """For each attention how many of its heads move, and how many there are; layers whose heads move alike count once.

    A head is followed by its values; its queries and keys move with it.
    """
    architecture = network.architecture
    found = symmetry_spaces(architecture)
    seen: set[int] = set()
    for step in architecture.steps:
        if not isinstance(step.layer, Attend):
            continue
        number = int(found.of_channels(step.reads[2])[0])
        space = found.spaces[number]
        if space.family is not None and space.family in seen:
            continue
        seen |= {space.family} if space.family is not None else set()
        yield _moved_blocks(space, permutation.orders[number][0], step.layer.kv_heads), step.layer.kv_heads


def _moved_blocks(space: Space, order: Tensor, heads: int) -> int:
    """How many whole blocks of a space stand elsewhere."""
    if space.is_fixed or space.family is None or len(space.blocks) != heads:
        return 0
    first = order.reshape(heads, -1)[:, 0] // (space.size // heads)
    return int((first != torch.arange(heads)).sum())


def model_drift(model: Callable[[Network], Tensor], network: Network, *, seed: int) -> Drift:
    """How far what a model says of a network changes by the shuffle of the same seed."""
    return invariance_drift(model, network, num_permutations=1, seed=seed)
