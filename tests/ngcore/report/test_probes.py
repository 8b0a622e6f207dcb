"""Probes on and off: which cards stand beside which, and what probes add."""

import pytest

from ngcore.report.probes import gain_in_words, probe_rows


def card(name, kind="ng-sweep", probes=0, task="classify", zoo="inrs", validation=None, **test):
    return {
        "name": name,
        "preset": kind,
        "task": task,
        "model": {"config": {"kind": kind, "num_probes": probes}},
        "corpus": {"name": zoo, "counts": {"train": 10}},
        "metrics": {"test": {"n": 5, **test}, "validation": validation or {}},
        "training": {"seconds": 1.0, "cores": 1, "networks_per_second": 1.0},
        "seeds": [0],
        "parameters": 1,
        "command": "",
    }


def test_gains_are_over_the_best_model_of_the_family_without_probes():
    cards = [
        card("plain", accuracy=0.80, validation={"accuracy": 0.9}),
        card("plain-but-worse-on-validation", accuracy=0.85, validation={"accuracy": 0.7}),
        card("with-64", probes=64, accuracy=0.83),
        card("gnn-64", "ng-gnn", probes=64, accuracy=0.7),
        card("outputs", "output-probes", probes=64, accuracy=0.75),
        card("statistics", "statnn", accuracy=0.5),
        card("elsewhere", zoo="others", accuracy=0.99),
    ]
    rows = {row["name"]: row for row in probe_rows(cards)}
    assert list(rows) == [
        "gnn-64",
        "plain",
        "plain-but-worse-on-validation",
        "with-64",
        "outputs",
        "elsewhere",
    ]
    assert rows["with-64"]["without"] == "plain"
    assert rows["with-64"]["gain"] == pytest.approx(0.03)
    assert [rows[name]["gain"] for name in ("plain", "gnn-64", "outputs")] == [None] * 3
    assert gain_in_words(rows["with-64"]) == "+3.00 points"
    assert gain_in_words(rows["plain"]) == "–"


def test_smaller_errors_are_gains():
    cards = [
        card("plain", task="edit", mse=0.02, mse_unedited=0.08),
        card("probes", task="edit", probes=64, mse=0.015, mse_unedited=0.08),
    ]
    (_, row) = probe_rows(cards)
    assert row["gain"] == pytest.approx(0.005)
    assert gain_in_words(row) == "MSE -0.0050"
