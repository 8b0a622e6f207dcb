"""Aligning the hidden neurons of one network with those of another, and mixing two networks."""

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from ngcore.errors import ShapeMismatchError
from ngcore.networks.architecture import Conv2d, Linear
from ngcore.networks.network import Network
from ngcore.networks.symmetry import Permutation, flip_signs, permute_hidden, sign_spaces, symmetry_spaces

MAX_SWEEPS = 100


def align(network: Network, reference: Network) -> Network:
    """The same function with hidden neurons permuted, and negated where allowed, to be close to a reference.

    Weight matching (Git Re-Basin, Ainsworth et al. 2023, Sec. 3.2): layer by layer the assignment of neurons that
    moves the parameters closest to the reference, the other layers fixed, until no assignment changes. A local optimum:
    the distance never grows. Spaces that grouped convolutions cut into blocks keep their order.

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
    for number in _free_spaces(network):
        guess = _reassign(guess, reference, number, incoming_only=True)
    found = [_settle(start, reference) for start in (network, guess)]
    return min(found, key=lambda aligned: float((aligned.flatten() - reference.flatten()).norm()))


def _settle(network: Network, reference: Network) -> Network:
    """Reassign the neurons of one space after the other until none moves."""
    for _ in range(MAX_SWEEPS):
        before = network
        for number in _free_spaces(network):
            network = _reassign(network, reference, number)
        if network is before:
            break
    return network


def _free_spaces(network: Network) -> list[int]:
    spaces = symmetry_spaces(network.architecture).spaces
    return [i for i, space in enumerate(spaces) if not space.is_fixed and len(space.blocks) == 1]


def _reassign(network: Network, reference: Network, number: int, *, incoming_only: bool = False) -> Network:
    """The network with the neurons of one space where they are nearest; itself where they are already."""
    order, signs = _best_assignment(network, reference, number, incoming_only=incoming_only)
    if (order == torch.arange(len(order))).all() and (signs > 0).all():
        return network
    orders = [torch.arange(space.size)[None] for space in symmetry_spaces(network.architecture).spaces]
    orders[number] = order[None]
    moved = permute_hidden(network, Permutation(tuple(orders)))
    return flip_signs(moved, {number: signs[None].to(network.dtype)}) if (signs < 0).any() else moved


def _best_assignment(
    network: Network, reference: Network, number: int, *, incoming_only: bool
) -> tuple[Tensor, Tensor]:
    """For each neuron of a space of the reference the neuron of the network to put there, and its sign.

    The present assignment is kept unless another one is truly better.
    """
    from scipy.optimize import linear_sum_assignment  # takes long to import

    wanted, own = (
        torch.cat(list(_neuron_features(n, number, incoming_only=incoming_only)), dim=1).double().cpu()
        for n in (reference, network)
    )
    similarity = wanted @ own.mT
    gain = similarity.abs() if number in sign_spaces(network.architecture) else similarity
    order = torch.from_numpy(linear_sum_assignment(gain.numpy(), maximize=True)[1])
    rows = torch.arange(len(order))
    if gain[rows, order].sum() <= similarity.diagonal().sum() + 1e-9 * similarity.abs().max() * len(order):
        return rows, torch.ones(len(order))
    negative = (similarity[rows, order] < 0) & (number in sign_spaces(network.architecture))
    return order, 1.0 - 2.0 * negative


def _neuron_features(network: Network, number: int, *, incoming_only: bool) -> Iterator[Float[Tensor, "neurons _"]]:
    """The parameters that belong to each neuron of a space: incoming weights, biases, norms, and outgoing weights."""
    spaces = symmetry_spaces(network.architecture)
    size = spaces.spaces[number].size
    for position, layer in enumerate(network.architecture.layers):
        into, out_of = spaces.of_value[position + 1] == number, spaces.of_value[position] == number
        for name in layer.parameter_shapes():
            tensor = network.parameters[f"{position}.{name}"][0]
            if into:
                yield tensor.reshape(size, -1)
            if (
                not incoming_only
                and out_of
                and name == "weight"
                and isinstance(layer, Linear | Conv2d)
                and not _is_grouped(layer)
            ):
                yield tensor.transpose(0, 1).reshape(size, -1)


def _is_grouped(layer: Linear | Conv2d) -> bool:
    return isinstance(layer, Conv2d) and layer.groups > 1
