"""`ngcore predict --zoo` and `ngcore embed`: the same answers here, by name, and from a cluster."""

import sys

import numpy as np
import pandas
import pytest

PREDICT = ("predict", "--zoo", "tiny-cnns", "--device", "cpu")


def test_a_zoo_is_predicted_for_as_its_networks_are_one_by_one(run):
    whole = run(*PREDICT, "--split", "test", "--json").json
    assert len(whole) > 1
    assert {entry["split"] for entry in whole} == {"test"}
    single = run("predict", *(entry["network"] for entry in whole), "--device", "cpu", "--json").json
    for entry, alone in zip(whole, single, strict=True):
        assert entry["true_accuracy"] == alone["true_accuracy"]
        (answer,), (expected,) = entry["answers"], alone["answers"]
        assert answer["model"] == expected["model"] == "tiny-predict"
        assert answer["accuracy"] == pytest.approx(expected["accuracy"], abs=1e-6)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_the_table_has_a_row_for_each_network_and_columns_for_each_model(run, tmp_path, suffix):
    out = tmp_path / f"table.{suffix}"
    models = ("--model", "tiny-classify", "--model", "tiny-probes")
    outcome = run("predict", "--zoo", "tiny-inrs", *models, "--device", "cpu", "--limit", 5, "--out", out)
    assert (outcome.code, f"Written to {out}" in outcome.stderr) == (0, True)
    table = (pandas.read_csv if suffix == "csv" else pandas.read_parquet)(out)
    answers = [column for name in ("tiny-classify", "tiny-probes") for column in (name, f"{name} probability")]
    assert table.columns.tolist() == ["network", "split", "true_label", *answers]
    assert table["network"].tolist() == [f"tiny-inrs/{i:06d}" for i in range(5)]
    assert table["true_label"].tolist() == [0, 1, 2, 0, 1]
    right = (table["tiny-classify"].map({"zero": 0, "one": 1, "two": 2}) == table["true_label"]).mean()
    assert f"{right:.2%}" in next(line for line in outcome.stdout.splitlines() if "tiny-classify" in line)
    assert "found an earlier result; add --replace" in run("predict", "--zoo", "tiny-inrs", "--out", out).stderr


def test_a_cluster_answers_as_this_process_does(run, cluster, tmp_path):
    scheduler = ("--scheduler", cluster.scheduler_address)
    assert run(*PREDICT, *scheduler, "--json").json == run(*PREDICT, "--json").json
    embed = ("embed", "tiny-inrs", "--model", "tiny-probes", "--device", "cpu")
    outcomes = [run(*embed, *where, "--out", tmp_path / f"{len(where)}.npz") for where in ((), scheduler)]
    assert [outcome.code for outcome in outcomes] == [0, 0]
    here, there = (np.load(tmp_path / f"{number}.npz") for number in (0, 2))
    assert here["embedding"].shape[0] == 12
    assert all(np.array_equal(here[name], there[name]) for name in ("id", "embedding"))


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "expected either files or networks or --zoo, got neither"),
        (["tiny-inrs/000008", "--zoo", "tiny-inrs"], 2, "expected either files or networks or --zoo, got both"),
        (["tiny-inrs/000008", "--limit", "3"], 2, "expected --limit together with --zoo, got files or networks"),
        (["--zoo", "tiny-inrs", "--what-if", "2:noise:0.5"], 2, "expected --what-if without --zoo, got both"),
        (["--zoo", "tiny-inrs", "--omega-0", "30"], 2, "expected --omega-0 without --zoo, got both"),
        (["--zoo", "tiny-inrs", "--split", "exam"], 1, "exam"),
        (
            ["--zoo", "tiny-inrs", "--model", "tiny-edit"],
            1,
            "Unknown checkpoint to classify or predict with 'tiny-edit'",
        ),
        (
            ["--zoo", "tiny-cnns", "--model", "tiny-classify"],
            1,
            "Expected a model that can read all networks of tiny-cnns",
        ),
        (["--zoo", "tiny-inrs", "--out", "table.txt"], 1, "Expected --out to end in .csv, .parquet, got table.txt"),
        (["--zoo", "tiny-inrs", "--workers", "2", "--scheduler", "tcp://a:1"], 1, "processes or a scheduler, got 2"),
    ],
)
def test_what_cannot_be_predicted_is_refused(run, arguments, code, message):
    outcome = run("predict", *arguments)
    assert (outcome.code, outcome.stdout) == (code, "")
    assert message in outcome.stderr


@pytest.mark.parametrize(
    "command", [("zoo", "build", "mnist-inrs"), PREDICT, ("embed", "tiny-inrs", "--model", "x", "--out", "x.npz")]
)
def test_without_dask_a_scheduler_is_refused_at_once(run, monkeypatch, command):
    monkeypatch.setitem(sys.modules, "distributed", None)
    outcome = run(*command, "--scheduler", "tcp://10.0.0.1:8786")
    assert (outcome.code, outcome.stdout) == (1, "")
    assert "pip install 'ngcore[cluster]'" in outcome.stderr
