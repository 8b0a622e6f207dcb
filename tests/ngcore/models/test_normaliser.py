"""Standardising weights and biases layer by layer."""

import torch

from ngcore.models.normaliser import Normaliser, fold_statistics_and_biases
from ngcore.models.rows import rows_by_depth
from ngcore.networks import Activation, BatchNorm, Linear, chain, siren
from ngcore.testing import assert_equivariant, random_network


def test_a_fitted_corpus_has_mean_0_and_deviation_1_in_every_layer():
    network = random_network(siren((2, 6, 5, 1)), 20).map(lambda tensor: 3 * tensor + 2)
    normaliser = Normaliser(rows_by_depth(2)).double()
    normaliser.fit([network[:7], network[7:]])
    for tensor in normaliser(network).parameters.values():
        assert abs(tensor.mean()) < 1e-9
        assert abs(tensor.std(correction=0) - 1) < 1e-9


def test_an_unfitted_normaliser_changes_nothing():
    network = random_network(siren((2, 6, 5, 1)), 2)
    assert Normaliser(rows_by_depth(2)).double()(network).equals(network)


def test_standardising_commutes_with_permutations():
    network = random_network(siren((2, 6, 5, 1)), 4)
    normaliser = Normaliser(rows_by_depth(2)).double()
    normaliser.fit([network])
    assert_equivariant(normaliser, network)


def test_output_layers_share_their_statistics_whatever_the_depth():
    """Shallow and deep networks: the last Linear always takes the last row, deep hidden ones share that before."""
    shallow, deep = random_network(siren((2, 3, 1)), 50), random_network(siren((2, 3, 3, 3, 3, 1)), 50)
    normaliser = Normaliser(rows_by_depth(2)).double()
    normaliser.fit([shallow, deep])
    outputs = torch.cat([shallow.parameters["2.weight"].flatten(), deep.parameters["8.weight"].flatten()])
    torch.testing.assert_close(normaliser.mean[2, 0], outputs.mean())
    inner = torch.cat([deep.parameters[f"{i}.weight"].flatten() for i in (2, 4, 6)])
    torch.testing.assert_close(normaliser.std[1, 0], inner.std(correction=0))


def test_a_layer_of_equal_numbers_keeps_deviation_1():
    network = random_network(siren((2, 3, 1)), 3).map(lambda tensor: torch.full_like(tensor, 0.25))
    normaliser = Normaliser(rows_by_depth(1)).double()
    normaliser.fit([network])
    assert (normaliser.std == 1).all()
    assert not normaliser(network).flatten().any()


def test_norms_and_running_statistics_are_left_as_they_are():
    architecture = chain((2,), (Linear(2, 4, bias=False), BatchNorm(4), Activation("relu"), Linear(4, 1)))
    network = random_network(architecture, 5)
    normaliser = Normaliser(rows_by_depth(2)).double()
    normaliser.fit([network])
    result = normaliser(network).parameters
    changed = {name for name, tensor in result.items() if not torch.equal(tensor, network.parameters[name])}
    assert changed == {"0.weight", "3.weight", "3.bias"}
    assert normaliser.mean[0, 1] == 0


def test_folded_running_statistics_leave_the_function_and_move_into_scale_and_shift() -> None:
    architecture = chain((3,), (Linear(3, 4), BatchNorm(4), Activation("relu"), Linear(4, 2)))
    network = random_network(architecture, 3, seed=4)
    folded = fold_statistics_and_biases(network)
    x = torch.rand(5, 3, dtype=torch.float64)
    torch.testing.assert_close(folded(x), network(x), rtol=0, atol=1e-12)
    assert (folded.parameters["1.running_mean"] == 0).all()
    assert not torch.equal(folded.parameters["1.weight"], network.parameters["1.weight"])


def test_networks_can_be_standardised_by_their_own_statistics():
    """A network whose weights are ten times another's looks the same; a lone output bias is left as it is."""
    network = random_network(siren((2, 6, 5, 1)), 3)
    normaliser = Normaliser(rows_by_depth(2), scaling="network").double()
    small, large = normaliser(network).parameters, normaliser(network.map(lambda tensor: 10 * tensor)).parameters
    for name, tensor in small.items():
        if name == "4.bias":
            assert torch.equal(tensor, network.parameters[name])
        else:
            torch.testing.assert_close(tensor, large[name])
            torch.testing.assert_close(tensor.flatten(1).std(dim=1, correction=0), torch.ones(3).double())


def test_without_scaling_networks_stay_as_they_are_after_fitting_too():
    network = random_network(siren((2, 6, 5, 1)), 3)
    normaliser = Normaliser(rows_by_depth(2), scaling="none").double()
    normaliser.fit([network])
    assert normaliser(network) is network


def test_statistics_that_are_not_centred_keep_signs():
    network = random_network(siren((2, 6, 5, 1)), 20).map(lambda tensor: tensor + 0.5)
    normaliser = Normaliser(rows_by_depth(2), is_centred=False).double()
    normaliser.fit([network])
    scaled = normaliser(network).parameters
    assert all(torch.equal(scaled[name].sign(), tensor.sign()) for name, tensor in network.parameters.items())
    assert all(abs(tensor.square().mean() - 1) < 1e-9 for tensor in scaled.values())
