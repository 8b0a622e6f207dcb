"""Guesses of which tensors follow each other, and what the user says about them."""

import pytest
import torch
from torch import nn

from ngcore.errors import UnknownNameError
from ngcore.upload.weights import Corrections, correct, group_names, guess_connections, open_weights


@pytest.fixture
def opened(save_as):
    return lambda module: open_weights(save_as("torch", module.state_dict()))


def pairs(connections):
    return [(connection.source, connection.target) for connection in connections]


def test_a_chain_is_guessed_as_one(opened):
    module = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 5), nn.ReLU(), nn.Linear(5, 2))
    assert pairs(guess_connections(opened(module))) == [("0.weight", "2.weight"), ("2.weight", "4.weight")]
    assert all(connection.is_guess for connection in guess_connections(opened(module)))


def test_a_flattened_map_fits_a_linear_layer(opened):
    module = nn.Sequential(nn.Conv2d(1, 6, 3), nn.Flatten(), nn.Linear(6 * 16, 10))
    (connection,) = guess_connections(opened(module))
    assert connection.reason == "6 outputs at 16 positions, 96 inputs"


def test_a_transposed_convolution_is_known_by_its_bias(opened):
    module = nn.Sequential(nn.Linear(3, 8), nn.ConvTranspose2d(8, 4, 2), nn.Conv2d(4, 1, 3))
    assert pairs(guess_connections(opened(module))) == [("0.weight", "1.weight"), ("1.weight", "2.weight")]


def test_what_nothing_fits_stays_unconnected(opened):
    assert guess_connections(opened(nn.Sequential(nn.Linear(3, 8), nn.Linear(7, 2)))) == ()


def test_corrections_remove_and_add_connections(opened):
    file = opened(nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4)))
    said = Corrections().remove("1.weight", "2.weight").add("0.weight", "2.weight")
    connections = correct(file, guess_connections(file), said)
    assert pairs(connections) == [("0.weight", "1.weight"), ("0.weight", "2.weight")]
    assert [connection.is_guess for connection in connections] == [True, False]


def test_what_was_removed_can_be_added_again(opened):
    file = opened(nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4)))
    said = Corrections().remove("0.weight", "1.weight").add("0.weight", "1.weight")
    assert not correct(file, guess_connections(file), said)[0].is_guess


def test_a_correction_names_tensors_of_the_file(opened):
    file = opened(nn.Sequential(nn.Linear(4, 4)))
    with pytest.raises(UnknownNameError):
        correct(file, (), Corrections().add("0.weight", "nothing"))


def test_names_are_grouped_by_their_pieces():
    tree = group_names(["enc.0.weight", "enc.0.bias", "dec/kernel:0", "scale"])
    assert [group.path for group in tree.walk()] == ["", "enc", "enc.0", "dec"]
    assert tree.all_tensors() == ["scale", "enc.0.weight", "enc.0.bias", "dec/kernel:0"]


def test_keras_matrices_stand_as_inputs_times_outputs():
    import io

    import h5py

    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as h5:
        h5["a/0"], h5["b/0"] = torch.ones(3, 8).numpy(), torch.ones(8, 2).numpy()
    assert pairs(guess_connections(open_weights(buffer.getvalue()))) == [("a/0", "b/0")]


def test_an_embedding_table_puts_out_its_columns(opened):
    module = nn.ModuleDict({"wte": nn.Embedding(50, 8), "fc": nn.Linear(8, 3)})
    assert pairs(guess_connections(opened(module))) == [("wte.weight", "fc.weight")]


def test_layers_that_a_writer_sorted_by_letters_are_connected_by_their_numbers(save_as):
    state = {f"layers.{i}.weight": torch.ones(i + 2, i + 1) for i in range(12)}
    file = open_weights(save_as("safetensors", state))
    expected = [(f"layers.{i}.weight", f"layers.{i + 1}.weight") for i in range(11)]
    assert pairs(guess_connections(file)) == expected
