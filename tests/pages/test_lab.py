"""The lab: checks run at a press, and what came out is said, drawn and listed."""

import json

import pytest
import torch

from ngcore.networks import mlp
from ngcore.testing import random_network
from ngcore.upload import export_network


@pytest.fixture
def with_models(checkpoints, monkeypatch):
    monkeypatch.setenv("NGCORE_CHECKPOINTS", str(checkpoints))
    monkeypatch.setattr("ngcore.tasks.checkpoints.checkpoint_roots", lambda: [checkpoints])


def run_checks(app):
    return app.button(key="lab.run").click().run()


def show(app, name):
    app.session_state["lab_tab"] = next(tab.label for tab in app.tabs if name in tab.label)
    return app.run()


def words(app):
    return " ".join(text.value for text in app.markdown)


def test_before_anything_was_checked_the_page_says_what_to_press(open_page, with_models):
    app = open_page("lab", net="tiny-inrs/000007")
    assert not app.exception and not app.error
    assert any("Run checks" in info.value for info in app.info)
    assert not app.dataframe


def test_symmetries_are_checked_at_a_press(open_page, with_models):
    app = run_checks(open_page("lab", net="tiny-inrs/000007"))
    assert not app.exception and not app.error
    assert "The copies compute the same" in words(app)
    table = app.dataframe[0].value
    assert set(table["answers of"]) == {"the network itself", "tiny-classify", "tiny-probes"}
    assert set(table["copies"]) == {"permutations", "signs", "phases"}
    probes = table[table["answers of"] == "tiny-probes"]
    assert (probes["verdict"] == "the same").all()
    assert (table["why"].str.len() > 10).all()
    assert not any("Run checks" in info.value for info in app.info)


def test_what_was_found_stays_while_tabs_are_changed_and_goes_with_another_network(open_page, with_models):
    app = run_checks(open_page("lab", net="tiny-inrs/000007"))
    app = show(show(app, "Extremes"), "Symmetry")
    assert app.dataframe
    app.slider(key="lab.copies").set_value(2).run()
    assert not app.dataframe


def test_extremes_show_answers_by_size_and_the_remedy(open_page, with_models):
    app = show(run_checks(open_page("lab", net="tiny-cnns/00000-000001")), "Extremes")
    assert not app.exception and not app.error
    assert "The remedy" in words(app)
    table = app.dataframe[0].value
    assert set(table["size"]) == {1, 2, 4, 8, 16}
    own = table[table["answers of"] == "the network itself"]
    assert (own["verdict"] == "the same").all()
    app.segmented_control(key="lab.extremes.way").set_value("deeper").run()
    assert set(app.dataframe[0].value["size"]) == {0, 1, 4, 16, 36}


def test_probes_are_compared_for_all_tasks(open_page, with_models):
    app = show(open_page("lab", net="tiny-inrs/000007"), "Probes")
    assert not app.exception and not app.error
    assert set(app.dataframe[0].value["model"]) == {"tiny-classify", "tiny-probes"}
    app.segmented_control(key="lab.probes.task").set_value("edit").run()
    assert set(app.dataframe[0].value["model"]) == {"tiny-edit"}


def test_a_network_that_no_model_reads_is_checked_by_itself(open_page, with_models):
    app = open_page("lab")
    app.selectbox(key="picker.zoo").set_value("upload").run()
    file = export_network(random_network(mlp((5, 4, 3)), 1, dtype=torch.float32))
    app.file_uploader[0].upload("own.safetensors", file, "application/octet-stream").run()
    app = run_checks(app)
    assert not app.exception and not app.error
    assert set(app.dataframe[0].value["answers of"]) == {"the network itself"}
    assert set(app.dataframe[0].value["copies"]) == {"permutations", "scales"}


def test_a_network_without_hidden_neurons_has_nothing_to_check(open_page, with_models):
    app = open_page("lab")
    app.selectbox(key="picker.zoo").set_value("upload").run()
    file = export_network(random_network(mlp((5, 3)), 1, dtype=torch.float32))
    app.file_uploader[0].upload("own.safetensors", file, "application/octet-stream").run()
    app = run_checks(app)
    assert not app.exception and not app.error
    assert any("no hidden neurons" in info.value for info in app.info)


def test_the_study_is_shown_where_there_is_one(open_page, with_models, tmp_path, monkeypatch):
    monkeypatch.setenv("NGCORE_WORK", str(tmp_path))
    setting = {"networks": "mnist-inrs", "change": "fitted wide", "model": "NG-Sweep"}
    rows = [
        {"key": f"k{size}", "setting": {**setting, "size": size}, "test": {"n": 5, "accuracy": 0.5, "psnr": 20.0}}
        for size in (4, 8)
    ]
    content = {"name": "extremes", "question": "What?", "zoo": "mnist-inrs", "zoo_sha256": "0", "rows": rows}
    (tmp_path / "studies").mkdir()
    (tmp_path / "studies" / "extremes.json").write_text(json.dumps(content))
    app = show(open_page("lab", net="tiny-inrs/000007"), "Extremes")
    assert not app.exception and not app.error
    assert any("On 5 networks each. PSNR by size: 4: 20.0 dB" in caption.value for caption in app.caption)
    assert any("ngcore study extremes" in code.value for code in app.code)
