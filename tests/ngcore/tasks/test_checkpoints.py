"""Checkpoints by name: found in order, loaded as they were saved, refused with the choices."""

import dataclasses
import json
import shutil

import pytest
import torch
from tiny_checkpoints import write_tiny_checkpoint
from tiny_zoos import write_cnns

from ngcore.errors import CheckpointError, UnknownNameError
from ngcore.inr.siren import initial_siren
from ngcore.networks import chain, siren
from ngcore.paths import ASSETS
from ngcore.tasks import (
    can_read,
    checkpoints,
    classify_inrs,
    find_checkpoints,
    folder_of_training,
    list_checkpoints,
    load_checkpoint,
    survey_checkpoints,
)
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
    monkeypatch.setenv("NGCORE_WORK", str(tmp_path / "work"))
    roots = [tmp_path, tmp_path / "work" / "checkpoints", ASSETS / "checkpoints"]
    assert checkpoints.checkpoint_roots() == roots


def test_the_folder_of_a_training_says_how_it_was_trained_and_is_never_one_that_ships(tmp_path, monkeypatch):
    monkeypatch.setenv("NGCORE_WORK", str(tmp_path))
    assert folder_of_training("m") == tmp_path / "checkpoints" / "m"
    assert folder_of_training("m", zoo="mine") == tmp_path / "checkpoints" / "m-on-mine"
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


def test_a_checkpoint_with_a_recipe_that_was_left_out_says_how_to_get_it(roots):
    with pytest.raises(CheckpointError, match="ships with the source tree only") as error:
        load_checkpoint("mnist-ng-t")
    assert str(error.value).endswith("or run: ngcore train mnist-ng-t")


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


ANYTHING = siren((2, 6, 6, 6, 1), omega_0=20.0)


@pytest.mark.parametrize(
    ("preset", "architecture", "is_read"),
    [
        ("ng-gnn", ANYTHING, True),
        ("output-probes-64", ANYTHING, True),
        ("flat-mlp", ANYTHING, False),
        ("flat-mlp", siren((2, 8, 8, 1), omega_0=20.0), True),
        ("statnn", ANYTHING, False),
        ("statnn", siren((2, 30, 30, 1)), True),
        ("ng-gnn", siren((2, 8, 8, 3)), False),
        ("ng-gnn", siren((3, 8, 8, 1)), False),
    ],
)
def test_a_model_is_offered_for_a_network_exactly_where_it_can_read_it(inrs, tmp_path, preset, architecture, is_read):
    card = write_tiny_checkpoint(tmp_path / "model", inrs, task="classify", preset=preset, d_out=3)
    assert can_read(card, architecture) == is_read
    if is_read:
        classify_inrs(load_checkpoint(tmp_path / "model", "cpu"), initial_siren(architecture, 0, 1, seed=0))


def test_a_cnn_of_larger_kernels_than_a_model_was_built_for_is_not_offered_to_it(tmp_path):
    cnns = write_cnns(tmp_path / "cnns")
    card = write_tiny_checkpoint(tmp_path / "model", cnns, task="predict", preset="ng-gnn-cnn")
    (known,) = cnns.architectures.values()
    larger = dataclasses.replace(known.layers[0], kernel_size=(5, 5), padding=(2, 2))
    assert can_read(card, known)
    assert not can_read(card, chain(known.input_shape, (larger, *known.layers[1:])))


def test_a_damaged_checkpoint_is_listed_with_its_reason_and_the_others_go_on(roots):
    (roots[0] / "both" / "card.json").write_text("{")
    listing = survey_checkpoints()
    assert listing.cards.keys() == {"alone"} and listing.damaged.keys() == {"both"}
    assert str(roots[0] / "both") in listing.damaged["both"]
    assert [card["name"] for card in list_checkpoints()] == ["alone"]


def test_what_ships_can_be_listed_by_itself(roots):
    assert survey_checkpoints().folders["both"] == roots[0] / "both"
    assert survey_checkpoints(shipped=True).folders == {"alone": roots[1] / "alone", "both": roots[1] / "both"}
