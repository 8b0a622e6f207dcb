"""The graph as files of other programs: each can be read back by what it is for."""

import io

import numpy as np
import pytest
import torch


@pytest.fixture
def network():
    from ngcore.networks import mlp
    from ngcore.testing import random_network

    return random_network(mlp((6, 5, 3)), seed=1, dtype=torch.float32)


def test_graphml_is_read_back_with_all_neurons_and_weights(network):
    networkx = pytest.importorskip("networkx")
    from app.graph_view import view_of
    from app.network.graph_files import graphml

    found = networkx.read_graphml(io.BytesIO(graphml(view_of(network))))
    assert found.number_of_nodes() == 14 and found.number_of_edges() == 45
    assert found.nodes["n6"]["name"] == "layer 1 · 0" and "bias" not in found.nodes["n0"]
    assert found.edges["n2", "n7"]["weight"] == pytest.approx(float(network.parameters["0.weight"][0, 1, 2]), rel=1e-6)


def test_hostile_names_stay_text_in_graphml(network):
    import dataclasses
    import xml.etree.ElementTree as ElementTree

    from app.graph_view import view_of
    from app.network.graph_files import graphml

    view = view_of(network)
    layers = tuple(dataclasses.replace(layer, name='"</node><x>&') for layer in view.layers)
    root = ElementTree.fromstring(graphml(dataclasses.replace(view, layers=layers)))
    assert not [element for element in root.iter() if element.tag.endswith("}x")]


def test_the_data_of_torch_geometric_is_the_graph(network):
    from torch_geometric.data import Data

    from app.network.graph_files import pyg_data

    data = torch.load(io.BytesIO(pyg_data(network)), weights_only=False)
    assert isinstance(data, Data)
    assert data.num_nodes == 14 and data.num_edges == 45


def test_a_tensor_is_saved_as_it_is(network):
    from app.network.graph_files import npy

    assert np.array_equal(np.load(io.BytesIO(npy(network, "2.weight"))), network.parameters["2.weight"][0].numpy())
    half = network.map(lambda tensor: tensor.bfloat16())
    assert np.load(io.BytesIO(npy(half, "0.bias"))).dtype == np.float32


def test_what_is_too_large_for_a_format_is_refused_with_its_limit(network, monkeypatch):
    from app.graph_view import view_of
    from app.network import graph_files, weight_table
    from ngcore.errors import NeuralGraphError

    monkeypatch.setattr(graph_files, "MAX_GRAPHML_EDGES", 10)
    monkeypatch.setattr(graph_files, "MAX_PYG_NUMBERS", 10)
    monkeypatch.setattr(weight_table, "MAX_WEIGHTS", 10)
    for write in (
        lambda: graph_files.graphml(view_of(network)),
        lambda: graph_files.pyg_data(network),
        lambda: weight_table.weight_table(network),
    ):
        with pytest.raises(NeuralGraphError, match="Expected at most 10 "):
            write()


def test_the_python_of_a_view_compiles_and_names_the_network():
    from app.network.graph_files import python_code
    from app.state import Selection

    for selection in (Selection("mnist-inrs", "mnist-inrs/000001"), Selection("upload", "a" * 64)):
        code = python_code(selection, "x'.safetensors")
        compile(code, "view", "exec")
        assert ("mnist-inrs/000001" in code) is not selection.is_upload


def test_the_drawings_keep_edges_of_every_layer(network):
    from app.graph_view import view_of

    view = view_of(network.map(lambda tensor: tensor * (1e-3 if tensor.shape[-1] == 6 else 1)))
    kept = view.strongest_of_layers(20)
    assert np.bincount(view.block[kept]).tolist() == [10, 10]
