"""Neural graphs of networks that are no chains: exact, and with the edges that the forward pass has."""

import pytest
import torch
from dag_architectures import DAGS, Steps, dag_inputs, recurrent

from ngcore.graph import from_flat, graph_structure, node_responses, to_flat, to_graph, to_network
from ngcore.networks import Attend, Linear, Recurrence, Slice
from ngcore.testing import random_network


@pytest.mark.parametrize("name", DAGS)
def test_the_graph_of_a_network_gives_the_network_back_bit_for_bit(name):
    network = random_network(DAGS[name], 2)
    assert to_network(to_graph(network)).equals(network)


@pytest.mark.parametrize("name", DAGS)
def test_graphs_survive_the_flat_layout(name):
    network = random_network(DAGS[name], 2)
    graph = to_graph(network)
    (back,) = from_flat(to_flat(graph))
    assert torch.equal(back.node_features, graph.node_features)
    assert all(torch.equal(one, two) for one, two in zip(back.edge_features, graph.edge_features, strict=True))


@pytest.mark.parametrize("name", DAGS)
def test_gradients_of_all_weights_flow_through_a_graph_and_back(name):
    network = random_network(DAGS[name], 2).map(lambda tensor: tensor.requires_grad_())
    to_network(to_graph(network)).flatten().sum().backward()
    assert all(bool((tensor.grad == 1).all()) for tensor in network.parameters.values())


@pytest.mark.parametrize("name", DAGS)
def test_every_node_block_has_as_many_responses_as_neurons(name):
    network = random_network(DAGS[name], 2)
    structure = graph_structure(network.architecture)
    found = node_responses(structure, network.values(*dag_inputs(network.architecture)))
    assert [tuple(own.shape) for own in found] == [(2, 3, block.size) for block in structure.node_blocks]


def test_a_fused_projection_opens_a_block_for_each_run_that_stays_whole():
    s = Steps((4, 5))
    fused = s(Linear(4, 18), 0, name="qkv")
    parts = [s(Slice(start, start + 6), fused) for start in (0, 6, 12)]
    structure = graph_structure(s.end(s(Linear(6, 2), s(Attend(2), *parts), name="o")))
    assert [(block.size, block.layer) for block in structure.node_blocks] == [
        (4, None),
        *[(6, "qkv")] * 3,
        *[(6, None), (2, None), (6, None)],
        (2, "o"),
    ]
    rows = [edges.rows for edges in structure.edge_blocks if edges.layer == "qkv"]
    assert rows == [(0, 6), (6, 12), (12, 18)]


def test_queries_and_keys_meet_in_product_nodes_that_go_to_the_scores_of_their_heads():
    s = Steps((4, 5))
    q, k, v = (s(Linear(4, 6), 0, name=name) for name in "qkv")
    structure = graph_structure(s.end(s(Attend(2), q, k, v)))
    about = [(e.source, e.target, e.groups, e.kind) for e in structure.edge_blocks if e.layer is None]
    assert about == [
        (1, 4, 6, "product"),
        (2, 4, 6, "product"),
        (3, 6, 6, "product"),
        (4, 5, 2, "attention"),
        (5, 6, 2, "attention"),
    ]


def test_a_recurrent_weight_is_an_edge_backwards():
    structure = graph_structure(recurrent("lstm"))
    backwards = [edges for edges in structure.edge_blocks if edges.source >= edges.target]
    assert {edges.kind for edges in backwards} == {"recurrent", "product"}
    gates = [edges.rows for edges in structure.edge_blocks if edges.kind == "recurrent" and edges.layer == "0"]
    assert gates == [(0, 4), (4, 8), (8, 12), (12, 16)]


def test_the_edges_of_a_plain_recurrence_are_its_two_weights():
    s = Steps((3, 4))
    network = random_network(s.end(s(Recurrence("rnn_tanh", 3, 2), 0, name="rnn")), 1)
    graph = to_graph(network)
    into, within = graph.edge_features
    assert torch.equal(into[0, 0, :, :, 0].T, network.parameters["rnn.weight_ih"][0])
    assert torch.equal(within[0, 0, :, :, 0].T, network.parameters["rnn.weight_hh"][0])
    biases = torch.stack([network.parameters["rnn.bias_ih"], network.parameters["rnn.bias_hh"]], dim=-1)
    assert torch.equal(graph.node_features[:, 3:], biases)
