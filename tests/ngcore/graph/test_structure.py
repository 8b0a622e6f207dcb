"""Which nodes and edges an architecture has, worked out by hand."""

import pytest
import torch
from example_architectures import ARCHITECTURES, conv

from ngcore.graph import block_edge_index, graph_structure
from ngcore.networks import BatchNorm, Conv2d, Flatten, Linear, Skip, chain, mlp, siren, small_cnn


def blocks(architecture):
    structure = graph_structure(architecture)
    return [
        (edge.source, edge.target, *structure.edge_shape(edge), edge.kind, edge.kernel)
        for edge in structure.edge_blocks
    ]


def test_a_corpus_siren_has_67_nodes_and_1120_edges():
    """2 + 32 + 32 + 1 neurons; 2 · 32 + 32 · 32 + 32 · 1 weights."""
    structure = graph_structure(siren((2, 32, 32, 1)))
    assert (structure.num_nodes, structure.num_edges) == (67, 1120)


def test_a_small_cnn_has_a_node_a_channel_and_an_edge_a_channel_pair():
    """1 + 16 + 16 + 16 + 10 channels; 16 + 256 + 256 kernels of 3 × 3 and 160 weights."""
    structure = graph_structure(small_cnn((1, 16, 16, 16)))
    assert (structure.num_nodes, structure.num_edges, structure.kernel_size) == (59, 688, (3, 3))


@pytest.mark.parametrize("architecture", ARCHITECTURES.values(), ids=ARCHITECTURES)
def test_every_weight_is_part_of_exactly_one_edge(architecture):
    structure = graph_structure(architecture)
    held = sum(
        torch.Size((*structure.edge_shape(edge), *edge.kernel)).numel()
        for edge in structure.edge_blocks
        if edge.layer is not None
    )
    assert held == sum(torch.Size(s).numel() for n, s in architecture.parameter_shapes.items() if n.endswith("weight"))


@pytest.mark.parametrize("architecture", ARCHITECTURES.values(), ids=ARCHITECTURES)
def test_edges_join_nodes_of_their_own_blocks(architecture):
    structure = graph_structure(architecture)
    index = block_edge_index(structure)
    assert index.shape == (2, structure.num_edges)
    assert index.min() >= 0
    assert index.max() < structure.num_nodes
    assert (index[0] < index[1]).all()


def test_a_depthwise_convolution_is_a_diagonal_block():
    structure = graph_structure(chain((3, 4, 4), (conv(3, 3, groups=3),)))
    assert block_edge_index(structure).tolist() == [[0, 1, 2], [3, 4, 5]]


def test_a_channel_multiplier_sends_every_channel_to_its_own_two():
    structure = graph_structure(chain((2, 4, 4), (conv(2, 4, groups=2),)))
    assert block_edge_index(structure).tolist() == [[0, 0, 1, 1], [2, 3, 4, 5]]


def test_a_skip_joins_neurons_of_equal_rank():
    architecture = chain((2,), (Linear(2, 2), Linear(2, 2)), (Skip(0, 2),))
    assert blocks(architecture)[2] == (0, 2, 2, 1, 1, "skip", (1, 1))
    assert block_edge_index(graph_structure(architecture))[:, -2:].tolist() == [[0, 1], [4, 5]]


def test_a_norm_after_flatten_spreads_every_channel_over_its_positions():
    architecture = chain((2, 1, 3), (Flatten(), BatchNorm(6), Linear(6, 1)))
    assert blocks(architecture) == [
        (0, 1, 2, 1, 3, "norm", (1, 1)),
        (1, 2, 1, 6, 1, "linear", (1, 1)),
    ]


def test_a_linear_after_flatten_carries_a_kernel_as_large_as_the_map():
    assert blocks(chain((2, 3, 4), (Flatten(), Linear(24, 5)))) == [(0, 1, 1, 2, 5, "linear", (3, 4))]


def test_the_common_kernel_size_holds_every_kernel():
    architecture = chain((1, 9, 9), (Conv2d(1, 2, (5, 1)), Conv2d(2, 2, (1, 3))))
    assert graph_structure(architecture).kernel_size == (5, 3)


def test_nodes_know_their_role_and_the_activation_that_follows():
    nodes = graph_structure(mlp((2, 3, 4, 1), "gelu")).node_blocks
    assert [(node.start, node.stop, node.role, node.activation) for node in nodes] == [
        (0, 2, "input", "none"),
        (2, 5, "hidden", "gelu"),
        (5, 9, "hidden", "gelu"),
        (9, 10, "output", "none"),
    ]


def test_the_response_of_a_neuron_is_the_value_after_its_activation():
    nodes = graph_structure(ARCHITECTURES["norms"]).node_blocks
    assert [node.activation for node in nodes] == ["none", "none", "sine", "none", "tanh", "none"]
    assert [node.response for node in nodes] == [0, 1, 3, 4, 6, 7]


def test_batch_normalisation_widens_the_node_features():
    assert graph_structure(ARCHITECTURES["batch norm cnn"]).node_width == 3
    assert graph_structure(ARCHITECTURES["layer norm cnn"]).node_width == 1
