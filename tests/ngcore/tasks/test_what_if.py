"""Damaged layers: each way does what it says, to one layer, in any architecture."""

import pytest
import torch
from dag_architectures import DAGS
from example_architectures import MAPS, VECTORS

from ngcore.errors import NeuralGraphError, ShapeMismatchError, UnknownNameError
from ngcore.networks import Network, mlp
from ngcore.networks.architecture import has_weights
from ngcore.networks.layers import Recurrence
from ngcore.networks.random_inputs import draw_inputs
from ngcore.tasks import WAYS, change_layer, changeable_layers, parse_change, sweep_layer
from ngcore.testing import random_network

ARCHITECTURES = VECTORS | MAPS | DAGS


@pytest.fixture
def network():
    return random_network(mlp((6, 10, 4)), 3)


def weight(network, layer="0"):
    return network.parameters[f"{layer}.weight"]


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("how", WAYS)
def test_only_the_parameters_of_the_layer_change_and_most_where_the_strength_is_largest(name, how):
    network = random_network(ARCHITECTURES[name], 2)
    for layer in changeable_layers(network.architecture):
        same = change_layer(network, layer, how, WAYS[how].strengths[0])
        assert same.equals(network)
        changed = change_layer(network, layer, how, WAYS[how].strengths[-1])
        moved = {key for key, own in changed.parameters.items() if not torch.equal(own, network.parameters[key])}
        assert moved <= {key for key in network.parameters if key.startswith(f"{layer}.")}
        assert moved or weight(network, layer)[0].numel() < 3  # two levels hold two weights


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_share_of_neurons_that_is_dropped_gives_nothing(name):
    network = random_network(ARCHITECTURES[name], 2)
    inputs = draw_inputs(network.architecture, 3, torch.Generator().manual_seed(0))
    inputs = [x.double() if x.is_floating_point() else x for x in inputs]
    before = network.values(*inputs)
    for number, step in enumerate(network.architecture.steps):
        if not has_weights(step.layer) or isinstance(step.layer, Recurrence):
            continue
        if [other.name for other in network.architecture.steps].count(step.name) > 1:
            continue  # tied weights
        place = network.architecture.num_inputs + number
        after = change_layer(network, step.name, "drop", 0.5).values(*inputs)[place]
        is_kept = after.transpose(1, 2).flatten(2).abs().amax(dim=2) > 0
        width = after.shape[2]
        assert (is_kept.sum(dim=1) == width - round(width / 2)).all()
        for i, kept in enumerate(is_kept):
            assert torch.equal(after[i][:, kept], before[place][i][:, kept])


def test_a_dropped_recurrence_keeps_the_rest_of_its_neurons():
    name, network = next(
        (layer, random_network(architecture, 1))
        for architecture in DAGS.values()
        for layer, text in changeable_layers(architecture).items()
        if text.startswith("recurrence")
    )
    changed = change_layer(network, name, "drop", 0.5)
    rows = (changed.parameters[f"{name}.weight_ih"][0] == 0).all(dim=1)
    hidden = network.parameters[f"{name}.weight_hh"].shape[2]
    gates = rows.view(-1, hidden)
    assert (gates == gates[0]).all() and gates[0].sum() == round(hidden / 2)


def test_zeroed_weights_are_as_many_as_said_and_the_same_ones_stay_zero_when_it_gets_worse(network):
    is_zero = [weight(change_layer(network, "0", "zero", share)) == 0 for share in (0.25, 0.5, 1.0)]
    assert [zeros.flatten(1).sum(dim=1).tolist() for zeros in is_zero] == [[15] * 3, [30] * 3, [60] * 3]
    assert (is_zero[0] <= is_zero[1]).all()
    assert not torch.equal(is_zero[0][0], is_zero[0][1])  # every network has its own


def test_shuffled_weights_are_the_same_numbers_in_other_places(network):
    changed = weight(change_layer(network, "0", "shuffle", 0.5))
    assert torch.equal(changed.flatten(1).sort(dim=1).values, weight(network).flatten(1).sort(dim=1).values)
    assert (changed != weight(network)).flatten(1).sum(dim=1).tolist() == [30] * 3


def test_noise_is_in_units_of_the_standard_deviation_of_the_weights():
    network = random_network(mlp((80, 100, 2)), 2)
    noise = weight(change_layer(network, "0", "noise", 0.5)) - weight(network)
    spread = weight(network).flatten(1).std(dim=1)
    torch.testing.assert_close(noise.flatten(1).std(dim=1), 0.5 * spread, rtol=0.05, atol=0)
    twice = weight(change_layer(network, "0", "noise", 1.0)) - weight(network)
    torch.testing.assert_close(twice, 2 * noise)


def test_weights_of_two_bits_are_four_numbers_worked_out_by_hand():
    architecture = mlp((7, 1))
    given = torch.tensor([[[0.0, 0.4, 0.6, 1.4, 1.6, 2.9, 3.0]]])
    network = Network(architecture, {"0.weight": given, "0.bias": torch.tensor([[9.0]])})
    rounded = change_layer(network, "0", "quantise", 2.0)
    assert weight(rounded).flatten().tolist() == [0, 0, 1, 1, 2, 3, 3]
    assert rounded.parameters["0.bias"].item() == 9
    assert weight(change_layer(network, "0", "quantise", 1.0)).unique().tolist() == [0, 3]


def test_equal_weights_stay_what_they_are_when_rounded():
    network = Network(mlp((2, 1)), {"0.weight": torch.full((1, 1, 2), 0.3), "0.bias": torch.zeros(1, 1)})
    assert change_layer(network, "0", "quantise", 1.0).equals(network)


def test_a_sweep_is_a_stack_of_the_changes_one_by_one(network):
    one = network[:1]
    swept = sweep_layer(one, "2", "noise", (0.0, 1.0, 2.0), seed=7)
    assert len(swept) == 3 and swept[0].equals(one)
    assert swept[2].equals(change_layer(one, "2", "noise", 2.0, torch.Generator().manual_seed(7)))


@pytest.mark.parametrize(
    ("layer", "how", "strength", "error"),
    [
        ("1", "zero", 0.5, UnknownNameError),
        ("0", "melt", 0.5, UnknownNameError),
        ("0", "zero", 1.5, NeuralGraphError),
        ("0", "noise", float("nan"), NeuralGraphError),
        ("0", "quantise", 0.0, NeuralGraphError),
    ],
)
def test_what_makes_no_sense_is_refused(network, layer, how, strength, error):
    with pytest.raises(error):
        change_layer(network, layer, how, strength)


def test_a_sweep_of_several_networks_is_refused(network):
    with pytest.raises(ShapeMismatchError):
        sweep_layer(network, "0", "zero")


def test_changes_are_read_from_text_with_colons_in_names_of_layers():
    assert parse_change("2:noise:0.5") == ("2", "noise", 0.5)
    assert parse_change("block:0:conv:quantise:4") == ("block:0:conv", "quantise", 4.0)


@pytest.mark.parametrize("text", ["", "2", "2:noise", ":noise:1", "2:melt:1", "2:noise:much", "2:noise:nan"])
def test_texts_that_are_no_changes_are_refused(text):
    with pytest.raises(NeuralGraphError, match="LAYER:HOW:STRENGTH"):
        parse_change(text)
