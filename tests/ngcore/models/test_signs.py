"""The canonical sign of neurons with odd activations."""

import pytest
import torch

from ngcore.errors import NeuralGraphError
from ngcore.models import build_model, preset
from ngcore.models.config import GNNConfig
from ngcore.models.signs import canonical_signs
from ngcore.networks import flip_signs, mlp, siren
from ngcore.testing import assert_invariant, random_network


def test_canonical_biases_are_not_negative_and_the_function_is_the_same() -> None:
    network = random_network(siren((2, 5, 4, 1)), 3, seed=1)
    canonical = canonical_signs(network)
    x = torch.rand(6, 2, dtype=torch.float64)
    assert (canonical.parameters["0.bias"] >= 0).all()
    assert (canonical.parameters["2.bias"] >= 0).all()
    torch.testing.assert_close(canonical(x), network(x), rtol=0, atol=1e-12)


def test_networks_without_odd_activations_stay_as_they_are() -> None:
    network = random_network(mlp((2, 5, 1), "relu"), 2, seed=1)
    assert canonical_signs(network).equals(network)


def test_a_sign_invariant_model_sees_no_difference_between_flipped_networks(generator: torch.Generator) -> None:
    network = random_network(siren((2, 6, 5, 1)), 4, seed=2)
    config = preset("ng-gnn-signs", d_out=3, d_node=8, d_edge=8, fourier_frequencies=4)
    model = build_model(config, [network.architecture]).double().eval()
    flipped = flip_signs(network, generator)
    assert not flipped.equals(network)
    torch.testing.assert_close(model(flipped), model(network), rtol=0, atol=1e-10)
    assert_invariant(model, network)


def test_a_plain_model_does_see_the_difference(generator: torch.Generator) -> None:
    network = random_network(siren((2, 6, 5, 1)), 4, seed=2)
    config = preset("ng-gnn", d_out=3, d_node=8, d_edge=8, fourier_frequencies=4)
    model = build_model(config, [network.architecture]).double().eval()
    assert (model(flip_signs(network, generator)) - model(network)).abs().max() > 1e-3


def test_a_sign_invariant_parameter_head_is_refused() -> None:
    with pytest.raises(NeuralGraphError, match="Expected an invariant head for a sign-invariant model"):
        GNNConfig(head="parameters", is_sign_invariant=True)
