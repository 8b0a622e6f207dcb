"""A canonical sign for every neuron whose activation is odd."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from ngcore.networks import Convolution, Linear, Network, flip_signs, sign_spaces, symmetry_spaces
from ngcore.networks.labels import Indices


def canonical_signs(network: Network) -> Network:
    """The same functions with every free neuron of an odd activation negated where its bias is negative.

    In a layer of sines or tanhs, negating a neuron's incoming weights, bias and outgoing weights changes nothing
    (ScaleGMN, Kalogeropoulos et al. 2024); of the two, this takes the one with the bias that is not negative.
    """
    found = symmetry_spaces(network.architecture)
    signs = {}
    for number in sign_spaces(network.architecture):
        biases = list(_biases(network, found.spaces[number].labels))
        if biases:
            signs[number] = torch.where(sum(biases[1:], biases[0]) < 0, -1.0, 1.0).to(network.dtype)
    return flip_signs(network, signs)


def _biases(network: Network, labels: Indices) -> Iterator[Tensor]:
    """The biases of the neurons of a space, (networks, neurons), one tensor a layer."""
    of_value = symmetry_spaces(network.architecture).labels.of_value
    for number, step in enumerate(network.architecture.steps):
        name = f"{step.name}.bias"
        if isinstance(step.layer, Linear | Convolution) and step.layer.bias:
            own = of_value[network.architecture.num_inputs + number][0]
            order = np.argsort(own, kind="stable")
            places = order[np.searchsorted(own[order], labels) % len(own)]
            if np.array_equal(own[places], labels):
                yield network.parameters[name].detach()[:, torch.from_numpy(places)]
