"""Calibration end to end: cards, coverage of what was promised, networks unlike the zoo, and weights left alone."""

import json

import numpy as np
import pytest
import torch
from tiny_checkpoints import write_tiny_checkpoint

from ngcore.errors import CheckpointError
from ngcore.networks import Network, mlp
from ngcore.tasks import (
    accuracy_interval,
    class_set,
    family_of,
    judge_familiarity,
    load_checkpoint,
    predict_accuracy,
    train_recipe,
)
from ngcore.tasks.calibration import calibrate_checkpoint, corpora_of
from ngcore.tasks.corpus import Corpus
from ngcore.tasks.coverage import measure_coverage
from ngcore.tasks.reading import read_corpus, runs_of
from ngcore.training import WEIGHTS_FILE, read_card
from ngcore.zoo import SPLITS, ZooWriter

RUNS, STEPS = 60, 2


@pytest.fixture(scope="module")
def runs_zoo(tmp_path_factory):
    """Networks of two families in runs of two checkpoints; half of the runs train, a quarter for each other split."""
    generator = torch.Generator().manual_seed(0)
    stacks = []
    for kind, architecture in enumerate((mlp((2, 6, 1)), mlp((2, 6, 2), "tanh"))):
        own = [run for run in range(2 * RUNS) if run % 2 == kind]
        splits = [SPLITS[max(0, run % 8 // 2 - 1)] for run in own]
        rows = [
            {
                "id": f"runs/{run:03d}-{step}",
                "split": split,
                "accuracy": float(torch.rand(1, generator=generator)),
                "run": run,
                "step": step,
            }
            for run, split in zip(own, splits, strict=True)
            for step in range(STEPS)
        ]
        flat = torch.randn(len(rows), architecture.num_parameters, generator=generator)
        stacks.append((Network.unflatten(architecture, flat), rows))
    writer = ZooWriter(tmp_path_factory.mktemp("zoos") / "runs", name="runs", recipe={})
    writer.write_part("all", stacks)
    return writer.finish(["all"])


@pytest.fixture
def untrained(runs_zoo, tmp_path):
    """A checkpoint that answers about the zoo, and its folder."""
    write_tiny_checkpoint(tmp_path / "guess", runs_zoo, task="predict", preset="ng-gnn-cnn")
    return tmp_path / "guess"


def test_calibration_changes_the_card_alone_and_only_when_asked(untrained, runs_zoo):
    before = {path.name: path.read_bytes() for path in untrained.iterdir()}
    found = calibrate_checkpoint(untrained, zoo_folder=runs_zoo.folder, device="cpu")
    assert {path.name: path.read_bytes() for path in untrained.iterdir()} == before
    written = calibrate_checkpoint(untrained, zoo_folder=runs_zoo.folder, device="cpu", replace=True)
    assert (untrained / WEIGHTS_FILE).read_bytes() == before[WEIGHTS_FILE]
    assert written == read_card(untrained)
    assert written["conformal"] == found["conformal"]
    assert {key: value for key, value in written.items() if key not in ("conformal", "out_of_zoo")} == json.loads(
        before["card.json"]
    )
    again = calibrate_checkpoint(untrained, zoo_folder=runs_zoo.folder, device="cpu", replace=True)
    assert again == written


def test_a_card_promises_what_the_test_split_keeps(untrained, runs_zoo):
    card = calibrate_checkpoint(untrained, zoo_folder=runs_zoo.folder, device="cpu", replace=True)
    rows = {row["group"]: row for row in card["conformal"]["coverage"]}
    row = rows["all"]
    assert (row["networks"], row["runs"]) == (60, 30)
    assert (rows["final checkpoints"]["networks"], rows["final checkpoints"]["runs"]) == (30, 30)
    assert [rows[family]["calibrated_on"] for family in ("inr", "mlp")] == [15, 15]
    assert all(own["low"] <= own["coverage"] <= own["high"] for own in rows.values())
    assert card["conformal"]["quantiles"]["all"]["levels"]["0.99"] is None  # needs 99 runs
    checkpoint = load_checkpoint(untrained, "cpu")
    corpus = Corpus.load(runs_zoo, "test")
    reading = read_corpus(checkpoint.model, "predict", corpus, checkpoint.device)
    covered = []
    architectures = {family_of(architecture): architecture for architecture in runs_zoo.architectures.values()}
    for i, (predicted, truth) in enumerate(zip(reading.answers[:, 0].tolist(), reading.truth.tolist(), strict=True)):
        interval = accuracy_interval(card, predicted, architecture=architectures[reading.families[i]])
        covered.append(interval.low <= truth <= interval.high)
    assert np.mean(covered) == pytest.approx(row["coverage"])  # as many networks in every run
    is_first = reading.truth.numpy() < 0.5
    rows = measure_coverage(card, reading, level=0.8, groups={"poor": is_first, "none": is_first & False})
    assert [(row.group, row.networks) for row in rows] == [
        ("all", 60),
        ("inr", 30),
        ("mlp", 30),
        ("poor", int(is_first.sum())),
    ]


def test_answers_come_with_their_own_truth_and_run(untrained, runs_zoo):
    checkpoint, corpus = load_checkpoint(untrained, "cpu"), Corpus.load(runs_zoo, "test")
    reading = read_corpus(checkpoint.model, "predict", corpus, checkpoint.device)
    table = runs_zoo.metadata.iloc[corpus.rows]
    place = {float(np.float32(accuracy)): i for i, accuracy in enumerate(table["accuracy"])}
    for i in (0, 17, 59):
        row = corpus.rows[place[float(np.float32(reading.truth[i]))]]
        answer = predict_accuracy(checkpoint, runs_zoo.networks([row]))
        torch.testing.assert_close(reading.answers[i], answer)
        assert reading.runs[i] == runs_zoo.metadata["run"].iloc[row]


def test_fits_of_one_image_are_one_run(inrs):
    assert runs_of(inrs, inrs.rows(split="test")).tolist() == [-9, -10, -11, -12]


def test_networks_unlike_the_zoo_have_small_p_values_and_say_why(untrained, runs_zoo):
    calibrate_checkpoint(untrained, zoo_folder=runs_zoo.folder, device="cpu", replace=True)
    checkpoint = load_checkpoint(untrained, "cpu")
    own = runs_zoo.networks(runs_zoo.rows(split="test", architecture=mlp((2, 6, 1)).id))
    usual = judge_familiarity(checkpoint, own)
    assert np.mean([found.p_value < 0.05 for found in usual]) < 0.2
    assert all(found.is_flagged == (found.p_value < 0.05) for found in usual)
    (large,) = judge_familiarity(checkpoint, own[0].map(lambda tensor: 100 * tensor))
    assert large.p_value == pytest.approx(1 / 31)
    assert large.is_flagged
    assert large.sentences[0].endswith("of the networks that the model knows, 3.2% are as far from the others.")
    assert any("weights" in sentence for sentence in large.sentences[1:])
    assert json.loads(json.dumps(large.to_dict()))["is_flagged"] is True


def test_without_calibration_the_rules_alone_speak(untrained, runs_zoo):
    (found,) = judge_familiarity(load_checkpoint(untrained, "cpu"), runs_zoo.networks([0]))
    assert (found.p_value, found.is_flagged, found.runs) == (None, False, 0)


def test_a_damaged_reference_is_an_error_and_a_missing_one_is_none(untrained, runs_zoo):
    calibrate_checkpoint(untrained, zoo_folder=runs_zoo.folder, device="cpu", replace=True)
    file = untrained / "reference.safetensors"
    assert file.stat().st_size < 300_000
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    with pytest.raises(CheckpointError, match=r"reference\.safetensors"):
        judge_familiarity(load_checkpoint(untrained, "cpu"), runs_zoo.networks([0]))
    file.unlink()
    assert judge_familiarity(load_checkpoint(untrained, "cpu"), runs_zoo.networks([0]))[0].p_value is None


def test_training_calibrates_classifiers_and_leaves_editors_alone(recipes, inrs, tmp_path, monkeypatch):
    monkeypatch.setenv("NGCORE_WORK", str(tmp_path / "work"))
    card = train_recipe("tiny-classify", out=tmp_path / "classify", zoo_folder=inrs.folder, device="cpu")
    assert card["conformal"]["quantiles"]["all"]["runs"] == 4
    found = class_set(card, torch.tensor([0.2, 0.5, 0.3]))
    assert (len(found.labels), found.note) == (3, "A level of 90% needs at least 9 validation runs; there were 4.")
    assert len(class_set(card, torch.tensor([0.2, 0.5, 0.3]), level=0.8).labels) >= 1
    assert "out_of_zoo" not in card  # too few training networks
    card = train_recipe("tiny-edit", out=tmp_path / "edit", zoo_folder=inrs.folder, device="cpu")
    assert "conformal" not in card
    found = calibrate_checkpoint(tmp_path / "edit", zoo_folder=inrs.folder, device="cpu")
    assert "conformal" not in found and "strengths" in found


def test_a_zoo_of_test_networks_is_split_in_thirds_that_share_no_run(runs_zoo, monkeypatch):
    monkeypatch.setitem(runs_zoo.__dict__, "metadata", runs_zoo.metadata.assign(split="test"))
    corpora = corpora_of(runs_zoo)
    runs = [set(runs_of(runs_zoo, corpora[split].rows).tolist()) for split in SPLITS]
    assert [len(own) for own in runs] == [40, 40, 40]
    assert set.union(*runs) == set(range(120))
    assert {corpus.split for corpus in corpora.values()} == {"third of test"}


def test_a_whole_zoo_is_calibrated_on_its_own_splits(runs_zoo):
    corpora = corpora_of(runs_zoo)
    assert {split: corpus.split for split, corpus in corpora.items()} == {split: split for split in SPLITS}
