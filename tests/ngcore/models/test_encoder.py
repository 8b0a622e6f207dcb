"""Initial features: the Fourier embedding, and what each embedding tells apart."""

import pytest
import torch
from example_architectures import ARCHITECTURES, VECTORS
from tiny_models import tiny_model

from ngcore.errors import ShapeMismatchError
from ngcore.models.encoder import FourierEmbedding
from ngcore.networks import Network, mlp, siren
from ngcore.testing import random_network


@pytest.mark.parametrize("d_in", [1, 9])
def test_the_fused_linears_equal_the_two_one_after_the_other(d_in, generator):
    embedding = FourierEmbedding(d_in, 6, num_frequencies=5, scale=3.0).double()
    x = torch.randn(2, 4, d_in, generator=generator, dtype=torch.float64)
    phase = x @ embedding.frequencies
    features = torch.cat([phase.sin(), phase.cos()], dim=-1)
    torch.testing.assert_close(embedding(x), embedding.second(embedding.first(features)), atol=1e-10, rtol=1e-10)


def test_frequencies_have_the_deviation_asked_for():
    assert FourierEmbedding(1, 2, num_frequencies=20_000, scale=3.0).frequencies.std() == pytest.approx(3.0, rel=0.05)


def test_features_have_one_row_a_node_and_one_an_edge():
    architecture = ARCHITECTURES["batch norm cnn"]
    encoder = tiny_model("ng-gnn", [architecture]).encoder
    nodes, edges = encoder(random_network(architecture, 3))
    assert nodes.shape == (3, 2 + 4 + 4 + 4 + 4 + 6 + 2 + 5 + 2, 8)
    assert [edge.shape[-1] for edge in edges] == [6] * 10


def test_neurons_of_a_hidden_layer_start_alike_and_inputs_and_outputs_apart():
    architecture = mlp((2, 3, 2))
    network = random_network(architecture).map(torch.zeros_like)
    nodes = tiny_model("ng-gnn", [architecture]).encoder(network)[0][0]
    torch.testing.assert_close(nodes[2:5], nodes[2].expand(3, -1))
    different = torch.cdist(nodes, nodes) > 1e-3
    assert different.sum() == 7 * 7 - 7 - 3 * 2


def test_hidden_layers_start_apart_from_each_other():
    architecture = mlp((2, 3, 3, 2))
    network = random_network(architecture).map(torch.zeros_like)
    nodes = tiny_model("ng-gnn", [architecture]).encoder(network)[0][0]
    assert (nodes[2] - nodes[5]).abs().max() > 1e-3


def test_edges_of_norms_and_skips_are_told_apart_from_weights():
    """A weight of 1, a norm scale of 1 and a skip differ by their kinds' vectors alone."""
    architecture = ARCHITECTURES["batch norm cnn"]
    model = tiny_model("ng-gnn", [architecture])
    network = random_network(architecture).map(torch.ones_like)
    position = next(i for i, layer in enumerate(architecture.layers) if layer.kind == "batch_norm")
    for name, value in (("running_mean", 0.0), ("running_var", 1 - architecture.layers[position].eps)):
        network.parameters[f"{position}.{name}"].fill_(value)
    _, edges = model.encoder(network)
    norm, skip = edges[1][0, 0, 0, 0], edges[-1][0, 0, 0, 0]
    kinds = model.encoder.edge_kind_embedding.weight
    torch.testing.assert_close(norm - skip, kinds[1] - kinds[2])


def test_probes_add_to_the_node_features_alone():
    architecture = siren((2, 4, 1))
    model, network = tiny_model("ng-gnn-64-probes", [architecture]), random_network(architecture, 2)
    nodes, edges = model.encoder(network)
    probes, model.encoder.probes = model.encoder.probes, None
    plain_nodes, plain_edges = model.encoder(network)
    torch.testing.assert_close(nodes, plain_nodes + probes(network))
    assert all(torch.equal(one, other) for one, other in zip(edges, plain_edges, strict=True))


def test_kernels_larger_than_the_model_was_built_for_are_refused():
    model = tiny_model("ng-gnn", [VECTORS["siren"]])
    with pytest.raises(ShapeMismatchError, match="Expected kernels of at most 1×1, got 5×5"):
        model(random_network(ARCHITECTURES["mixed kernels"]))


def test_running_statistics_are_seen():
    architecture = ARCHITECTURES["batch norm cnn"]
    model, network = tiny_model("ng-gnn", [architecture]), random_network(architecture)
    name = next(name for name in network.parameters if name.endswith("running_var"))
    other = Network(architecture, network.parameters | {name: 4 * network.parameters[name]})
    assert (model(other) - model(network)).abs().max() > 1e-6


@pytest.mark.parametrize("sizes", [(3, 4, 1), (2, 4, 2)])
def test_networks_with_more_inputs_or_outputs_than_the_model_was_built_for_are_refused(sizes):
    model = tiny_model("ng-gnn", [siren((2, 4, 1))])
    with pytest.raises(ShapeMismatchError, match="Expected networks of at most 2 inputs and 1 outputs, got"):
        model(random_network(siren(sizes)))
