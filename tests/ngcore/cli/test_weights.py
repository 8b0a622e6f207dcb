"""`ngcore weights`: any file of weights as a table or as JSON."""

import numpy as np
import pytest


@pytest.fixture
def path(tmp_path):
    arrays = {
        "conv.weight": np.full((4, 3, 3, 3), 0.5, np.float32),
        "head.weight": np.array([[1.0, np.nan, 3.0, 4.0]], np.float32),
        "ids": np.arange(3),
    }
    np.savez(tmp_path / "model.npz", **arrays)
    return tmp_path / "model.npz"


def test_a_file_that_is_no_network_is_listed(run, path):
    outcome = run("weights", path)
    assert outcome.code == 0
    assert "npz: 2 tensors, 112 numbers; 1 connections guessed" in outcome.stdout
    assert "conv.weight" in outcome.stdout and "4×3×3×3" in outcome.stdout and "1 not finite" in outcome.stdout
    assert "Set aside: 1 (whole numbers, no weights)" in outcome.stderr


def test_the_json_has_statistics_guesses_and_what_was_set_aside(run, path):
    result = run("weights", path, "--json").json
    first, second = result["tensors"]
    assert (first["mean"], first["std"], first["shape"]) == (0.5, 0.0, [4, 3, 3, 3])
    assert second["num_nan"] == 1 and sum(second["histogram"]) == 3
    assert result["guessed_connections"][0]["target"] == "head.weight"
    assert result["aside"] == [{"name": "ids", "reason": "whole numbers, no weights", "shape": [3]}]


def test_without_statistics_no_number_is_read(run, path):
    assert "mean" not in run("weights", path, "--json", "--no-statistics").json["tensors"][0]


def test_a_tensor_without_a_finite_number_is_listed(run, tmp_path):
    np.savez(tmp_path / "odd.npz", a=np.full((2, 2), np.nan))
    assert run("weights", tmp_path / "odd.npz", "--json").json["tensors"][0]["mean"] is None
    assert run("weights", tmp_path / "odd.npz").code == 0


@pytest.mark.parametrize("content", [b"", b"no weights"])
def test_what_is_no_file_of_weights_is_refused_by_name(run, tmp_path, content):
    (tmp_path / "x.bin").write_bytes(content)
    outcome = run("weights", tmp_path / "x.bin")
    assert outcome.code == 1 and "x.bin" in outcome.stderr and not outcome.stdout


def test_a_file_that_is_not_there_is_said(run):
    assert "no such file" in run("weights", "/no/such/file").stderr
