"""The graph as arrays: which neurons and edges there are, and where the tensors hold them."""

import csv
import io

import numpy as np
import pytest
from dag_architectures import DAGS, dag_inputs


def network_2_2_1():
    """A network 2-2-1 whose first weights are 1 … 4, biases 5, 6, second weights −7, 8, bias 9."""
    import torch

    from ngcore.networks import Network, mlp

    parameters = {
        "0.weight": torch.tensor([[[1.0, 2.0], [3.0, 4.0]]]),
        "0.bias": torch.tensor([[5.0, 6.0]]),
        "2.weight": torch.tensor([[[-7.0, 8.0]]]),
        "2.bias": torch.tensor([[9.0]]),
    }
    return Network(mlp((2, 2, 1)), parameters)


def test_a_small_network_is_laid_out_as_by_hand():
    """Inputs are nodes 0 and 1, hidden neurons 2 and 3, the output 4; 6 edges, the strongest 3 → 4 with 8."""
    from app.graph_view import view_of

    view = view_of(network_2_2_1())
    assert view.bias.tolist() == [0, 0, 5, 6, 9]
    edges = set(zip(view.source.tolist(), view.target.tolist(), view.value.tolist(), strict=True))
    assert edges == {(0, 2, 1), (1, 2, 2), (0, 3, 3), (1, 3, 4), (2, 4, -7), (3, 4, 8)}
    assert view.edge(int(view.order[0])).value == 8
    assert view.share(1) == pytest.approx(8 / 25)
    assert view.node_name(3) == "layer 1 · 1"


def test_edges_say_where_the_tensors_hold_them():
    from app.graph_view import view_of

    network = network_2_2_1()
    view = view_of(network)
    for number in range(6):
        edge = view.edge(number)
        name, _, place = edge.path.partition("[")
        row, column = (int(part) for part in place.rstrip("]").split(", "))
        assert float(network.parameters[name][0, row, column]) == edge.value
    assert [view.bias_path(node) for node in (1, 3, 4)] == [None, "0.bias[1]", "2.bias[0]"]


def architectures():
    """Networks with kernels, groups, norms, skips and a flattened map."""
    from ngcore.networks import (
        Activation,
        BatchNorm,
        Conv2d,
        Flatten,
        GlobalAveragePool,
        Linear,
        Skip,
        chain,
        small_cnn,
    )

    conv = Conv2d(4, 4, (3, 3), (1, 1), (1, 1))
    grouped = Conv2d(4, 6, (3, 3), (1, 1), (1, 1), groups=2)
    depthwise = Conv2d(4, 4, (3, 3), (1, 1), (1, 1), groups=4)
    return {
        "small": small_cnn((1, 4, 4), image_size=(8, 8)),
        "grouped": chain((4, 5, 5), (grouped, GlobalAveragePool(), Linear(6, 2))),
        "depthwise": chain((4, 5, 5), (depthwise, BatchNorm(4), Activation("relu"), GlobalAveragePool())),
        "flattened": chain((4, 3, 3), (conv, Flatten(), Linear(36, 2))),
        "residual": chain((4, 5, 5), (conv, Activation("relu"), conv, GlobalAveragePool()), (Skip(1, 3),)),
    }


@pytest.mark.parametrize("name", ["small", "grouped", "depthwise", "flattened", "residual"])
def test_every_edge_carries_the_numbers_at_its_path(name):
    from app.graph_view import view_of
    from ngcore.testing import random_network

    network = random_network(architectures()[name])
    view = view_of(network)
    for number in range(len(view.value)):
        edge = view.edge(number)
        if edge.path == "skip connection":
            assert edge.value == 1
            continue
        name, _, place = edge.path.partition("[")
        index = tuple(slice(*map(int, p.split(":"))) if ":" in p else int(p) for p in place.rstrip("]").split(", "))
        stored = network.parameters[name][0].numpy()[index]
        assert np.array_equal(np.ravel(stored), edge.kernel.ravel())


WITHOUT_WEIGHT = {"skip connection", "product", "attention", "pooling", "exchange of axes", "norm without scale"}


@pytest.mark.parametrize("name", DAGS)
def test_every_edge_of_a_network_that_is_no_chain_carries_the_numbers_at_its_path(name):
    from app.graph_view import view_of
    from ngcore.testing import random_network

    network = random_network(DAGS[name])
    view = view_of(network)
    paths = view.paths()
    for number, path in enumerate(paths):
        kernel = view.edge(number).kernel
        if path in WITHOUT_WEIGHT:
            assert kernel.tolist() == [[1]]
            continue
        tensor, _, place = path.partition("[")
        stored = network.parameters[tensor][0].numpy()[index_of(place)]
        assert np.array_equal(np.ravel(stored), kernel.ravel())
    assert len(paths) == len(view.value)


def index_of(place):
    """The index that stands in brackets."""
    parts = place.rstrip("]").split(", ")
    return tuple(
        slice(*(int(p) if p else None for p in part.split(":"))) if ":" in part else int(part) for part in parts
    )


@pytest.mark.parametrize("name", DAGS)
def test_biases_of_a_network_that_is_no_chain_are_at_their_paths(name):
    from app.graph_view import view_of
    from ngcore.testing import random_network

    network = random_network(DAGS[name])
    view = view_of(network)
    for node in np.flatnonzero(view.has_bias).tolist():
        tensor, _, place = view.bias_path(node).partition("[")
        assert float(network.parameters[tensor][0].numpy()[index_of(place)]) == view.bias[node]


@pytest.mark.parametrize("name", DAGS)
def test_the_part_around_a_unit_has_all_its_edges(name):
    from app.block_map import block_map
    from app.graph_view import part_of, view_of
    from ngcore.graph import graph_structure
    from ngcore.testing import random_network

    network = random_network(DAGS[name])
    units, structure, whole = block_map(DAGS[name]), graph_structure(DAGS[name]), view_of(network)
    for unit in range(len(units.units)):
        blocks = sorted(block for other in units.neighbours(unit) for block in units.units[other].blocks)
        part = part_of(network, blocks)
        first = part.layers[blocks.index(units.units[unit].blocks[0])].start
        node = structure.node_blocks[units.units[unit].blocks[0]].start
        for incoming in (True, False):
            own, all_own = part.edges_of(first, incoming=incoming), whole.edges_of(node, incoming=incoming)
            assert sorted(part.value[own]) == sorted(whole.value[all_own])
        assert part.num_left_out == 0


def test_of_a_large_part_the_strongest_edges_are_kept(monkeypatch):
    from app import graph_view
    from ngcore.networks import mlp
    from ngcore.testing import random_network

    network = random_network(mlp((6, 5, 4)))
    whole = graph_view.part_of(network, [0, 1])
    monkeypatch.setattr(graph_view, "MAX_PART_EDGES", 7)
    part = graph_view.part_of(network, [0, 1])
    strongest = np.sort(np.abs(whole.value))[-7:]
    assert np.sort(np.abs(part.value)) == pytest.approx(strongest)
    assert (part.num_left_out, part.num_weights) == (23, 30)
    assert part.share(7) == pytest.approx(strongest.sum() / np.abs(whole.value).sum())
    stored = network.parameters["0.weight"][0].numpy()
    assert all(stored[index_of(path.partition("[")[2])] == part.edge(i).value for i, path in enumerate(part.paths()))


@pytest.mark.parametrize("name", DAGS)
def test_there_is_one_activation_for_every_neuron_of_a_network_that_is_no_chain(name):
    from app.graph_view import activations, view_of
    from ngcore.testing import random_network

    network = random_network(DAGS[name])
    inputs = [x[0].numpy() for x in dag_inputs(DAGS[name])]
    assert activations(network, inputs).shape == (view_of(network).num_nodes,)


@pytest.mark.parametrize("name", ["small", "grouped", "depthwise", "flattened", "residual"])
def test_there_is_one_activation_for_every_neuron(name):
    from app.graph_view import activations, view_of
    from ngcore.testing import random_network

    architecture = architectures()[name]
    network = random_network(architecture)
    x = np.random.default_rng(0).normal(size=architecture.input_shape)
    values = activations(network, [x])
    view = view_of(network)
    assert values.shape == (view.num_nodes,)
    assert values[: view.layers[0].size] == pytest.approx(x.reshape(view.layers[0].size, -1).mean(axis=1))


def test_activations_are_those_of_the_forward_pass():
    """relu(1·1 + 2·1 + 5) = 8, relu(3 + 4 + 6) = 13, −7·8 + 8·13 + 9 = 57."""
    from app.graph_view import activations

    assert activations(network_2_2_1(), [np.array([1.0, 1.0])]).tolist() == [1, 1, 8, 13, 57]


def test_a_network_of_too_many_edges_is_refused_in_words(monkeypatch):
    from app import graph_view

    monkeypatch.setattr(graph_view, "MAX_EDGES", 5)
    with pytest.raises(graph_view.TooManyEdgesError, match="has 6 weights as edges; up to 5 are drawn"):
        graph_view.view_of(network_2_2_1())


def test_a_network_of_zeros_keeps_all_its_edges():
    from app.graph_view import view_of

    view = view_of(network_2_2_1().map(lambda tensor: tensor * 0))
    assert len(view.value) == 6
    assert view.share(3) == 1.0


@pytest.mark.parametrize("name", ["small", "grouped", "depthwise", "flattened", "residual"])
def test_the_table_of_weights_says_what_each_edge_says_alone(name):
    import torch

    from app.graph_view import view_of
    from app.network.weight_table import weight_table
    from ngcore.testing import random_network

    network = random_network(architectures()[name], dtype=torch.float32)
    view = view_of(network)
    header, *rows = csv.reader(io.StringIO(weight_table(network).decode()))
    assert header == ["from", "to", "tensor", "weights"]
    assert len(rows) == len(view.value)
    for number in range(len(view.value)):
        edge = view.edge(number)
        assert rows[number][:3] == [view.node_name(edge.source), view.node_name(edge.target), edge.path]
        assert np.array_equal(np.array(rows[number][3].split(), np.float32), edge.kernel.ravel())


def test_one_large_kernel_makes_no_other_edge_large():
    from app.graph_view import view_of
    from ngcore.networks import Conv2d, GlobalAveragePool, Linear, chain
    from ngcore.testing import random_network

    layers = (Conv2d(1, 1, (64, 64)), GlobalAveragePool(), Linear(1, 40), Linear(40, 40))
    network = random_network(chain((1, 64, 64), layers))
    kept = sum(
        kernels.base.nbytes if kernels.base is not None else kernels.nbytes for kernels in view_of(network).kernels
    )
    assert kept <= sum(tensor.nbytes for tensor in network.parameters.values())
