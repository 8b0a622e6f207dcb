"""Networks as stacks: selection, flattening, torch modules, and what they refuse."""

from collections import OrderedDict

import pytest
import torch
from torch import nn

from ngcore.errors import ArchitectureError, ShapeMismatchError
from ngcore.networks import (
    BatchNorm,
    Conv2d,
    LayerNorm,
    Linear,
    Network,
    Skip,
    chain,
    from_module,
    mlp,
    siren,
    small_cnn,
    to_module,
)
from ngcore.networks.modules import Sine
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


MODULES = {
    "perceptron": (nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.GELU(), nn.Identity(), nn.Linear(4, 2)), (3,)),
    "siren": (nn.Sequential(nn.Linear(2, 4), Sine(30.0), nn.Linear(4, 1, bias=False)), (2,)),
    "pooled cnn": (
        nn.Sequential(
            nn.Conv2d(2, 4, 3, 2, 1, bias=False),
            nn.BatchNorm2d(4, eps=1e-3),
            nn.LeakyReLU(0.2),
            nn.Conv2d(4, 4, (1, 3), groups=4),
            nn.SiLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(4, 3),
        ),
        (2, 9, 9),
    ),
    "flattened cnn": (
        nn.Sequential(nn.Conv2d(1, 2, 3), nn.Tanh(), nn.Flatten(), nn.Linear(18, 3), nn.BatchNorm1d(3), nn.Sigmoid()),
        (1, 5, 5),
    ),
    "named": (nn.Sequential(OrderedDict(first=nn.Linear(2, 3), function=nn.ReLU(), last=nn.Linear(3, 1))), (2,)),
}


@pytest.mark.parametrize(("module", "shape"), MODULES.values(), ids=MODULES)
def test_a_torch_module_survives_the_way_to_a_network_and_back(module, shape):
    generator = torch.Generator().manual_seed(0)
    module = module.double().eval()
    for name, tensor in module.state_dict().items():
        if tensor.is_floating_point():
            noise = torch.rand(tensor.shape, generator=generator, dtype=torch.float64)
            tensor.copy_(noise + 0.5 if "running_var" in name else noise - 0.5)
    inputs = torch.randn(4, *shape, generator=generator, dtype=torch.float64)
    network = from_module(module, shape)
    torch.testing.assert_close(network(inputs)[0], module(inputs), rtol=1e-6, atol=1e-6)
    restored = to_module(network)
    torch.testing.assert_close(restored(inputs), module(inputs), rtol=1e-12, atol=1e-12)
    assert from_module(restored, shape).equals(network)


def test_a_network_read_from_a_module_shares_no_memory_with_it():
    module = nn.Sequential(nn.Linear(2, 1))
    network = from_module(module, (2,))
    before = network.parameters["0.weight"].clone()
    nn.init.zeros_(module[0].weight)
    assert torch.equal(network.parameters["0.weight"], before)
    assert not network.parameters["0.weight"].requires_grad


@pytest.mark.parametrize(
    "module",
    [
        nn.MaxPool2d(2),
        nn.GELU(approximate="tanh"),
        nn.Conv2d(1, 1, 3, dilation=2),
        nn.Conv2d(1, 1, 3, padding="same"),
        nn.Conv2d(1, 1, 3, padding_mode="reflect"),
        nn.BatchNorm2d(1, affine=False),
        nn.LayerNorm((1, 8, 8)),
        nn.LayerNorm(8, elementwise_affine=False),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(2),
    ],
    ids=str,
)
def test_modules_without_counterpart_are_refused(module):
    with pytest.raises(ArchitectureError, match=f"Expected a module of a supported kind, got {type(module).__name__}"):
        from_module(nn.Sequential(module), (1, 8, 8))


def test_layer_norm_over_the_width_of_a_map_is_refused():
    with pytest.raises(ArchitectureError, match="layer normalisation of vectors"):
        from_module(nn.Sequential(nn.LayerNorm(8)), (8, 8, 8))


def test_networks_that_a_sequential_cannot_express_are_refused():
    with pytest.raises(ArchitectureError, match=r"a chain without skips, got Network\(2 × 2-1 none"):
        to_module(random_network(mlp((2, 1)), 2))
    with pytest.raises(ArchitectureError, match="a chain without skips"):
        to_module(random_network(chain((2,), (Linear(2, 2),), (Skip(0, 1),))))
    with pytest.raises(ArchitectureError, match="got one over the channels of a map"):
        to_module(random_network(chain((2, 3, 3), (LayerNorm(2),))))
