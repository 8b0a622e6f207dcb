"""Networks survive the way into the graph and back bit for bit, and structure is never read off their values."""

import dataclasses

import pytest
import torch
from example_architectures import ARCHITECTURES, conv

from ngcore.errors import ShapeMismatchError
from ngcore.graph import graph_structure, to_graph, to_network
from ngcore.networks import BatchNorm, Linear, Network, chain, mlp, siren, small_cnn
from ngcore.testing import random_network

every_architecture = pytest.mark.parametrize("architecture", ARCHITECTURES.values(), ids=ARCHITECTURES)


@every_architecture
@pytest.mark.parametrize("num_networks", [1, 3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_parameters_survive_the_round_trip(architecture, num_networks, dtype):
    network = random_network(architecture, num_networks, dtype=dtype)
    assert to_network(to_graph(network)).equals(network)


@every_architecture
def test_parameters_survive_the_round_trip_through_larger_kernels(architecture):
    network = random_network(architecture, 2)
    graph = to_graph(network, kernel_size=(7, 8))
    assert all(block.shape[-1] == 56 for block in graph.edge_features)
    assert to_network(graph).equals(network)


@every_architecture
def test_an_all_zero_network_keeps_every_node_and_edge(architecture):
    network = random_network(architecture, 2)
    zero = to_graph(network.map(torch.zeros_like))
    assert zero.structure == to_graph(network).structure
    assert [block.shape for block in zero.edge_features] == [block.shape for block in to_graph(network).edge_features]
    assert to_network(zero).equals(network.map(torch.zeros_like))


def test_a_kernel_that_sums_to_zero_stays_an_edge():
    architecture = chain((1, 4, 4), (conv(1, 2),))
    network = random_network(architecture)
    kernel = torch.tensor([[1.0, 0, -1], [2, 0, -2], [1, 0, -1]]).double()
    edge = Network(architecture, {**network.parameters, "0.weight": kernel.expand(1, 2, 1, 3, 3)})
    assert to_graph(edge).structure.num_edges == 2
    assert to_graph(edge).edge_features[0].flatten(0, 3).tolist() == [kernel.flatten().tolist()] * 2


def test_the_graph_of_a_2_3_1_network():
    """Weights w_ji = 10 j + i from input i to hidden neuron j, v_j = 100 + j from it to the output.

    The network stores W = [[0, 1], [10, 11], [20, 21]], one row a target; the graph has one row a source:
    [[0, 10, 20], [1, 11, 21]]. Node features are 0, 0 for the inputs, then the biases 7, 8, 9 and 5.
    """
    architecture = mlp((2, 3, 1))
    parameters = {
        "0.weight": [[0.0, 1.0], [10.0, 11.0], [20.0, 21.0]],
        "0.bias": [7.0, 8.0, 9.0],
        "2.weight": [[100.0, 101.0, 102.0]],
        "2.bias": [5.0],
    }
    network = Network(architecture, {name: torch.tensor([values]) for name, values in parameters.items()})
    graph = to_graph(network)
    assert graph.node_features.tolist() == [[[0.0], [0.0], [7.0], [8.0], [9.0], [5.0]]]
    assert [tuple(block.shape) for block in graph.edge_features] == [(1, 1, 2, 3, 1), (1, 1, 3, 1, 1)]
    assert graph.edge_features[0][0, 0, :, :, 0].tolist() == [[0.0, 10.0, 20.0], [1.0, 11.0, 21.0]]
    assert graph.edge_features[1][0, 0, :, :, 0].tolist() == [[100.0], [101.0], [102.0]]


def test_small_kernels_stand_in_the_centre_of_larger_ones():
    network = random_network(small_cnn((1, 1), num_classes=1))
    kernel = to_graph(network, kernel_size=(5, 3)).edge_features[1].view(5, 3)
    assert kernel[2, 1] == network.parameters["3.weight"].item()
    assert kernel.count_nonzero() == 1


def test_skips_carry_a_one_at_the_centre():
    graph = to_graph(random_network(ARCHITECTURES["batch norm cnn"]))
    skips = [features for block, features in graph.blocks if block.kind == "skip"]
    assert len(skips) == 2
    for features in skips:
        centre = torch.zeros(3, 4)
        centre[1, 1] = 1
        assert (features == centre.flatten()).all()


def test_nodes_of_batch_normalisation_carry_their_running_statistics():
    architecture = chain((2,), (Linear(2, 3), BatchNorm(3)))
    network = random_network(architecture)
    features = to_graph(network).node_features[0, 5:]
    expected = [network.parameters[f"1.{name}"][0] for name in ("bias", "running_mean", "running_var")]
    assert torch.equal(features, torch.stack(expected, dim=-1))


def test_changed_features_of_padding_absent_biases_and_skips_are_left_out():
    network = random_network(ARCHITECTURES["norm after flatten"])
    graph = to_graph(network, kernel_size=(5, 5))
    inside = [torch.where(block == 0, 9.0, block) for block in graph.edge_features]
    nodes = graph.node_features.clone()
    nodes[:, :2] = 9.0
    assert to_network(dataclasses.replace(graph, node_features=nodes, edge_features=tuple(inside))).equals(network)


def test_gradients_flow_both_ways():
    network = random_network(ARCHITECTURES["layer norm cnn"], 2).map(lambda tensor: tensor.requires_grad_())
    to_network(to_graph(network)).flatten().square().sum().backward()
    for tensor in network.parameters.values():
        torch.testing.assert_close(tensor.grad, 2 * tensor.detach())


def test_graphs_print_their_size():
    graph = to_graph(random_network(siren((2, 32, 32, 1)), 3))
    assert repr(graph) == "NeuralGraph(3 × 2-32-32-1 sine: 67 nodes, 1120 edges)"
    assert len(graph) == 3


def test_kernels_that_do_not_fit_are_refused():
    network = random_network(ARCHITECTURES["mixed kernels"])
    with pytest.raises(
        ShapeMismatchError,
        match=r"^Expected kernels of at most 3×3, got 5×5 in .*; use a model built for larger kernels\.$",
    ):
        to_graph(network, kernel_size=(3, 3))


def test_structures_are_shared_by_networks_of_one_architecture():
    first, second = random_network(mlp((2, 3, 1)), seed=1), random_network(mlp((2, 3, 1)), seed=2)
    assert to_graph(first).structure is to_graph(second).structure is graph_structure(mlp((2, 3, 1)))
