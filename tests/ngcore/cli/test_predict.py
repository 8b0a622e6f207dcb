"""`ngcore predict` of classifiers: intervals, worth in images, why, what if, and several networks in order."""

import json
import shutil

import pytest
import torch
from tiny_checkpoints import write_tiny_checkpoint

from ngcore.networks import small_cnn
from ngcore.tasks import checkpoints, load_checkpoint, measure_on_images, predict_accuracy, sweep_layer
from ngcore.testing import random_network
from ngcore.upload import export_network
from ngcore.zoo import Zoo, ZooWriter, sample_images

CNN = "tiny-cnns/00001-000000"


@pytest.fixture
def calibrated(shelf, tmp_path, monkeypatch):
    """The checkpoints, with a card that gives intervals of ± 10 points and says what they are worth."""
    shutil.copytree(shelf / "checkpoints", tmp_path / "calibrated")
    path = tmp_path / "calibrated" / "tiny-predict" / "card.json"
    card = json.loads(path.read_text())
    card["conformal"] = {
        "kind": "interval",
        "spread": {"predicted": [0.0, 1.0], "residual": [0.05, 0.05]},
        "quantiles": {"all": {"runs": 38, "networks": 190, "levels": {"0.9": 2.0}}},
    }
    card["metrics"]["validation"] |= {"mean_absolute_error": 0.016, "images_worth": 385}
    path.write_text(json.dumps(card))
    monkeypatch.setattr(checkpoints, "checkpoint_roots", lambda: [tmp_path / "calibrated"])


def predict(run, *arguments):
    return run("predict", *arguments, "--device", "cpu")


def test_a_prediction_has_an_interval_and_a_number_of_images(run, calibrated):
    (entry,) = predict(run, CNN, "--json").json
    (answer,) = entry["answers"]
    low, high = answer["interval"]["low"], answer["interval"]["high"]
    assert high == pytest.approx(answer["accuracy"] + 0.1) and low == pytest.approx(max(0, answer["accuracy"] - 0.1))
    assert (answer["images_worth"], answer["mean_absolute_error"]) == (385, 0.016)
    assert answer["familiarity"]["is_flagged"] is False and entry["rank"] is None
    shown = predict(run, CNN).stdout
    assert f"{low:.1%} – {high:.1%}" in shown and "380 labelled images" in shown


def test_without_calibration_there_is_no_interval(run):
    (entry,) = predict(run, CNN, "--json").json
    assert entry["answers"][0]["interval"] is None and entry["measured"] is None


def test_why_names_the_shares_of_layers(run):
    (entry,) = predict(run, CNN, "--why", "--json").json
    layers = entry["answers"][0]["why"]["layers"]
    assert set(layers) == {"0", "2", "5"}
    strongest = max(layers, key=lambda name: abs(layers[name]))
    assert f"{strongest} {100 * layers[strongest]:+.2f} points" in predict(run, CNN, "--why").stdout
    (inr,) = predict(run, "tiny-inrs/000008", "--why", "--json").json
    assert all(answer["why"]["explains"].startswith("log-odds") for answer in inr["answers"])


def test_what_if_tells_the_accuracy_of_the_damaged_network(run, shelf):
    zoo = Zoo.open(shelf / "zoos" / "tiny-cnns")
    network = zoo.networks([zoo.position(CNN)])
    model = load_checkpoint(shelf / "checkpoints" / "tiny-predict", "cpu")
    expected = float(predict_accuracy(model, sweep_layer(network, "2", "zero", (0.5,)))[0])
    (entry,) = predict(run, CNN, "--what-if", "2:zero:0.5", "--json").json
    assert entry["answers"][0]["what_if"]["accuracy"] == pytest.approx(expected, abs=1e-6)
    assert entry["what_if"] == {"layer": "2", "how": "zero", "strength": 0.5, "measured": None}
    assert "layer 2: zero 0.5" in predict(run, CNN, "--what-if", "2:zero:0.5").stdout


@pytest.mark.parametrize(
    ("text", "reason"),
    [("2", "LAYER:HOW:STRENGTH"), ("9:zero:0.5", "Unknown layer"), ("2:zero:7", "strength of 0 to 1")],
)
def test_a_change_that_makes_no_sense_is_refused(run, text, reason):
    outcome = predict(run, CNN, "--what-if", text)
    assert outcome.code == 1 and reason in outcome.stderr


def test_several_classifiers_are_ranked_by_prediction(run):
    names = [f"tiny-cnns/00000-{step:06d}" for step in range(3)]
    entries = predict(run, *names, "tiny-inrs/000008", "--json").json
    assert [entry["network"] for entry in entries] == [*names, "tiny-inrs/000008"] and entries[3]["rank"] is None
    ranked = sorted(entries[:3], key=lambda entry: entry["rank"])
    assert [entry["rank"] for entry in ranked] == [1, 2, 3]
    said = [entry["answers"][0]["accuracy"] for entry in ranked]
    assert said == sorted(said, reverse=True)
    table = predict(run, *names).stdout.split("Rank")[1]
    assert [table.index(entry["network"]) for entry in ranked] == sorted(table.index(name) for name in names)


def test_classifiers_of_images_that_ship_are_measured_before_and_after(run, tmp_path, monkeypatch):
    network = random_network(small_cnn((1, 4), image_size=(32, 32)), 1, dtype=torch.float32)
    writer = ZooWriter(tmp_path / "grey", name="grey", recipe={})
    writer.write_part("all", [(network, [{"id": "grey/0", "split": "test", "accuracy": 0.1}])])
    write_tiny_checkpoint(tmp_path / "models" / "grey", writer.finish(["all"]), task="predict", preset="ng-gnn-cnn")
    monkeypatch.setattr(checkpoints, "checkpoint_roots", lambda: [tmp_path / "models"])
    file = tmp_path / "own.safetensors"
    file.write_bytes(export_network(network))
    (entry,) = predict(run, file, "--what-if", "0:drop:1", "--json").json
    assert entry["measured"]["accuracy"] == measure_on_images(network, sample_images("cifar10")).accuracy
    assert entry["measured"]["num_images"] == 1_000 and entry["what_if"]["measured"]["image_set"] == "cifar10"
