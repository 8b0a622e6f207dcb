"""Shuffling the hidden neurons of a network, and measuring that what it computes stays the same."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ngcore.networks import Network, draw_permutation, permute_hidden, symmetry_spaces
from ngcore.testing import Drift, invariance_drift


@dataclass(frozen=True)
class Shuffled:
    """A network with its hidden neurons in another order.

    Attributes:
        network: The shuffled network, a stack of one.
        moved: How many hidden neurons stand elsewhere.
        hidden: How many hidden neurons may move.
        largest_change: The largest change of a single parameter.
        drift: How far the outputs for the same inputs differ.
    """

    network: Network
    moved: int
    hidden: int
    largest_change: float
    drift: Drift


def shuffle(network: Network, inputs: Tensor, *, seed: int) -> Shuffled:
    """Draw an order of the hidden neurons and compare the network before and after.

    Args:
        network: A stack of one.
        inputs: (batch, *input shape) for which the outputs are compared.
        seed: Which order is drawn.
    """
    permutation = draw_permutation(network, torch.Generator().manual_seed(seed))
    shuffled = permute_hidden(network, permutation)
    spaces = symmetry_spaces(network.architecture).spaces
    free = [order for order, space in zip(permutation.orders, spaces, strict=True) if not space.is_fixed]
    moved = sum(int((order[0] != torch.arange(order.shape[1])).sum()) for order in free)
    return Shuffled(
        network=shuffled,
        moved=moved,
        hidden=sum(order.shape[1] for order in free),
        largest_change=float((shuffled.flatten() - network.flatten()).abs().max()),
        drift=invariance_drift(lambda stack: stack(inputs), network, num_permutations=1, seed=seed),
    )


def model_drift(model: Callable[[Network], Tensor], network: Network, *, seed: int) -> Drift:
    """How far what a model says of a network changes by the shuffle of the same seed."""
    return invariance_drift(model, network, num_permutations=1, seed=seed)
