"""Neurons duplicated and layers inserted: more parameters, the same functions."""

import pytest
import torch
from dag_architectures import DAGS, dag_inputs

from ngcore.errors import ArchitectureError
from ngcore.networks import (
    Activation,
    Architecture,
    Attend,
    BatchNorm,
    Concat,
    Conv2d,
    Flatten,
    LayerNorm,
    Linear,
    Network,
    Skip,
    Softmax,
    Step,
    chain,
    deepen,
    mlp,
    siren,
    small_cnn,
    symmetry_spaces,
    wide_spaces,
    widen,
)
from ngcore.testing import random_network

RELU, TANH = Activation("relu"), Activation("tanh")


def grouped_cnn():
    """Depthwise, grouped, normalised and residual convolutions, then Flatten."""
    layers = (Conv2d(2, 4, padding=(1, 1)), RELU, Conv2d(4, 4, padding=(1, 1), groups=4), RELU)
    layers += (Conv2d(4, 6, padding=(1, 1), groups=2), BatchNorm(6), TANH, Flatten(), Linear(6 * 12, 5), RELU)
    return chain((2, 3, 4), (*layers, LayerNorm(5), Linear(5, 3)), (Skip(2, 4),))


CHAINS = (siren((2, 6, 5, 1)), mlp((3, 4, 4, 2)), small_cnn((1, 3, 4), image_size=(6, 6)), grouped_cnn())


@pytest.mark.parametrize("split", ["equal", "unequal"])
@pytest.mark.parametrize("architecture", CHAINS, ids=lambda a: a.name)
def test_wider_chains_compute_the_same_and_are_wider_in_every_hidden_layer(architecture, split):
    network = random_network(architecture, 2)
    wider = widen(network, 3, split=split)
    x = torch.rand(4, *architecture.input_shape, dtype=torch.float64)
    torch.testing.assert_close(wider(x), network(x), rtol=0, atol=1e-12)
    sizes = architecture.layer_sizes
    assert wider.architecture.layer_sizes == (sizes[0], *(3 * size for size in sizes[1:-1]), sizes[-1])


@pytest.mark.parametrize("name", DAGS)
def test_wider_dags_compute_the_same(name):
    architecture = DAGS[name]
    network, inputs = random_network(architecture, 2), dag_inputs(architecture)
    if not wide_spaces(architecture):
        with pytest.raises(ArchitectureError, match="hidden neurons to duplicate"):
            widen(network, 2)
        return
    wider = widen(network, 2, split="unequal")
    assert wider.architecture.num_parameters > architecture.num_parameters
    for output in architecture.outputs:
        one, two = network.values(*inputs)[output], wider.values(*inputs)[output]
        torch.testing.assert_close(two, one, rtol=0, atol=1e-10)


def test_most_dags_have_neurons_to_duplicate():
    narrow = {name for name, architecture in DAGS.items() if not wide_spaces(architecture)}
    assert len(narrow) < len(DAGS) / 4, narrow


def test_equal_parts_are_equal_and_unequal_ones_sum_to_the_weight():
    network = random_network(mlp((2, 3, 1)), 1)
    equal, unequal = widen(network, 4), widen(network, 4, split="unequal")
    assert torch.equal(equal.parameters["0.weight"], network.parameters["0.weight"].repeat_interleave(4, dim=1))
    torch.testing.assert_close(
        equal.parameters["2.weight"], network.parameters["2.weight"].repeat_interleave(4, dim=2) / 4
    )
    parts = unequal.parameters["2.weight"].unflatten(2, (3, 4))
    torch.testing.assert_close(parts.sum(dim=3), network.parameters["2.weight"])
    assert (parts.std(dim=3) > 0.01 * parts.mean(dim=3).abs()).all()
    assert torch.equal(unequal.parameters["0.bias"], equal.parameters["0.bias"])


def test_once_is_the_network_itself_and_parts_follow_the_generator():
    network = random_network(siren((2, 3, 1)), 1)
    assert widen(network, 1) is network
    draws = [widen(network, 2, split="unequal", generator=torch.Generator().manual_seed(i)) for i in (0, 0, 1)]
    assert draws[0].equals(draws[1])
    assert not draws[0].equals(draws[2])


def test_what_counts_channels_is_left_as_it_is():
    layers = (Linear(2, 4), RELU, Linear(4, 4), Softmax(), Linear(4, 3), RELU, Linear(3, 1))
    steps = tuple(Step(layer, (i,), str(i)) for i, layer in enumerate(layers))
    architecture = Architecture(((2,),), steps, (7,))
    spaces = symmetry_spaces(architecture)
    assert wide_spaces(architecture) == (int(spaces.of_channels(1)[0]), int(spaces.of_channels(5)[0]))
    assert widen(random_network(architecture), 2).architecture.layer_sizes == (2, 8, 4, 6, 1)


def test_queries_and_keys_are_left_as_they_are():
    steps = tuple(Step(Linear(3, 4), (0,), name) for name in "qkv")
    steps += (
        Step(Attend(2), (1, 2, 3)),
        Step(Linear(4, 5), (4,), "o"),
        Step(RELU, (5,)),
        Step(Linear(5, 2), (6,), "h"),
    )
    network = random_network(Architecture(((3, 4),), steps, (7,)), 1)
    wider = widen(network, 2)
    assert wider.architecture.layer_sizes == (3, 4, 4, 4, 10, 2)


def test_a_norm_over_unlike_copies_keeps_its_neurons_single():
    """The mean over inputs and hidden neurons side by side would change if only the latter were duplicated."""
    steps = (Step(Linear(4, 4), (0,), "a"), Step(Concat(), (0, 1)), Step(LayerNorm(8), (2,), "n"))
    architecture = Architecture(((4,),), (*steps, Step(Linear(8, 2), (3,), "b")), (4,))
    assert wide_spaces(architecture) == ()


def test_impossible_factors_are_refused():
    with pytest.raises(ArchitectureError, match="factor of at least 1, got 0"):
        widen(random_network(mlp((2, 3, 1))), 0)
    with pytest.raises(ArchitectureError, match="hidden neurons to duplicate"):
        widen(random_network(mlp((2, 1))), 2)


def residual_relu():
    return chain((3,), (Linear(3, 4), RELU, Linear(4, 4), RELU, Linear(4, 4), Linear(4, 2)), (Skip(2, 5),))


@pytest.mark.parametrize(
    "architecture", [mlp((3, 4, 5, 2)), small_cnn((1, 3, 4), image_size=(6, 6)), residual_relu()], ids=lambda a: a.name
)
def test_deeper_networks_compute_the_same(architecture):
    network = random_network(architecture, 2)
    deeper = deepen(network, 3)
    x = torch.rand(4, *architecture.input_shape, dtype=torch.float64)
    torch.testing.assert_close(deeper(x), network(x), rtol=0, atol=1e-12)
    assert len(deeper.architecture.layers) == len(architecture.layers) + 6
    assert deepen(network, 0).equals(network)


def test_networks_without_a_relu_are_not_deepened():
    with pytest.raises(ArchitectureError, match="a ReLU to insert identity layers after"):
        deepen(random_network(siren((2, 3, 1))), 1)


def test_copies_keep_dtype_and_gradients_flow():
    network = random_network(mlp((2, 3, 1)), 2, dtype=torch.float32)
    leaves = network.map(lambda tensor: tensor.requires_grad_())
    wider = widen(leaves, 2, split="unequal")
    assert isinstance(wider, Network)
    assert wider.dtype == torch.float32
    wider.flatten().sum().backward()
    assert all(tensor.grad is not None for tensor in leaves.parameters.values())
