"""What a network costs, against what is really built and kept."""

import pytest
import torch
from example_architectures import MAPS, VECTORS

from ngcore.errors import TooLargeError
from ngcore.graph import to_graph
from ngcore.networks import Conv2d, GlobalAveragePool, Linear, chain, mlp, siren
from ngcore.networks.cost import Cost, check_cost, cost_of, inputs_that_fit
from ngcore.testing import random_network

ARCHITECTURES = {**VECTORS, **MAPS}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_cost_of_a_graph_is_that_of_the_graph_that_is_built(name):
    network = random_network(ARCHITECTURES[name], dtype=torch.float32)
    graph, cost = to_graph(network), cost_of(network.architecture)
    assert cost.num_edges == graph.structure.num_edges
    assert cost.graph_bytes == sum(part.nbytes for part in (graph.node_features, *graph.edge_features))
    assert cost.parameter_bytes == sum(tensor.nbytes for tensor in network.parameters.values())


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_cost_of_a_forward_pass_covers_the_values_that_it_keeps(name):
    network = random_network(ARCHITECTURES[name], dtype=torch.float32)
    values = network.values(torch.zeros(3, *network.architecture.input_shape))
    kept, largest = sum(value.nbytes for value in values), max(value.nbytes for value in values)
    assert cost_of(network.architecture, num_inputs=3).value_bytes == kept + 2 * largest


def test_the_work_of_a_2_3_1_network():
    """2 · 3 weights, 3 activations, 3 weights: 12 for each input. Values: 2 + 3 + 3 + 1, and twice 3, of 4 bytes."""
    assert cost_of(mlp((2, 3, 1)), num_inputs=10) == Cost(9, 4 * 13, 4 * (9 + 6), 10 * 4 * 15, 120)


def test_the_work_of_a_convolution_counts_its_positions():
    """A 3 × 3 kernel in 2 groups of 2 channels makes 6 maps of 4 × 5 from 4: 6 · 20 · 2 · 9, then 6 means."""
    architecture = chain((4, 4, 5), (Conv2d(4, 6, (3, 3), padding=(1, 1), groups=2), GlobalAveragePool()))
    assert cost_of(architecture).multiply_adds == 6 * 20 * 2 * 9 + 6


def test_memory_beyond_the_limit_is_refused_with_what_to_do():
    with pytest.raises(TooLargeError) as caught:
        check_cost(siren((2, 256, 256, 1)), num_inputs=1_000_000)
    assert str(caught.value) == (
        "Running this network on 1,000,000 inputs would take 5,871 MiB of memory; at most 1,024 MiB are allowed. "
        "Use fewer inputs or a smaller network."
    )


def test_work_beyond_the_limit_is_refused_with_what_to_do():
    architecture = chain((1,), (Linear(1, 10_000), Linear(10_000, 10_000)))
    with pytest.raises(TooLargeError) as caught:
        check_cost(architecture, num_inputs=1000)
    assert str(caught.value) == (
        "Running this network on 1,000 inputs would take 100.0 billion multiply-adds; at most 50.0 billion are "
        "allowed. Use fewer inputs or a smaller network."
    )
    check_cost(architecture)


def test_as_many_inputs_run_at_once_as_fit():
    huge = chain((1, 4096, 4096), (Conv2d(1, 1, (3, 3), (4, 4), (1, 1)), GlobalAveragePool()))
    assert inputs_that_fit(mlp((2, 3, 1)), 64) == 64
    assert inputs_that_fit(huge, 64) == 5
    assert inputs_that_fit(huge, 64, max_bytes=1) == 1
