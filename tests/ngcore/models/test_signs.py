"""The canonical sign of neurons with odd activations, and the canonical phase of sines."""

import pytest
import torch

from ngcore.errors import NeuralGraphError
from ngcore.models import build_model, preset
from ngcore.models.config import GNNConfig
from ngcore.models.signs import canonical_signs
from ngcore.networks import flip_signs, mlp, shift_phases, siren
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


SMALL = {
    "ng-gnn-signs": {"d_node": 8, "d_edge": 8, "fourier_frequencies": 4},
    "ng-t-signs": {"d_node": 8, "d_edge": 8, "fourier_frequencies": 4, "d_attention": 8, "num_heads": 2},
    "ng-sweep": {"d_node": 8, "d_hidden": 16},
    "ng-sweep-64-probes": {"d_node": 8, "d_hidden": 16, "num_probes": 4},
}


@pytest.mark.parametrize("name", SMALL)
def test_a_phase_invariant_model_sees_no_symmetry_of_a_siren(name: str, generator: torch.Generator) -> None:
    """Order, signs and phases together are all that leaves a SIREN's function as it is."""
    network = random_network(siren((2, 6, 5, 1)), 4, seed=2)
    config = preset(name, d_out=3, is_phase_invariant=True, **SMALL[name])
    model = build_model(config, [network.architecture]).double().eval()
    copy = shift_phases(flip_signs(network, generator), generator)
    torch.testing.assert_close(model(copy), model(network), rtol=0, atol=1e-10)
    assert_invariant(model, copy)


@pytest.mark.parametrize("name", SMALL)
def test_turns_of_trained_networks_change_no_answer_of_models_that_leave_phases_as_they_are(
    name: str, generator: torch.Generator
) -> None:
    network = random_network(siren((2, 6, 5, 1)), 4, seed=2)
    network.parameters["0.bias"].clamp_(-0.05, 0.05)  # within a quarter turn, as nearly all in trained networks
    network.parameters["2.bias"].clamp_(-0.05, 0.05)
    network.parameters["0.bias"][:, 0] = 0.001
    turns = torch.randint(-3, 4, (4, 6), generator=generator)
    turns[:, 0] = 1  # to just beyond the limit
    model = build_model(preset(name, d_out=3, **SMALL[name]), [network.architecture]).double().eval()
    turned = shift_phases(network, {1: turns.double()})
    torch.testing.assert_close(model(turned), model(network), rtol=0, atol=1e-10)


def test_an_editor_changes_copies_by_whole_turns_alike() -> None:
    network = random_network(siren((2, 6, 5, 1)), 2, seed=2)
    config = preset("ng-sweep-edit-64-probes", num_probes=4, d_node=8, d_edge=8, d_output=16)
    model = build_model(config, [network.architecture]).double().eval()
    turned = shift_phases(network, {1: torch.full((2, 6), 2.0), 2: torch.full((2, 5), -4.0)})
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
        torch.testing.assert_close(model(turned).flatten(), model(network).flatten(), rtol=0, atol=1e-9)
