"""Aligning the hidden neurons of one network with those of another, and mixing two networks."""

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ngcore.errors import ShapeMismatchError
from ngcore.networks.architecture import Architecture
from ngcore.networks.labels import Indices, parameter_axes
from ngcore.networks.network import Network
from ngcore.networks.rescaling import flip_signs, sign_spaces
from ngcore.networks.spaces import Space, symmetry_spaces
from ngcore.networks.symmetry import Permutation, permute_hidden

MAX_SWEEPS = 100


def align(network: Network, reference: Network) -> Network:
    """The same function with hidden neurons permuted, and negated where allowed, to be close to a reference.

    Weight matching (Git Re-Basin, Ainsworth et al. 2023, Sec. 3.2): layer by layer the assignment of neurons that
    moves the parameters closest to the reference, the other layers fixed, until no assignment changes. A local optimum:
    the distance never grows. Heads, and groups that move as wholes, are assigned by their best match within.

    Args:
        network: N networks.
        reference: N networks of the same architecture, or one for all.

    Raises:
        ShapeMismatchError: If architectures or numbers of networks do not match.
    """
    if network.architecture != reference.architecture or len(reference) not in (1, len(network)):
        raise ShapeMismatchError(
            f"Expected a reference of {network.architecture.name}, one network or {len(network)}, "
            f"got {len(reference)} of {reference.architecture.name}."
        )
    pairs = ((network[i], reference[i % len(reference)]) for i in range(len(network)))
    return Network.cat([_align_one(*pair) for pair in pairs])


def mix(first: Network, second: Network, share: float | Float[Tensor, " networks"]) -> Network:
    """Networks whose parameters lie on the line between two, (1 − share) first + share second.

    Args:
        first: N networks, or one for all shares.
        second: As many, of the same architecture.
        share: One number, or one for each network.
    """
    share = torch.as_tensor(share, dtype=first.dtype, device=first.device)

    def between(start: Tensor, end: Tensor) -> Tensor:
        return torch.lerp(start, end, share.view(-1, *(1,) * (start.dim() - 1)))

    return Network(
        first.architecture,
        {name: between(tensor, second.parameters[name].to(tensor)) for name, tensor in first.parameters.items()},
    )


def _align_one(network: Network, reference: Network) -> Network:
    """Align one network with one reference: the better of two local optima, from the order given and from a guess.

    The guess goes forward once and looks at incoming parameters alone, which is exact for copies in another order.
    """
    guess = network
    for numbers in _free_spaces(network.architecture):
        guess = _reassign(guess, reference, numbers, incoming_only=True)
    found = [_settle(start, reference) for start in (network, guess)]
    return min(found, key=lambda aligned: _distance(aligned, reference))


def _settle(network: Network, reference: Network) -> Network:
    """Reassign the neurons of one space after the other until none moves."""
    for _ in range(MAX_SWEEPS):
        before = network
        for numbers in _free_spaces(network.architecture):
            moved = _reassign(network, reference, numbers)
            if _has_inner_weights(network.architecture, numbers):  # the match is an estimate there
                moved = min(network, moved, key=lambda found: _distance(found, reference))
            network = moved
        if network is before:
            break
    return network


def _distance(network: Network, reference: Network) -> float:
    return float((network.flatten() - reference.flatten()).norm())


@lru_cache(maxsize=64)
def _free_spaces(architecture: Architecture) -> tuple[tuple[int, ...], ...]:
    """Numbers of the spaces that can be permuted, those of one family together."""
    families: dict[tuple[str, int], list[int]] = {}
    for number, space in enumerate(symmetry_spaces(architecture).spaces):
        if not space.is_fixed and space.size > 1:
            key = ("alone", number) if space.family is None else ("family", space.family)
            families.setdefault(key, []).append(number)
    return tuple(map(tuple, families.values()))


@lru_cache(maxsize=1024)
def _has_inner_weights(architecture: Architecture, numbers: tuple[int, ...]) -> bool:
    """Whether some weight joins neurons of these spaces with each other."""
    return any(len(set(places)) > 1 for places in _places(architecture, numbers).values())


@lru_cache(maxsize=1024)
def _places(architecture: Architecture, numbers: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    """For each parameter with neurons of these spaces the axes on which they are."""
    found = symmetry_spaces(architecture)
    places: dict[str, list[int]] = {}
    for name, made, step, _, axes in parameter_axes(architecture):
        for place, axis in enumerate(axes):
            if axis is not None:
                along = found.of_label[found.labels.along(step.reads, made, axis)]
                if np.isin(along, numbers).any():
                    places.setdefault(name, []).append(place)
    return {name: tuple(axes) for name, axes in places.items()}


def _reassign(
    network: Network, reference: Network, numbers: tuple[int, ...], *, incoming_only: bool = False
) -> Network:
    """The network with the neurons of some spaces where they are nearest; itself where they are already."""
    spaces = symmetry_spaces(network.architecture).spaces
    gains = {}
    for number in numbers:
        wanted, own = (
            torch.cat(list(_neuron_features(n, number, incoming_only=incoming_only)), dim=1).double().cpu()
            for n in (reference, network)
        )
        gains[number] = wanted @ own.mT
    blocks = _best_blocks(gains, [spaces[number] for number in numbers])
    orders = [torch.arange(space.size)[None] for space in spaces]
    signs = {}
    for number in numbers:
        order, sign = _best_order(gains[number], spaces[number], blocks, may_flip=_may_flip(network, number))
        orders[number] = order[None]
        if (sign < 0).any():
            signs[number] = sign[None].to(network.dtype)
    if not signs and all(bool((order == torch.arange(order.shape[1])).all()) for order in orders):
        return network
    moved = permute_hidden(network, Permutation(tuple(orders)))
    return flip_signs(moved, signs) if signs else moved


def _may_flip(network: Network, number: int) -> bool:
    return number in sign_spaces(network.architecture)


def _best_blocks(similarities: dict[int, Tensor], spaces: list[Space]) -> list[int] | None:
    """For each block of a family the block to put there, by the best matches within; None where blocks stay."""
    count = len(spaces[0].blocks)
    if spaces[0].family is None or count == 1:
        return None
    totals = torch.zeros(count, count, dtype=torch.float64)
    for similarity, space in zip(similarities.values(), spaces, strict=True):
        size = space.blocks[0]
        parts = similarity.unflatten(0, (count, size)).unflatten(2, (count, size)).transpose(1, 2)
        for i in range(count):
            for j in range(count):
                rows, columns = _assignment(parts[i, j])
                totals[i, j] += parts[i, j][rows, columns].sum()
    order = _assignment(totals)[1]
    is_better = totals[torch.arange(count), order].sum() > totals.diagonal().sum() + 1e-9 * totals.abs().max() * count
    return order.tolist() if is_better else list(range(count))


def _best_order(similarity: Tensor, space: Space, blocks: list[int] | None, *, may_flip: bool) -> tuple[Tensor, Tensor]:
    """For each neuron of a space of the reference the neuron of the network to put there, and its sign.

    The present assignment is kept unless another one is truly better.
    """
    gain = similarity.abs() if may_flip else similarity
    starts = np.cumsum([0, *space.blocks])
    order = torch.arange(space.size)
    for target, size in enumerate(space.blocks):
        source = blocks[target] if blocks else target
        rows = slice(int(starts[target]), int(starts[target]) + size)
        columns = slice(int(starts[source]), int(starts[source]) + size)
        order[rows] = _assignment(gain[rows, columns])[1] + columns.start
    rows_of_all = torch.arange(space.size)
    is_moved = blocks is not None and blocks != sorted(blocks)
    kept = similarity.diagonal().sum()
    if not is_moved and gain[rows_of_all, order].sum() <= kept + 1e-9 * similarity.abs().max() * space.size:
        return rows_of_all, torch.ones(space.size)
    negative = (similarity[rows_of_all, order] < 0) & may_flip
    return order, 1.0 - 2.0 * negative


def _assignment(gain: Tensor) -> tuple[Tensor, Tensor]:
    from scipy.optimize import linear_sum_assignment  # takes long to import

    rows, columns = linear_sum_assignment(gain.numpy(), maximize=True)
    return torch.from_numpy(rows), torch.from_numpy(columns)


def _neuron_features(network: Network, number: int, *, incoming_only: bool) -> Iterator[Float[Tensor, "neurons _"]]:
    """The parameters that belong to each neuron of a space: incoming weights, biases, norms, and outgoing weights."""
    found = symmetry_spaces(network.architecture)
    own = found.spaces[number].labels
    for name, made, step, _, axes in parameter_axes(network.architecture):
        for place, axis in enumerate(axes):
            if axis is None or axis.groups > 1 or (incoming_only and axis.end == "in"):
                continue
            index = _index_of(found.labels.along(step.reads, made, axis), own)
            if index is not None:
                tensor = network.parameters[name][0].movedim(place, 0)
                yield tensor[torch.from_numpy(index)].flatten(1)


def _index_of(along: Indices, own: Indices) -> Indices | None:
    """(neurons, times): the places of each neuron of a space along an axis; None where there are none."""
    order = np.argsort(along, kind="stable")
    first = np.searchsorted(along[order], own)
    times = np.searchsorted(along[order], own[:1], side="right") - first[:1]
    if not times[0]:
        return None
    return order[first[:, None] + np.arange(times[0])]
