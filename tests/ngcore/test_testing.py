"""The symmetry checks themselves: they pass models that keep the symmetry and fail those that break it."""

import pytest
import torch

from ngcore.networks import Activation, BatchNorm, Linear, Network, chain, mlp, siren
from ngcore.testing import (
    assert_equivariant,
    assert_invariant,
    equivariance_drift,
    invariance_drift,
    random_network,
)

ARCHITECTURE = siren((2, 8, 8, 1))


def scaled_by_layer_norms(network):
    """Every tensor divided by its own norm: equivariant."""
    return network.map(lambda tensor: tensor / tensor.flatten(1).norm(dim=1).view(-1, *(1,) * (tensor.dim() - 1)))


def shifted_in_the_first_neuron(network):
    """A map that treats the first hidden neuron unlike the others."""
    bias = network.parameters["0.bias"]
    return Network(network.architecture, {**network.parameters, "0.bias": bias + torch.eye(8)[0].to(bias)})


def test_an_invariant_model_passes_and_the_largest_error_is_returned():
    network = random_network(ARCHITECTURE, 3)
    error = assert_invariant(lambda n: n.flatten().square().sum(dim=1), network)
    assert 0 <= error < 1e-9


def test_a_model_that_reads_the_first_hidden_neuron_fails():
    network = random_network(ARCHITECTURE, 3)
    with pytest.raises(
        AssertionError, match=r"same result .* largest error of .*e.* at a scale of .*e.* \(allowed: 1e-08"
    ):
        assert_invariant(lambda n: n.parameters["0.bias"][:, 0], network)


def test_a_model_that_is_wrong_for_one_network_of_the_stack_fails():
    def model(network):
        return torch.cat([network[:2].flatten().sum(dim=1), network.parameters["2.weight"][2:, 0, 0]])

    with pytest.raises(AssertionError, match="same result"):
        assert_invariant(model, random_network(ARCHITECTURE, 3))


def test_a_model_that_reads_the_output_bias_passes():
    assert assert_invariant(lambda n: n.parameters["4.bias"], random_network(ARCHITECTURE, 3)) == 0


def test_a_model_that_returns_nan_fails():
    with pytest.raises(AssertionError, match="nan"):
        assert_invariant(lambda n: n.flatten().sum(dim=1) * float("nan"), random_network(ARCHITECTURE))


def test_an_equivariant_map_passes():
    assert assert_equivariant(scaled_by_layer_norms, random_network(ARCHITECTURE, 3)) < 1e-9


def test_a_map_that_changes_the_first_hidden_neuron_fails():
    with pytest.raises(AssertionError, match="permuted results for permuted networks"):
        assert_equivariant(shifted_in_the_first_neuron, random_network(ARCHITECTURE, 3))


def test_drift_is_measured_without_raising():
    network = random_network(ARCHITECTURE, 3)
    broken = invariance_drift(lambda n: n.parameters["0.bias"][:, 0], network)
    assert broken.error > 0
    assert broken.relative == broken.error / broken.scale
    assert equivariance_drift(shifted_in_the_first_neuron, network).error == pytest.approx(1)


def test_the_tolerance_follows_the_data_type():
    network = random_network(ARCHITECTURE, 3, dtype=torch.float32)
    model = torch.nn.functional.normalize
    assert_invariant(lambda n: model(n.flatten().sum(dim=1, keepdim=True)), network)
    with pytest.raises(AssertionError):
        assert_invariant(lambda n: n.parameters["0.bias"][:, 0], network)


def test_random_networks_randomise_everything_and_keep_variances_positive():
    layers = (Linear(2, 4), BatchNorm(4), Activation("relu"), Linear(4, 1))
    network = random_network(chain((2,), layers), 5, seed=1)
    assert all(tensor.flatten().unique().numel() == tensor.numel() for tensor in network.parameters.values())
    assert network.parameters["1.running_var"].min() >= 0.5
    assert network.equals(random_network(chain((2,), layers), 5, seed=1))
    assert not network.equals(random_network(chain((2,), layers), 5, seed=2))


def test_a_network_without_hidden_neurons_does_not_drift():
    assert assert_invariant(lambda n: n.flatten(), random_network(mlp((2, 3)), 2)) == 0
