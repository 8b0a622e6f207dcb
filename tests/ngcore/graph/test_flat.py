"""The flat layout and torch_geometric's data: lossless, sorted, and open to mixed architectures and shuffled edges."""

import pytest
import torch
from example_architectures import ARCHITECTURES

from ngcore.errors import ShapeMismatchError
from ngcore.graph import block_edge_index, from_flat, from_pyg, graph_structure, to_flat, to_graph, to_network, to_pyg
from ngcore.networks import Network, mlp, siren
from ngcore.testing import random_network

every_architecture = pytest.mark.parametrize("architecture", ARCHITECTURES.values(), ids=ARCHITECTURES)


def shuffled(data, generator):
    order = torch.randperm(data.num_edges, generator=generator)
    shuffled = data.clone()
    shuffled.edge_index, shuffled.edge_attr = data.edge_index[:, order], data.edge_attr[order]
    shuffled.edge_block = data.edge_block[order]
    return shuffled


@every_architecture
@pytest.mark.parametrize("num_networks", [1, 3])
def test_networks_survive_the_flat_layout(architecture, num_networks):
    network = random_network(architecture, num_networks)
    (graph,) = from_flat(to_flat(to_graph(network)))
    assert to_network(graph).equals(network)


def test_all_architectures_together_survive_the_flat_layout():
    networks = [random_network(a, 1 + i % 3, seed=i) for i, a in enumerate(ARCHITECTURES.values())]
    flat = to_flat([to_graph(network, kernel_size=(5, 6)) for network in networks])
    assert len(flat) == sum(len(network) for network in networks)
    assert all(to_network(graph).equals(network) for graph, network in zip(from_flat(flat), networks, strict=True))


def test_flat_edges_are_sorted_by_target_and_carry_their_weight():
    network = random_network(mlp((2, 3, 1)), 2)
    flat = to_flat(to_graph(network))
    assert (flat.edge_index[1].diff() >= 0).all()
    for (source, target), weight in zip(flat.edge_index.T.tolist(), flat.edge_features[:, 0], strict=True):
        number, (i, j) = source // 6, (source % 6, target % 6)
        name, row, column = ("2.weight", 0, i - 2) if j == 5 else ("0.weight", j - 2, i)
        assert weight == network.parameters[name][number, row, column]


def test_the_flat_graph_of_a_2_2_1_network():
    """Nodes 0, 1 are inputs, 2, 3 hidden, 4 the output; W = [[1, 2], [3, 4]], V = [[5, 6]], biases 7, 8 and 9.

    Sorted by target: 0→2 (w = 1), 1→2 (2), 0→3 (3), 1→3 (4), 2→4 (5), 3→4 (6). In block order, sources come first:
    0→2, 0→3, 1→2, 1→3, so the sorted list takes its positions 0, 2, 1, 3, 4, 5.
    """
    tensors = {"0.weight": [[1.0, 2.0], [3.0, 4.0]], "0.bias": [7.0, 8.0], "2.weight": [[5.0, 6.0]], "2.bias": [9.0]}
    network = Network(mlp((2, 2, 1)), {name: torch.tensor([tensor]) for name, tensor in tensors.items()})
    flat = to_flat(to_graph(network))
    assert flat.edge_index.tolist() == [[0, 1, 0, 1, 2, 3], [2, 2, 3, 3, 4, 4]]
    assert flat.edge_features.flatten().tolist() == [1, 2, 3, 4, 5, 6]
    assert flat.edge_order.tolist() == [0, 2, 1, 3, 4, 5]
    assert flat.node_features.flatten().tolist() == [0, 0, 7, 8, 9]


def test_kernels_of_different_sizes_are_refused_in_one_batch():
    graphs = [to_graph(random_network(ARCHITECTURES[name])) for name in ("small cnn", "mixed kernels")]
    with pytest.raises(
        ShapeMismatchError,
        match=r"^Expected kernels padded to one size, got \[\(3, 3\), \(5, 5\)\]; pass kernel_size to to_graph\.$",
    ):
        to_flat(graphs)


@every_architecture
def test_networks_survive_torch_geometric_with_shuffled_edges(architecture, generator):
    network = random_network(architecture, 2)
    graph = to_graph(network)
    data = [shuffled(one, generator) for one in to_pyg(graph)]
    assert to_network(from_pyg(data, graph.structure, graph.kernel_size)).equals(network)


def test_torch_geometric_data_describe_the_graph():
    graph = to_graph(random_network(siren((2, 3, 1)), 2))
    first, second = to_pyg(graph)
    assert first.x.shape == (6, 1)
    assert torch.equal(first.edge_index, block_edge_index(graph.structure))
    assert first.node_layer.tolist() == [0, 0, 1, 1, 1, 2]
    assert first.edge_block.tolist() == [0] * 6 + [1] * 3
    assert not torch.equal(first.edge_attr, second.edge_attr)
    assert first.validate()


def test_graphs_with_a_missing_edge_are_refused():
    graph = to_graph(random_network(mlp((2, 3, 1))))
    (data,) = to_pyg(graph)
    data.edge_index, data.edge_attr, data.edge_block = data.edge_index[:, 1:], data.edge_attr[1:], data.edge_block[1:]
    with pytest.raises(
        ShapeMismatchError,
        match=r"^Expected 6 nodes and the 9 edges of 2-3-1 relu, got 6 nodes and 8 edges\.$",
    ):
        from_pyg([data], graph.structure, graph.kernel_size)


def test_graphs_of_another_architecture_are_refused():
    with pytest.raises(ShapeMismatchError, match=r"^Expected 6 nodes and .* 2-3-1 relu, got 5 nodes and 6 edges\.$"):
        from_pyg(to_pyg(to_graph(random_network(mlp((2, 2, 1))))), graph_structure(mlp((2, 3, 1))), (1, 1))
