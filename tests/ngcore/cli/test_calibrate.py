"""`ngcore calibrate`: tables for people and JSON, and cards that are written only when asked for."""

import json
import shutil

import pytest


@pytest.fixture
def model(shelf, tmp_path):
    """A copy of a tiny classifier."""
    return shutil.copytree(shelf / "checkpoints" / "tiny-classify", tmp_path / "tiny-classify")


def test_a_calibration_is_shown_and_written_when_asked(run, model):
    before = (model / "card.json").read_text()
    shown = run("calibrate", model, "--device", "cpu")
    assert shown.code == 0
    assert "Coverage on test" in shown.stdout
    assert "Nothing was written; add --replace" in shown.stderr
    assert (model / "card.json").read_text() == before
    (written,) = run("calibrate", model, "--device", "cpu", "--replace", "--json").json
    assert written["is_written"]
    assert json.loads((model / "card.json").read_text())["conformal"] == written["conformal"]


def test_a_model_that_cannot_be_calibrated_is_said_beside_those_that_can(run, model, shelf):
    both = run("calibrate", model, shelf / "checkpoints" / "tiny-predict", "--device", "cpu", "--json")
    assert (both.code, [result["name"] for result in both.json]) == (1, ["tiny-classify"])
    assert "tiny-predict: Expected networks of all splits" in both.stderr


def test_an_editor_is_measured_at_strengths_from_0_to_2(run, shelf, tmp_path):
    model = shutil.copytree(shelf / "checkpoints" / "tiny-edit", tmp_path / "tiny-edit")
    shown = run("calibrate", model, "--device", "cpu")
    assert shown.code == 0 and "strength 1.75" in shown.stdout and "full edit 3 times" in shown.stdout
    assert "Coverage" not in shown.stdout
    (written,) = run("calibrate", model, "--device", "cpu", "--replace", "--json").json
    card = json.loads((model / "card.json").read_text())
    assert card["strengths"] == written["strengths"] and len(card["strengths"]["once"]) == 9


def test_the_flag_is_measured_after_calibration_alone(run, model):
    outcome = run("calibrate", model, "--device", "cpu", "--strangers")
    assert outcome.code == 1
    assert "Expected tiny-classify to be calibrated before its flag is measured" in outcome.stderr


def test_a_zoo_with_too_few_runs_is_refused(run, shelf):
    outcome = run("calibrate", shelf / "checkpoints" / "tiny-predict", "--device", "cpu")
    assert outcome.code == 1
    assert "or at least 3 runs of test networks, got 1 runs of test networks" in outcome.stderr
