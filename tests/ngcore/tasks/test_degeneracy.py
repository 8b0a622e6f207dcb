"""Networks that compute nothing are told from those that do, and no model is asked about them."""

import pytest
import torch

from ngcore.errors import BlankNetworkError, ShapeMismatchError
from ngcore.inr.siren import initial_siren
from ngcore.networks import Network, mlp, siren, small_cnn
from ngcore.tasks import Degeneracy, expect_not_blank, find_degeneracy
from ngcore.testing import random_network

SIREN = initial_siren(siren((2, 8, 8, 1)), 0, 1, seed=0)
CNN = random_network(small_cnn((1, 4, 4), image_size=(8, 8)), 1, dtype=torch.float32)
VECTORS = random_network(mlp((5, 8, 8, 3)), 1, dtype=torch.float32)


def with_parameters(network, **changes):
    """The network with some parameters replaced; "_0_weight" is "0.weight"."""
    named = {name[1:].replace("_", "."): value for name, value in changes.items()}
    parameters = {
        name: torch.full_like(tensor, named[name]) if name in named else tensor
        for name, tensor in network.parameters.items()
    }
    return Network(network.architecture, parameters)


@pytest.mark.parametrize("network", [SIREN, CNN, VECTORS])
def test_nothing_is_said_of_a_network_that_computes_something(network):
    assert find_degeneracy(network) == Degeneracy()
    expect_not_blank(network)


@pytest.mark.parametrize("network", [SIREN, CNN, VECTORS])
def test_a_network_of_zeros_is_blank(network):
    zeros = network.map(torch.zeros_like)
    assert find_degeneracy(zeros) == Degeneracy(("All weights are 0.",), is_blank=True)
    with pytest.raises(BlankNetworkError, match=r"nothing to read in this network\. All weights are 0"):
        expect_not_blank(zeros)


@pytest.mark.parametrize(("network", "size"), [(SIREN, 1e38), (CNN, 1e30), (VECTORS, 1e37)])
def test_a_network_without_finite_output_is_blank_and_its_weights_are_named(network, size):
    found = find_degeneracy(network.map(lambda tensor: tensor.sign() * size))
    assert found.is_blank
    assert "puts out infinity or NaN" in found.sentences[0] and f"reach {size:.2g}" in found.sentences[0]


@pytest.mark.parametrize("size", [1e-40, 1e-20])
def test_a_picture_of_one_colour_is_blank(size):
    found = find_degeneracy(SIREN.map(lambda tensor: tensor.sign() * size))
    assert found.is_blank and found.sentences[0] == "The picture is one colour."


def test_a_dead_layer_is_named_and_leaves_the_network_to_be_asked_about():
    dead = with_parameters(CNN, _2_weight=0.0, _2_bias=-1.0)
    assert find_degeneracy(dead) == Degeneracy(("Layer 2 puts out the same whatever comes in.",))
    constant = with_parameters(VECTORS, _4_weight=0.0)
    assert find_degeneracy(constant) == Degeneracy(("The last layer puts out the same whatever comes in.",))


def test_a_stack_is_refused():
    with pytest.raises(ShapeMismatchError, match="Expected one network to look at, got a stack of 2"):
        find_degeneracy(Network.cat([SIREN, SIREN]))
