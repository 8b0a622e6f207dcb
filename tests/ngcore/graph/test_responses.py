"""Statistics of responses: by hand, through every kind of architecture, and their gradient."""

import pytest
import torch
from dag_architectures import DAGS, dag_inputs
from example_architectures import ARCHITECTURES

from ngcore.graph import STAGES, STATISTICS, graph_structure, node_responses, node_statistics
from ngcore.graph.responses import PositionMoments
from ngcore.networks import Activation, Flatten, Linear, chain, draw_permutation, permute_hidden, small_cnn
from ngcore.testing import random_network

EVERY = ARCHITECTURES | DAGS
every_architecture = pytest.mark.parametrize("name", EVERY)


def statistics_of(network, inputs):
    return node_statistics(graph_structure(network.architecture), network.values(*inputs))


def test_statistics_of_a_cnn_are_those_of_its_maps_before_and_after_the_activation(generator):
    network = random_network(small_cnn((1, 4, 5), num_classes=3, image_size=(7, 6)), 2)
    x = torch.rand(5, 1, 7, 6, generator=generator, dtype=torch.float64)
    values = network.values(x)
    found = statistics_of(network, [x])
    assert [tuple(own.shape) for own in found] == [(2, 5, n, len(STAGES), len(STATISTICS)) for n in (1, 4, 5, 3)]
    for stage, value in enumerate((values[1], values[2])):  # the first convolution, its ReLU
        maps = value.flatten(3)
        expected = [maps.mean(3), maps.std(3, correction=0), maps.amax(3), maps.amin(3)]
        torch.testing.assert_close(found[1][:, :, :, stage], torch.stack(expected, dim=3), atol=2e-3, rtol=1e-5)
    assert (found[1][:, :, :, 1, 3] >= 0).all() and (found[1][:, :, :, 0, 3] < 0).any()
    answers = network(x)
    torch.testing.assert_close(found[3][:, :, :, 0, 0], answers)
    torch.testing.assert_close(found[3][:, :, :, 1], torch.stack([answers, 0 * answers, answers, answers], dim=3))


def test_an_activation_after_flatten_is_read_position_by_position(generator):
    """Two channels of 1 × 3, each with three places among the six numbers that the ReLU sees."""
    network = random_network(chain((2, 1, 3), (Flatten(), Activation("relu"), Linear(6, 1))), 1)
    x = torch.tensor([[[[1.0, -2.0, 4.0]], [[-1.0, -3.0, -8.0]]]], dtype=torch.float64)
    of_inputs = statistics_of(network, [x])[0][0, 0]
    torch.testing.assert_close(of_inputs[:, 0, [0, 2, 3]], torch.tensor([[1.0, 4, -2], [-4, -1, -8]]).double())
    torch.testing.assert_close(of_inputs[:, 1, [0, 2, 3]], torch.tensor([[5 / 3, 4, 0], [0, 0, 0]]).double())


@every_architecture
def test_means_after_the_activation_are_the_responses(name):
    network = random_network(EVERY[name], 2)
    inputs = dag_inputs(network.architecture)
    responses = node_responses(graph_structure(network.architecture), network.values(*inputs))
    for own, response in zip(statistics_of(network, inputs), responses, strict=True):
        torch.testing.assert_close(own[:, :, :, 1, 0], response)
        assert (own[..., 2] >= own[..., 3]).all()


@every_architecture
def test_statistics_move_with_the_neurons(name):
    """Sorted over each block's neurons, they are the same for a network whose neurons stand in another order."""
    network = random_network(EVERY[name], 2).map(lambda tensor: 0.3 * tensor)
    inputs = dag_inputs(network.architecture)
    moved = permute_hidden(network, draw_permutation(network, torch.Generator().manual_seed(3)))
    whole, other = (torch.cat(statistics_of(n, inputs), dim=2).sort(dim=2).values for n in (network, moved))
    torch.testing.assert_close(whole, other)


@pytest.mark.parametrize("size", [(2, 3, 5), (1, 4, 2)])
def test_the_lean_gradient_is_the_gradient(size):
    x = torch.randn(*size, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(PositionMoments.apply, (x,), atol=1e-5)


def test_maps_without_contrast_have_a_gradient():
    x = torch.ones(1, 1, 1, 6, requires_grad=True)
    sum(PositionMoments.apply(x)).sum().backward()
    assert x.grad.isfinite().all()
