"""Studies of accuracy prediction: what is left out of training, shares of data, and trainings on a tiny zoo."""

import dataclasses

import numpy as np
import pytest
from accuracy_zoos import write_runs
from tiny_zoos import write_cnns

from ngcore.errors import ZooError
from ngcore.models.config import SweepConfig
from ngcore.report import accuracy_studies
from ngcore.report.accuracy_studies import (
    ACCURACY_STUDIES,
    Base,
    accuracy_study,
    leave_out,
    share_of_groups,
)
from ngcore.report.hiding import hide_activations
from ngcore.report.studies import list_studies, run_study, study_head
from ngcore.report.study_files import goes_on, own_studies, study_command, study_file, study_table
from ngcore.zoo import Zoo

SMALL = {"d_node": 4, "d_hidden": 8, "num_layers": 2}
FEW = Base(preset="tiny-predictor", steps=2)


@pytest.fixture(autouse=True)
def small_models(tmp_path, monkeypatch):
    from ngcore.models import PRESETS
    from ngcore.models.config import OutputProbesConfig

    monkeypatch.setenv("NGCORE_WORK", str(tmp_path / "work"))
    monkeypatch.setitem(PRESETS, "tiny-predictor", SweepConfig(rows="kind", **SMALL))
    monkeypatch.setitem(PRESETS, "tiny-outputs", OutputProbesConfig(num_probes=2, generates_probes=True, d_hidden=8))
    monkeypatch.setattr(accuracy_studies, "OUTPUT_PROBES", "tiny-outputs")
    monkeypatch.setattr(accuracy_studies, "PROBES", (0, 2))
    monkeypatch.setattr(accuracy_studies, "PROBES_OF_DATA", (0, 2))
    monkeypatch.setattr(accuracy_studies, "SHARES", (10, 100))


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A zoo of 20 groups of two families, with a depth for each group."""
    return write_runs(tmp_path_factory.mktemp("zoos") / "runs", group_size=2)


def cells_of(name, zoo):
    return accuracy_study(name, zoo, FEW).cells


@pytest.mark.parametrize("name", ACCURACY_STUDIES)
def test_cells_are_told_apart_share_their_columns_and_ask_for_accuracy(runs, name):
    cells = cells_of(name, runs)
    assert len({cell.key for cell in cells}) == len(cells) > 3
    assert len({tuple(cell.setting) for cell in cells}) == 1
    assert {(cell.recipe.task, cell.recipe.zoo, cell.recipe.config.steps) for cell in cells} == {("predict", "runs", 2)}


def test_what_is_left_out_is_in_no_network_of_training_and_all_that_is_measured(runs):
    table = runs.metadata
    for cell in cells_of("accuracy-leave-out", runs):
        train, validation, test = (table.iloc[cell.rows(runs, split)] for split in ("train", "validation", "test"))
        kind = cell.setting["measured on"]
        column = "family" if kind in ("plain", "wide") else "depth"
        measured = set(test[column])
        assert (set(train["split"]), set(validation["split"]), set(test["split"])) == (
            {"train"},
            {"validation"},
            {"test"},
        )
        assert not set(train["group"]) & set(test["group"]) and not set(train["run"]) & set(test["run"])
        is_seen = bool(measured & (set(train[column]) | set(validation[column])))
        assert is_seen == (cell.setting["trained on"] == "all")
        if cell.setting["trained on"] == "others":
            assert set(train[column]) == set(table[column]) - measured


def test_the_deep_are_at_most_a_share_of_the_zoo_and_at_least_the_deepest(runs):
    words = [cell.setting["measured on"] for cell in cells_of("accuracy-leave-out", runs)][::2]
    assert words == ["plain", "wide", "deep: depth ≥ 4"]
    assert accuracy_studies._largest(np.array([1, 1, 1, 2, 3, 4, 5, 6, 7, 8])) == {6, 7, 8}
    assert accuracy_studies._largest(np.array([1, 2, 2, 2])) == {2}
    assert accuracy_studies._largest(np.array([3, 3])) == frozenset()


def test_a_zoo_of_one_kind_has_none_to_leave_out(tmp_path):
    with pytest.raises(ZooError, match="Expected networks of several families, depths or widths in cnns"):
        accuracy_study("accuracy-leave-out", write_cnns(tmp_path / "cnns"), FEW)


def test_shares_of_training_are_whole_groups_each_within_the_next(runs):
    before: set[int] = set()
    for share, count in ((0.01, 1), (0.25, 3), (0.5, 6), (1.0, 12)):
        rows = share_of_groups(runs, "train", share=share)
        groups = runs.metadata["group"].to_numpy()[rows]
        assert len(set(groups)) == count
        assert len(rows) == 6 * count  # two runs of three checkpoints
        assert before <= set(rows)
        before = set(rows)
    assert len(share_of_groups(runs, "test", share=0.01)) == len(runs.rows(split="test"))


def test_a_kind_that_is_measured_does_not_change_what_is_trained(runs):
    options = {"column": "family", "values": frozenset(["wide"])}
    test = leave_out(runs, "test", is_left_out=True, **options)
    assert list(test) == list(leave_out(runs, "test", is_left_out=False, **options))
    everything = leave_out(runs, "train", is_left_out=False, **options)
    assert list(everything) == list(runs.rows(split="train"))


@pytest.mark.parametrize("name", ACCURACY_STUDIES)
def test_a_study_is_trained_measured_and_listed_and_goes_on(runs, name, monkeypatch):
    cells = cells_of(name, runs)[:3]
    monkeypatch.setitem(ACCURACY_STUDIES, name, ("Why?", lambda zoo, base: iter(cells)))
    head = study_head(name, runs, preset=FEW.preset, steps=FEW.steps)
    out = own_studies() / study_file(head)
    assert not goes_on(head, out)
    content = run_study(name, out, zoo_folder=runs.folder, device="cpu", preset=FEW.preset, steps=FEW.steps)
    assert goes_on(head, out)
    assert not goes_on(study_head(name, runs, preset=FEW.preset, steps=3), out)
    assert study_command(content) == f"ngcore study {name} --zoo runs --preset tiny-predictor --steps 2"
    assert [row["key"] for row in content["rows"]] == [cell.key for cell in cells]
    assert all(row["test"]["final"]["n"] in (4, 8) for row in content["rows"])
    assert (content["zoo"], out.name) == ("runs", f"{name}-runs-tiny-predictor.json")
    assert [study["name"] for study in list_studies() if study["zoo"] == "runs"] == [name]
    heads, rows = study_table(content)
    assert heads[-5:-1] == ["τ, final", "R², final", "MAE, final", "τ, all"]
    assert len(rows) == 3
    untouched = run_study(name, out, zoo_folder=runs.folder, device="cpu", preset=FEW.preset, steps=FEW.steps)
    assert untouched == content


def test_activations_are_hidden_from_models_that_read_weights_and_weights_stay_the_same(tmp_path, monkeypatch):
    import torch

    from ngcore.models import PRESETS
    from ngcore.networks import Network, small_cnn

    relu, tanh = (small_cnn((1, 4, 4), activation=kind, image_size=(8, 8)) for kind in ("relu", "tanh"))
    flat = torch.randn(2, tanh.num_parameters, generator=torch.Generator().manual_seed(0))
    hidden = hide_activations(Network.unflatten(tanh, flat))
    assert hidden.architecture == relu
    assert torch.equal(hidden.flatten(), flat)
    zoo = write_runs(tmp_path / "runs", groups=5, group_size=1)
    changes = {cell.setting["change"]: cell.hide for cell in cells_of("accuracy-parts", zoo)}
    assert changes["activations not told apart"] is hide_activations and changes["none"] is None
    probed = SweepConfig(rows="kind", num_probes=2, generates_probes=True, **SMALL)
    monkeypatch.setitem(PRESETS, "tiny-predictor", probed)
    assert "activations not told apart" not in {cell.setting["change"] for cell in cells_of("accuracy-parts", zoo)}


def test_what_is_hidden_is_seen_neither_in_training_nor_in_measuring(runs, monkeypatch):
    from ngcore.report import cells as cell_module

    cell = next(cell for cell in cells_of("accuracy-parts", runs) if cell.hide is not None)
    seen = {}

    def spy(recipe, corpora, *, folder, device):
        seen.update(corpora)
        raise KeyboardInterrupt

    def zeros(network):
        return network.map(lambda tensor: 0 * tensor)

    monkeypatch.setattr(cell_module, "train_on", spy)
    hidden = dataclasses.replace(cell, hide=zeros)
    with pytest.raises(KeyboardInterrupt):
        cell_module.train_cell("accuracy-parts", hidden, runs, num_measured=None, limit=None, device="cpu")
    assert set(seen) == {"train", "validation", "test"}
    assert all((stack.flatten() == 0).all() for corpus in seen.values() for stack in corpus.stacks)


def test_trainings_that_differ_in_what_is_measured_alone_are_trained_once(runs, monkeypatch):
    from ngcore.report import cells as cell_module

    cells = [cell for cell in cells_of("accuracy-leave-out", runs) if cell.setting["trained on"] == "all"]
    folders = []
    train_on = cell_module.train_on

    def spy(recipe, corpora, *, folder, device):
        folders.append(folder)
        return train_on(recipe, corpora, folder=folder, device=device)

    monkeypatch.setattr(cell_module, "train_on", spy)
    rows = [
        cell_module.train_cell("accuracy-leave-out", cell, runs, num_measured=None, limit=None, device="cpu")
        for cell in cells[:2]
    ]
    assert len(set(folders)) == 1
    assert rows[0]["validation"] == rows[1]["validation"]
    assert rows[0]["test"]["n"] + rows[1]["test"]["n"] == len(Zoo.open(runs.folder).rows(split="test"))
