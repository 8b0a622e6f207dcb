"""Probe responses are what the network itself computes."""

import pytest
import torch
from example_architectures import ARCHITECTURES

from ngcore.errors import ShapeMismatchError
from ngcore.graph import graph_structure
from ngcore.models import InputSpec
from ngcore.models.probe_features import ProbeFeatures, probe_responses
from ngcore.models.rows import rows_by_depth
from ngcore.networks import mlp, siren, small_cnn
from ngcore.testing import assert_invariant, random_network


def probe_features(architecture, num_probes=4):
    spec = InputSpec.of([architecture])
    return ProbeFeatures(num_probes=num_probes, spec=spec, rows=spec.rows("depth"), d_node=6).double()


def test_responses_of_a_siren_are_its_activations(generator):
    network = random_network(siren((2, 4, 3, 1)), 2)
    x = torch.rand(5, 2, generator=generator, dtype=torch.float64)
    w = network.parameters
    first = torch.sin(30 * (x @ w["0.weight"].mT + w["0.bias"][:, None]))
    second = torch.sin(30 * (first @ w["2.weight"].mT + w["2.bias"][:, None]))
    expected = [x.expand(2, 5, 2).mT, first.mT, second.mT, network(x).mT]
    responses = probe_responses(network, x, graph_structure(network.architecture))
    for response, wanted in zip(responses, expected, strict=True):
        torch.testing.assert_close(response, wanted)


def test_responses_of_a_cnn_are_means_over_positions(generator):
    network = random_network(small_cnn((1, 4, 5), num_classes=3, image_size=(7, 6)), 2)
    x = torch.rand(5, 1, 7, 6, generator=generator, dtype=torch.float64)
    values = network.values(x)
    responses = probe_responses(network, x, graph_structure(network.architecture))
    assert [response.shape for response in responses] == [(2, n, 5) for n in (1, 4, 5, 3)]
    torch.testing.assert_close(responses[1], values[2].mean(dim=(3, 4)).mT)
    torch.testing.assert_close(responses[3], network(x).mT)


@pytest.mark.parametrize("architecture", ARCHITECTURES.values(), ids=ARCHITECTURES)
def test_features_have_one_row_a_node(architecture):
    structure = graph_structure(architecture)
    features = probe_features(architecture)
    assert features(random_network(architecture, 2)).shape == (2, structure.num_nodes, 6)


def test_features_pooled_over_a_layer_do_not_notice_permutations():
    features = probe_features(siren((2, 4, 4, 1)))
    assert_invariant(lambda n: features(n)[:, 2:6].square().sum(1), random_network(siren((2, 4, 4, 1)), 2))


def test_probe_inputs_start_within_the_unit_square_and_learn():
    features = probe_features(siren((2, 4, 4, 1)), 100)
    assert features.probes.inputs.abs().max() <= 1
    assert features.probes.inputs.min() < -0.5
    features(random_network(siren((2, 4, 4, 1)))).square()[..., 0].sum().backward()
    assert features.probes.inputs.grad.abs().sum() > 0


def test_deep_hidden_layers_share_the_last_entry():
    assert rows_by_depth(2).of(graph_structure(mlp((1, 1, 1, 1, 1, 1)))) == (0, 1, 2, 2, 2, 3)


def test_networks_that_read_other_inputs_are_refused():
    features = probe_features(siren((2, 4, 4, 1)))
    with pytest.raises(
        ShapeMismatchError,
        match=r"^Expected networks that read inputs of shape \(2,\), got \(3,\); use a model without probes\.$",
    ):
        features(random_network(mlp((3, 4, 1))))


def test_input_networks_run_in_full_precision_inside_a_model_that_does_not():
    architecture = siren((2, 8, 8, 1))
    network = random_network(architecture, 3, dtype=torch.float32)
    x, structure = torch.rand(5, 2), graph_structure(architecture)
    expected = probe_responses(network, x, structure)
    with torch.autocast("cpu", torch.bfloat16):
        inside = probe_responses(network, x, structure)
    assert all(torch.equal(*pair) for pair in zip(expected, inside, strict=True))
