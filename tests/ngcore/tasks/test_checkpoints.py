"""Checkpoints by name: found in order, loaded as they were saved, refused with the choices."""

import json
import shutil

import pytest
import torch
from tiny_checkpoints import write_tiny_checkpoint

from ngcore.errors import CheckpointError, UnknownNameError
from ngcore.paths import ASSETS
from ngcore.tasks import checkpoints, find_checkpoints, folder_of_training, list_checkpoints, load_checkpoint
from ngcore.tasks.checkpoints import find_part


@pytest.fixture
def roots(inrs, tmp_path, monkeypatch):
    """Two folders that are searched, the first one first; both hold "both", one holds "alone"."""
    first, second = tmp_path / "first", tmp_path / "second"
    write_tiny_checkpoint(first / "both", inrs, task="classify", d_out=3)
    write_tiny_checkpoint(second / "alone", inrs, task="edit", preset="ng-gnn-edit")
    shutil.copytree(first / "both", second / "both")
    monkeypatch.setattr(checkpoints, "checkpoint_roots", lambda: [first, second])
    return first, second


def test_of_two_checkpoints_of_a_name_that_of_the_first_folder_is_found(roots):
    first, second = roots
    assert find_checkpoints() == {"both": first / "both", "alone": second / "alone"}


def test_the_folder_of_the_environment_is_searched_before_the_assets(tmp_path, monkeypatch):
    monkeypatch.setenv("NGCORE_CHECKPOINTS", str(tmp_path))
    assert checkpoints.checkpoint_roots() == [tmp_path, ASSETS / "checkpoints"]


def test_only_a_training_as_its_card_says_goes_where_checkpoints_ship(tmp_path, monkeypatch):
    monkeypatch.setenv("NGCORE_WORK", str(tmp_path))
    assert folder_of_training("m") == ASSETS / "checkpoints" / "m"
    assert folder_of_training("m", seed=2, limit=50) == tmp_path / "checkpoints" / "m-seed2-limit50"


def test_a_part_is_the_checkpoint_itself_or_its_repeat_with_the_same_seed(roots, tmp_path, monkeypatch):
    monkeypatch.setenv("NGCORE_WORK", str(tmp_path))
    assert find_part("both", 0) == roots[0] / "both"
    with pytest.raises(CheckpointError, match="run ngcore train both --seed 1 first"):
        find_part("both", 1)
    repeat = folder_of_training("both", seed=1)
    shutil.copytree(roots[0] / "both", repeat)
    assert find_part("both", 1) == repeat


def test_cards_are_listed_by_name_and_by_task(roots):
    assert [card["name"] for card in list_checkpoints()] == ["alone", "both"]
    assert [card["name"] for card in list_checkpoints("edit")] == ["alone"]


def test_a_checkpoint_is_the_same_by_name_and_by_folder_and_ready_to_answer(roots, inrs):
    by_name, by_folder = load_checkpoint("both", "cpu"), load_checkpoint(roots[1] / "both", "cpu")
    assert not by_name.model.training
    assert (by_name.name, by_name.device) == ("both", torch.device("cpu"))
    network = inrs.networks(range(4))
    with torch.no_grad():
        assert torch.equal(by_name.model(network), by_folder.model(network))


def test_an_unknown_checkpoint_is_refused_with_the_choices(roots):
    with pytest.raises(UnknownNameError) as error:
        load_checkpoint("none")
    assert str(error.value) == "Unknown checkpoint 'none'; choose from: alone, both."


def test_weights_that_are_not_those_of_the_card_are_refused(roots):
    folder = roots[0] / "both"
    shutil.copy(roots[1] / "alone" / "model.safetensors", folder / "model.safetensors")
    with pytest.raises(CheckpointError, match="the weights and the card are not of the same run"):
        load_checkpoint("both", "cpu")


def test_a_card_of_a_model_with_unknown_numbers_is_refused(roots):
    path = roots[0] / "both" / "card.json"
    card = json.loads(path.read_text())
    card["model"]["config"]["num_wheels"] = 4
    path.write_text(json.dumps(card))
    with pytest.raises(CheckpointError, match="Expected the fields of a model configuration, got"):
        load_checkpoint("both", "cpu")
