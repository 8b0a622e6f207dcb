"""Networks as stacks: selection, flattening, torch modules, and what they refuse."""

import pytest
import torch

from ngcore.errors import ArchitectureError, ShapeMismatchError
from ngcore.networks import (
    BatchNorm,
    Conv2d,
    LayerNorm,
    Linear,
    Network,
    Skip,
    chain,
    mlp,
    siren,
    small_cnn,
)
from ngcore.testing import random_network

ARCHITECTURES = [
    siren((2, 5, 1)),
    small_cnn((1, 3, 3), image_size=(8, 8), activation="silu"),
    chain((2, 4, 4), (Conv2d(2, 2, groups=2), BatchNorm(2))),
    chain((4,), (Linear(4, 3, bias=False), LayerNorm(3), BatchNorm(3)), (Skip(1, 3),)),
]


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=lambda architecture: architecture.name)
def test_parameters_survive_flattening(architecture):
    network = random_network(architecture, 3)
    flat = network.flatten()
    assert flat.shape == (3, architecture.num_parameters)
    assert Network.unflatten(architecture, flat).equals(network)


def test_flattening_keeps_the_order_of_the_parameters():
    flat = torch.arange(26.0).view(2, 13)
    network = Network.unflatten(mlp((2, 3, 1)), flat)
    assert network.parameters["0.weight"][1].tolist() == [[13, 14], [15, 16], [17, 18]]
    assert network.parameters["0.bias"][0].tolist() == [6, 7, 8]
    assert network.parameters["2.bias"].tolist() == [[12], [25]]


def test_selection_gives_stacks():
    network = random_network(siren((2, 5, 1)), 4)
    assert len(network) == 4
    assert len(network[1]) == 1
    assert network[-1].equals(network[3])
    assert len(network[1:]) == 3
    assert network[[2, 0]].equals(Network.cat([network[2], network[0]]))
    assert network[torch.tensor([2, 0])].equals(network[[2, 0]])
    assert Network.cat([network[:1], network[1:]]).equals(network)


def test_iteration_ends_after_the_last_network():
    network = random_network(siren((2, 5, 1)), 3)
    assert Network.cat(list(network)).equals(network)


def test_an_index_beyond_the_stack_is_refused():
    with pytest.raises(IndexError, match="Expected an index below 3, got 3"):
        random_network(mlp((2, 1)), 3)[3]


def test_representation_says_how_many_and_what():
    assert repr(random_network(siren((2, 32, 32, 1)), 5)) == "Network(5 × 2-32-32-1 sine: 1185 parameters)"


def test_equality_is_exact_and_of_one_structure():
    network = random_network(mlp((2, 3, 1)), 2)
    assert network.equals(network.map(torch.clone))
    assert not network.equals(network.map(lambda tensor: tensor * (1 + 1e-15)))
    assert not network.equals(Network(mlp((2, 3, 1), "tanh"), network.parameters))
    assert not network.equals(network[:1])


def test_conversion_changes_the_data_type_alone():
    network = random_network(mlp((2, 3, 1)), 2)
    assert network.to(dtype=torch.float32).dtype == torch.float32
    assert network.to(dtype=torch.float32).to(dtype=torch.float64).architecture == network.architecture
    assert network.device == torch.device("cpu")


def test_detached_networks_have_no_history():
    network = random_network(mlp((2, 3, 1)), 2).map(lambda tensor: tensor.requires_grad_())
    assert not network.detach().flatten().requires_grad


def test_parameters_of_other_names_or_shapes_are_refused():
    network = random_network(mlp((2, 3)), 2)
    with pytest.raises(ShapeMismatchError, match=r"Expected parameters \['0.bias', '0.weight'\], got \['0.weight'\]"):
        Network(network.architecture, {"0.weight": network.parameters["0.weight"]})
    with pytest.raises(ShapeMismatchError, match=r"'0.weight' of shape \(networks, 3, 2\) .* got \(2, 2, 3\)"):
        Network(network.architecture, {**network.parameters, "0.weight": torch.zeros(2, 2, 3)})
    with pytest.raises(ShapeMismatchError, match="as many networks in every parameter"):
        Network(network.architecture, {**network.parameters, "0.bias": torch.zeros(3, 3)})


def test_rows_of_another_length_are_refused():
    with pytest.raises(ShapeMismatchError, match="Expected 13 parameters per row, got 12"):
        Network.unflatten(mlp((2, 3, 1)), torch.zeros(2, 12))


def test_networks_of_several_architectures_do_not_stack():
    with pytest.raises(ArchitectureError, match="one architecture to stack, got 2-3-1 relu, 2-4-1 relu"):
        Network.cat([random_network(mlp((2, 3, 1))), random_network(mlp((2, 4, 1)))])
