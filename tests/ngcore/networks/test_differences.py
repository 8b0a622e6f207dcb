"""Distances of two networks in weight space, worked by hand and under permutations."""

import math

import pytest
import torch
from dag_architectures import DAGS

from ngcore.errors import ShapeMismatchError
from ngcore.networks import (
    Network,
    aligned_with,
    draw_permutation,
    mlp,
    neuron_differences,
    permute_hidden,
    tensor_differences,
    weight_distance,
)
from ngcore.testing import random_network


def pair():
    """A 1-2-1 network of ones, and the same with 3 added to the weight into neuron 1 and 4 to its bias."""
    architecture = mlp((1, 2, 1))
    ones = {name: torch.ones(1, *shape) for name, shape in architecture.parameter_shapes.items()}
    moved = {name: tensor.clone() for name, tensor in ones.items()}
    moved["0.weight"][0, 1, 0] += 3
    moved["0.bias"][0, 1] += 4
    return Network(architecture, ones), Network(architecture, moved)


def test_distances_are_those_worked_by_hand():
    first, second = pair()
    apart = weight_distance(first, second)
    assert apart.length == pytest.approx(5) and apart.relative == pytest.approx(5 / math.sqrt(7))
    assert apart.cosine == pytest.approx(14 / math.sqrt(7) / math.sqrt(5 + 16 + 25))
    weight, bias, *rest = tensor_differences(first, second)
    assert (weight.name, weight.largest, bias.name, bias.largest) == ("0.weight", 3, "0.bias", 4)
    assert weight.change == weight.relative == pytest.approx(3 / math.sqrt(2)) and all(not row.change for row in rest)
    hidden, last = neuron_differences(first, second)
    assert hidden.change.tolist() == [0, 5] and last.change.tolist() == [0] and (hidden.layer, last.layer) == ("0", "2")
    assert hidden.relative[1] == pytest.approx(5 / math.sqrt(2))


def test_differences_from_nothing_have_no_relative_size():
    _, second = pair()
    nothing = second.map(torch.zeros_like)
    assert math.isnan(weight_distance(nothing, second).relative) and math.isnan(weight_distance(nothing, second).cosine)
    assert math.isnan(tensor_differences(nothing, second)[0].relative)
    assert neuron_differences(nothing, second)[0].relative.isnan().all()


def test_a_permuted_copy_is_found_at_no_distance(generator):
    network = random_network(mlp((3, 6, 5, 2)), 1)
    copy = permute_hidden(network, draw_permutation(network, generator))
    found = aligned_with(copy, network)
    assert found.given.length > 0.1 and found.reached.length < 1e-6
    assert max(float(one.change.max()) for one in neuron_differences(network, found.network)) < 1e-6


@pytest.mark.parametrize("name", sorted(DAGS))
def test_neurons_are_told_apart_in_every_kind_of_layer(name):
    """A change in the first result of one layer shows in its first neuron alone."""
    first = random_network(DAGS[name], 1)
    for row in neuron_differences(first, first):
        parameters = {key: tensor.clone() for key, tensor in first.parameters.items()}
        bias = parameters.get(f"{row.layer}.bias")
        if bias is None:
            continue
        bias.flatten()[0] += 1
        found = {one.layer: one.change for one in neuron_differences(first, first.having(parameters))}
        assert found[row.layer].nonzero().flatten().tolist() == [0]
        assert found[row.layer][0] == pytest.approx(1) and sum(int(own.any()) for own in found.values()) == 1


def test_networks_of_different_architectures_are_refused():
    first, _ = pair()
    other = random_network(mlp((1, 3, 1)), 1)
    for function in (weight_distance, tensor_differences, neuron_differences):
        with pytest.raises(ShapeMismatchError, match="one architecture"):
            function(first, other)
