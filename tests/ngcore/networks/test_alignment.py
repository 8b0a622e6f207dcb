"""Aligning networks with a reference, and mixing them."""

import pytest
import torch
from example_architectures import MAPS, VECTORS

from ngcore.errors import ShapeMismatchError
from ngcore.networks import (
    Network,
    align,
    draw_permutation,
    flip_signs,
    mix,
    mlp,
    permute_hidden,
    sign_spaces,
    siren,
    symmetry_spaces,
)

ARCHITECTURES = VECTORS | MAPS
UNGROUPED = {
    name: architecture
    for name, architecture in ARCHITECTURES.items()
    if all(len(space.blocks) == 1 for space in symmetry_spaces(architecture).spaces)
}


def draw(architecture, count=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    flat = torch.randn(count, architecture.num_parameters, generator=generator, dtype=torch.float64)
    return Network.unflatten(architecture, flat)


def distance(first, second):
    return (first.flatten() - second.flatten()).norm(dim=1)


@pytest.mark.parametrize("name", UNGROUPED)
def test_a_shuffled_copy_is_brought_back(name):
    network = draw(UNGROUPED[name])
    generator = torch.Generator().manual_seed(1)
    shuffled = permute_hidden(network, draw_permutation(network, generator))
    if sign_spaces(network.architecture):
        shuffled = flip_signs(shuffled, generator)
    torch.testing.assert_close(align(shuffled, network).flatten(), network.flatten(), rtol=0, atol=0)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_aligning_changes_no_function_and_brings_no_network_farther_away(name):
    network, reference = draw(ARCHITECTURES[name], seed=1), draw(ARCHITECTURES[name], seed=2)
    positive = network.map(lambda tensor: tensor.abs() + 0.1)  # running variances must be positive
    aligned = align(positive, reference)
    inputs = torch.randn(5, *network.architecture.input_shape, dtype=torch.float64)
    torch.testing.assert_close(aligned(inputs), positive(inputs), rtol=1e-10, atol=1e-10)
    assert (distance(aligned, reference) <= distance(positive, reference) + 1e-9).all()


def test_two_neurons_are_swapped_by_hand():
    architecture = mlp((1, 2, 1))
    reference = Network.unflatten(architecture, torch.tensor([[1.0, 5.0, 0.0, 0.0, 2.0, 3.0, 0.0]]))
    swapped = Network.unflatten(architecture, torch.tensor([[5.0, 1.0, 0.0, 0.0, 3.0, 2.0, 0.0]]))
    assert align(swapped, reference).equals(reference)


def test_one_reference_serves_all_networks():
    network = draw(siren((2, 6, 5, 1)), count=3)
    together = align(network, network[0])
    apart = [align(network[i], network[0]) for i in range(3)]
    assert together.equals(Network.cat(apart))


def test_another_architecture_is_refused():
    with pytest.raises(ShapeMismatchError, match="Expected a reference of"):
        align(draw(mlp((2, 3, 1))), draw(mlp((2, 4, 1))))


def test_mixes_begin_at_the_first_and_end_at_the_second():
    first, second = draw(mlp((2, 3, 1)), count=1, seed=1), draw(mlp((2, 3, 1)), count=1, seed=2)
    shares = torch.tensor([0.0, 0.25, 1.0])
    mixed = mix(first, second, shares)
    assert mixed[0].equals(first) and mixed[2].equals(second)
    expected = 0.75 * first.flatten() + 0.25 * second.flatten()
    torch.testing.assert_close(mixed[1].flatten(), expected)
