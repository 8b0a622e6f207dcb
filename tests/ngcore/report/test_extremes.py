"""The study of extremes: how a sample is split, which cells there are, what is measured, and its table."""

import numpy as np
import pytest
import torch
from tiny_checkpoints import write_tiny_checkpoint

from ngcore.inr import FitConfig
from ngcore.networks import small_cnn
from ngcore.report import extremes
from ngcore.report.extremes import CNNS, FACTORS, Cell, Reader, Source, cells_of, corpora_of, measure
from ngcore.report.study_files import EXTREMES, study_table
from ngcore.tasks import load_checkpoint
from ngcore.testing import random_network
from ngcore.zoo import ZooWriter


@pytest.fixture(scope="module")
def cnns(tmp_path_factory):
    """Twelve CNNs of six runs, all of them test networks."""
    network = random_network(small_cnn((1, 4, 4), image_size=(8, 8)), 12, dtype=torch.float32)
    rows = [
        {"id": f"cnns/{i:02d}", "split": "test", "accuracy": 0.05 * i, "run": 10 + i // 2, "step": i % 2}
        for i in range(12)
    ]
    writer = ZooWriter(tmp_path_factory.mktemp("zoos") / "cnns", name="cnns", recipe={"kind": "cnn"})
    writer.write_part("all", [(network, rows)])
    return writer.finish(["all"], {"kind": "cnn"})


@pytest.fixture
def reader(inrs, tmp_path):
    def make(zoo, preset, task, stored):
        write_tiny_checkpoint(tmp_path / preset, stored, task=task, preset=preset, d_out=3 if task == "classify" else 1)
        return Reader(preset, zoo, load_checkpoint(tmp_path / preset, "cpu"))

    return make


def test_a_sample_of_test_networks_is_split_by_run(cnns):
    runs = {split: set(corpus.column("run").tolist()) for split, corpus in corpora_of(cnns).items()}
    assert runs == {"train": {10, 11, 14, 15}, "validation": {12}, "test": {13}}


def test_models_of_edges_skip_what_would_take_them_too_long(reader, inrs, cnns):
    plain, slow = reader("tiny-inrs", "statnn", "classify", inrs), reader("tiny-inrs", "ng-t", "classify", inrs)
    assert [cell.size for cell in cells_of([plain]) if cell.change == "wider, equal parts"] == list(FACTORS)
    assert [cell.size for cell in cells_of([slow]) if cell.change == "wider, equal parts"] == [1, 2, 4]
    assert "identity layers inserted" in {cell.change for cell in cells_of([reader(CNNS, "statnn", "predict", cnns)])}


def test_wide_copies_have_the_same_figures_for_output_probes(reader, inrs, cnns, tmp_path):
    model = reader("tiny-inrs", "output-probes-64", "classify", inrs)
    source = Source(inrs, corpora_of(cnns)["test"], limit=4, folder=tmp_path)
    found = [measure(Cell("tiny-inrs", "wider, unequal parts", factor, model), source) for factor in (1, 4)]
    assert found[0] == found[1]
    assert found[0]["n"] == 4


def test_accuracies_of_deeper_cnns_are_ranked(reader, inrs, cnns, tmp_path):
    model = reader(CNNS, "ng-gnn-cnn", "predict", cnns)
    found = measure(
        Cell(CNNS, "identity layers inserted", 2, model),
        Source(inrs, corpora_of(cnns)["test"], limit=9, folder=tmp_path),
    )
    assert found["n"] == 2
    assert {"r_squared", "kendall_tau", "mean_absolute_error"} < set(found)


def test_sirens_of_a_size_are_fitted_once_for_all_models(reader, inrs, cnns, monkeypatch, tmp_path):
    class Images:
        test_images, test_labels = np.zeros((5, 6, 6), np.uint8), np.arange(5) % 3

    monkeypatch.setattr(extremes, "fetch_images", lambda name: Images)
    monkeypatch.setattr(extremes, "MATCHED_RECIPE", FitConfig(steps=1))
    source = Source(inrs, corpora_of(cnns)["test"], limit=4, folder=tmp_path)
    model = reader("tiny-inrs", "output-probes-64", "classify", inrs)
    found = measure(Cell("tiny-inrs", "fitted deep", 3, model), source)
    assert found["n"] == 4
    assert found["psnr"] > 0
    assert list(source.fitted) == [(32, 32, 32)]
    monkeypatch.delattr(extremes, "fit_sirens")  # from the folder now
    source.fitted.clear()
    assert measure(Cell("tiny-inrs", "fitted deep", 3, model), source) == found


def test_the_table_has_one_line_for_all_sizes():
    rows = [
        {
            "key": f"k{size}{change}",
            "setting": {"networks": "a", "change": change, "size": size, "model": "m"},
            "test": {"n": 5, **figure},
        }
        for change, figure in (("wider", {"accuracy": 0.5}), ("deeper", {"r_squared": 0.25, "kendall_tau": 0.1}))
        for size in (1, 2)
    ]
    heads, cells = study_table({"name": EXTREMES, "rows": rows})
    assert heads == ["networks", "change", "model", "n", "accuracy, or R², by size"]
    assert cells == [["a", "wider", "m", "5", "1: 50.0%; 2: 50.0%"], ["a", "deeper", "m", "5", "1: 0.25; 2: 0.25"]]


def test_a_study_resumes_and_leaves_out_what_a_model_cannot_read(reader, inrs, cnns, tmp_path, monkeypatch):
    model = reader(CNNS, "statnn", "predict", cnns)
    monkeypatch.setattr(extremes, "find_zoo", lambda name: cnns.folder)
    monkeypatch.setattr(extremes, "readers", lambda zoo, device: iter(()))
    monkeypatch.setattr(extremes, "_cnn_readers", lambda corpora, device: iter([model]))
    content = extremes.run_extremes(tmp_path / "extremes.json", inrs, device="cpu", limit=2)
    deeper = [row["setting"]["size"] for row in content["rows"] if row["setting"]["change"].startswith("identity")]
    assert deeper == [0]
    monkeypatch.setattr(extremes, "measure", lambda cell, source: {"n": 0, "r_squared": 0.0})
    again = extremes.run_extremes(tmp_path / "extremes.json", inrs, device="cpu", limit=2)
    known = {row["key"]: row for row in content["rows"]}
    assert all(row == known.get(row["key"], row) for row in again["rows"])
    assert len(again["rows"]) > len(known)
