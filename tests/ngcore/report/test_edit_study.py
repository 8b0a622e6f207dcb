"""Editors beside their references."""

import json

import pytest
import torch
from tiny_checkpoints import write_tiny_checkpoints
from tiny_zoos import write_cnns

from ngcore.inr import edit_images, render
from ngcore.report import edit_study
from ngcore.report.studies import run_study
from ngcore.report.study_files import study_table


@pytest.fixture
def editor(inrs, tmp_path, monkeypatch):
    """The name of the one editor that is found."""
    from ngcore.tasks import checkpoints

    write_tiny_checkpoints(tmp_path / "checkpoints", inrs, write_cnns(tmp_path / "zoos" / "cnns"))
    monkeypatch.setattr(checkpoints, "checkpoint_roots", lambda: [tmp_path / "checkpoints"])
    (card,) = [card for card in checkpoints.list_checkpoints("edit") if card["corpus"]["name"] == inrs.name]
    return card["name"]


def test_refitting_comes_nearer_to_the_edited_image_than_leaving_a_network_as_it_is(inrs, editor):
    untouched, refitted, fitted_on, edited, edited_and_fitted = rows = edit_study.edit_study(inrs, device="cpu")
    assert [row["setting"]["method"] for row in rows] == [
        "left as it is",
        "image edited, refitted",
        "own render edited, fitted on",
        editor,
        f"{editor}, fitted on",
    ]
    originals = torch.from_numpy(edit_study.original_images(inrs, inrs.rows(split="test"))).float() / 255
    shown = render(inrs.networks(inrs.rows(split="test")), (6, 6))
    assert untouched["mse"] == pytest.approx(
        (shown - edit_images(originals, "dilate")).square().mean().item(), rel=1e-5
    )
    assert max(refitted["mse"], fitted_on["mse"]) < untouched["mse"]
    assert edited_and_fitted["mse"] < edited["mse"]
    assert edited_and_fitted["milliseconds_per_network"] > edited["milliseconds_per_network"]
    assert (untouched["milliseconds_per_network"], untouched["n"]) == (0.0, 4)
    assert refitted["milliseconds_per_network"] > 0


def test_the_table_of_editors_has_their_figures(inrs, editor, tmp_path):
    content = run_study("editing", tmp_path / "editing.json", zoo_folder=inrs.folder, device="cpu", limit=2)
    assert content == json.loads((tmp_path / "editing.json").read_text())
    heads, rows = study_table(content)
    assert heads == ["edit", "method", "n", "MSE", "ms/network"]
    assert [row[:3] for row in rows] == [
        ["dilate", "left as it is", "2"],
        ["dilate", "image edited, refitted", "2"],
        ["dilate", "own render edited, fitted on", "2"],
        ["dilate", editor, "2"],
        ["dilate", f"{editor}, fitted on", "2"],
    ]
