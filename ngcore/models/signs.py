"""A canonical sign for every neuron whose activation is odd, and a canonical phase for every sine."""

import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from ngcore.networks import (
    Convolution,
    Linear,
    Network,
    canonical_phases,
    flip_signs,
    sign_spaces,
    symmetry_spaces,
)
from ngcore.networks.labels import Indices

UNTURNED = 3.0
"""Radians that no hidden phase of trained networks is beyond; networks that were turned are, in some neuron."""


def canonical_copies(network: Network, *, signs: bool, phases: bool) -> Network:
    """The same functions, one for all copies that signs and phases make of each.

    Args:
        network: N networks.
        signs: Whether to bring signs to a canonical choice; see `canonical_signs`.
        phases: Whether to bring the phases of sines to their canonical range always; else this is done only to networks
            in which one is beyond `UNTURNED`, and the others are left as they are.
    """
    turned = canonical_phases(network, beyond=0.0 if phases else UNTURNED)
    return canonical_signs(turned) if signs else turned


def whole_turns(network: Network) -> Network:
    """The same functions, with every phase of a sine within half a turn of 0; no weight changes."""
    return canonical_phases(network, beyond=math.inf)


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
