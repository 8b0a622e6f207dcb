"""Checkpoints with cards: the round trip, and every way in which a folder can be wrong."""

import json

import pytest
import torch
from torch import nn

from ngcore.errors import CheckpointError
from ngcore.training import describe_versions, load_weights, read_card, read_weights, save_checkpoint


@pytest.fixture
def card():
    return {
        "name": "mnist-ng-gnn",
        "preset": "ng-gnn",
        "task": "inr-classification",
        "model": {"d_node": 32},
        "corpus": {"name": "mnist-inrs", "sha256": "ab" * 32, "recipe": {"steps": 1000}, "counts": {"train": 55000}},
        "training": {
            "config": {"epochs": 1},
            "steps": 10,
            "seconds": 1.5,
            "networks_per_second": 300.0,
            "device": "CPU, 2 cores",
            "cores": 2,
        },
        "metrics": {"test": {"accuracy": 0.9, "n": 1000}},
        "seeds": [0],
        "parameters": 8,
        "command": "ngcore train mnist-ng-gnn",
    }


@pytest.fixture
def model():
    return nn.Linear(3, 2)


def test_weights_and_card_survive_the_round_trip(tmp_path, model, card):
    saved = save_checkpoint(tmp_path / "new", model.state_dict(), card)
    other = nn.Linear(3, 2)
    assert load_weights(other, tmp_path / "new") == saved == read_card(tmp_path / "new")
    assert torch.equal(other.weight, model.weight)
    assert saved["versions"] == describe_versions()
    assert saved["metrics"] == card["metrics"]


def test_a_saved_folder_holds_nothing_but_weights_and_card(tmp_path, model, card):
    save_checkpoint(tmp_path, model.state_dict(), card)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["card.json", "model.safetensors"]


def test_equal_weights_are_saved_as_equal_bytes(tmp_path, model, card):
    first = save_checkpoint(tmp_path / "a", model.state_dict(), card)
    second = save_checkpoint(tmp_path / "b", dict(reversed(model.state_dict().items())), card)
    assert first["weights_sha256"] == second["weights_sha256"]


def test_an_incomplete_card_lists_all_that_is_wrong_and_nothing_is_written(tmp_path, model, card):
    del card["preset"], card["corpus"]["sha256"]
    card["parameters"] = "8"
    card["metrics"]["test"] = {"accuracy": float("nan")}
    with pytest.raises(CheckpointError) as caught:
        save_checkpoint(tmp_path / "new", model.state_dict(), card)
    assert str(caught.value) == (
        "The card to be saved is no valid checkpoint card: card.corpus.sha256: expected, found nothing; "
        "card.metrics.test.accuracy: expected a finite number, got nan; card.metrics.test.n: expected, found nothing; "
        "card.parameters: expected int, got str; card.preset: expected, found nothing."
    )
    assert not (tmp_path / "new").exists()


def test_what_json_cannot_hold_is_named(tmp_path, model, card):
    card["model"] = {"layers": [torch.zeros(1)]}
    with pytest.raises(CheckpointError, match=r"card.model.layers\[0\]: expected a plain value, got Tensor"):
        save_checkpoint(tmp_path, model.state_dict(), card)


def test_weights_of_another_run_are_refused_by_their_hash(tmp_path, model, card):
    save_checkpoint(tmp_path, model.state_dict(), card)
    path = tmp_path / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    with pytest.raises(CheckpointError, match="the weights and the card are not of the same run"):
        read_weights(tmp_path)


def test_a_folder_without_checkpoint_says_so(tmp_path):
    with pytest.raises(CheckpointError, match=r"Expected a checkpoint with a card\.json in .*, found none"):
        read_card(tmp_path / "nowhere")


def test_a_card_without_weights_says_so(tmp_path, model, card):
    save_checkpoint(tmp_path, model.state_dict(), card)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"model\.safetensors, got none; train or copy"):
        read_weights(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "\x00"])
def test_a_card_that_is_no_json_says_so(tmp_path, text):
    (tmp_path / "card.json").write_text(text)
    with pytest.raises(CheckpointError, match=r"Expected a whole file at .*card\.json, got a damaged one"):
        read_card(tmp_path)


def test_a_card_that_is_a_list_says_so(tmp_path):
    (tmp_path / "card.json").write_text(json.dumps([1]))
    with pytest.raises(CheckpointError, match="card: expected dict, got list"):
        read_card(tmp_path)


def test_weights_of_another_model_are_refused_by_name_and_shape(tmp_path, model, card):
    save_checkpoint(tmp_path, {"weight": torch.zeros(2, 4), "scale": torch.zeros(2)}, card)
    before = model.weight.clone()
    expected = (
        r"holds weights of another model: bias: expected \[2\], found nothing; "
        r"scale: expected nothing, found \[2\]; weight: expected \[2, 3\], got \[2, 4\]\."
    )
    with pytest.raises(CheckpointError, match=expected):
        load_weights(model, tmp_path)
    assert torch.equal(model.weight, before)
