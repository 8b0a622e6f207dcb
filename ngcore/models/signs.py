"""A canonical sign for every neuron whose activation is odd."""

from collections.abc import Iterator

import torch
from torch import Tensor

from ngcore.networks import Network, flip_signs, sign_spaces, symmetry_spaces


def canonical_signs(network: Network) -> Network:
    """The same functions with every free neuron of an odd activation negated where its bias is negative.

    In a layer of sines or tanhs, negating a neuron's incoming weights, bias and outgoing weights changes nothing
    (ScaleGMN, Kalogeropoulos et al. 2024); of the two, this takes the one with the bias that is not negative.
    """
    spaces = symmetry_spaces(network.architecture).spaces
    signs = {}
    for number in sign_spaces(network.architecture):
        biases = list(_biases(network, spaces[number].values))
        if biases:
            signs[number] = torch.where(sum(biases[1:], biases[0]) < 0, -1.0, 1.0).to(network.dtype)
    return flip_signs(network, signs)


def _biases(network: Network, values: tuple[int, ...]) -> Iterator[Tensor]:
    for value in values:
        if value - 1 in network.architecture.weight_layers and f"{value - 1}.bias" in network.parameters:
            yield network.parameters[f"{value - 1}.bias"].detach()
