"""Studies: their tables, going on where they were stopped, and their cells."""

import json

import pytest

from ngcore.errors import UnknownNameError
from ngcore.report import studies
from ngcore.report.studies import STUDIES, Cell, Study, list_studies, run_study, zoo_of_study
from ngcore.report.study_files import EDITING, study_table
from ngcore.tasks.recipes import Recipe
from ngcore.training import TrainConfig


@pytest.fixture(autouse=True)
def own_work_folder(tmp_path, monkeypatch):
    """Let every test train from the start."""
    monkeypatch.setenv("NGCORE_WORK", str(tmp_path / "work"))


@pytest.fixture
def tiny_study(monkeypatch):
    """A study of two cells, on two and on three training networks, under the name "tiny"."""
    config = TrainConfig(steps=2, batch_size=2, warmup_steps=0)
    recipe = Recipe.of("classify", "tiny-inrs", "flat-mlp", config, d_hidden=4)
    cells = tuple(Cell(setting={"networks": n}, recipe=recipe, num_networks=n) for n in (2, 3))
    monkeypatch.setitem(STUDIES, "tiny", Study(question="How many?", zoo="tiny-inrs", cells=cells))


def test_a_study_measures_every_cell_and_writes_what_it_returns(tiny_study, inrs, tmp_path):
    out = tmp_path / "deep" / "tiny.json"
    content = run_study("tiny", out, zoo_folder=inrs.folder, device="cpu")
    assert content == json.loads(out.read_text())
    assert (content["question"], content["zoo_sha256"]) == ("How many?", inrs.hash)
    assert [row["training_networks"] for row in content["rows"]] == [2, 3]
    assert all(row["steps"] == 2 and row["test"]["n"] == row["validation"]["n"] == 4 for row in content["rows"])


def test_a_stopped_study_goes_on_with_the_cells_that_are_missing(tiny_study, inrs, tmp_path):
    out, begun = tmp_path / "tiny.json", []

    def stop(done, of, cell):
        if done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_study("tiny", out, zoo_folder=inrs.folder, device="cpu", progress=stop)
    first = json.loads(out.read_text())["rows"]
    assert len(first) == 1
    first[0]["seconds"] = -1.0  # a mark that would be gone if the cell were trained again
    out.write_text(json.dumps({**json.loads(out.read_text()), "rows": first}))
    content = run_study("tiny", out, zoo_folder=inrs.folder, device="cpu", progress=lambda *told: begun.append(told))
    assert begun == [(0, 2, "2"), (1, 2, "3")]
    assert content["rows"][0]["seconds"] == -1.0


def test_another_zoo_begins_anew(tiny_study, inrs, tmp_path):
    out = tmp_path / "tiny.json"
    content = run_study("tiny", out, zoo_folder=inrs.folder, device="cpu")
    content["zoo_sha256"], content["rows"][0]["seconds"] = "of another zoo", -1.0
    out.write_text(json.dumps(content))
    again = run_study("tiny", out, zoo_folder=inrs.folder, device="cpu")
    assert again["rows"][0]["seconds"] >= 0


def test_the_table_has_a_column_for_each_setting(tiny_study, inrs, tmp_path):
    heads, rows = study_table(run_study("tiny", tmp_path / "tiny.json", zoo_folder=inrs.folder, device="cpu"))
    assert heads == ["networks", "training networks", "validation", "test", "networks/s"]
    assert [row[:2] for row in rows] == [["2", "2"], ["3", "3"]]
    assert all(row[3].endswith("%") for row in rows)


@pytest.mark.parametrize("name", STUDIES)
def test_cells_of_a_study_are_told_apart_and_share_their_columns(name):
    cells = STUDIES[name].cells
    assert len({cell.key for cell in cells}) == len(cells) > 4
    assert len({tuple(cell.setting) for cell in cells}) == 1


def test_studies_that_ship_are_listed_in_the_order_of_their_questions(tmp_path, monkeypatch):
    monkeypatch.setattr(studies, "ASSETS", tmp_path)
    assert list_studies() == []
    (tmp_path / "studies").mkdir()
    for name in (EDITING, *reversed(STUDIES)):
        write_study(tmp_path / "studies" / f"{name}.json", name)
    assert [content["name"] for content in list_studies()] == [*STUDIES, EDITING]


def write_study(path, name, *, zoo="shipped"):
    """A study of one row."""
    path.parent.mkdir(parents=True, exist_ok=True)
    row = {"key": "a", "setting": {"x": 1}, "training_networks": 1, "networks_per_second": 1.0}
    row |= {"validation": {"accuracy": 0.5}, "test": {"accuracy": 0.5}}
    row |= {"n": 1, "mse": 0.5, "milliseconds_per_network": 1.0}
    path.write_text(json.dumps({"name": name, "question": "?", "zoo": zoo, "zoo_sha256": "0", "rows": [row]}))


def test_a_study_made_here_is_shown_before_the_one_that_ships_and_a_damaged_one_is_left_out(
    tmp_path, monkeypatch, caplog
):
    monkeypatch.setattr(studies, "ASSETS", tmp_path)
    monkeypatch.setenv("NGCORE_WORK", str(tmp_path / "work"))
    write_study(tmp_path / "studies" / "parts.json", "parts")
    write_study(tmp_path / "work" / "studies" / "parts.json", "parts", zoo="own")
    assert [study["zoo"] for study in list_studies()] == ["own"]
    assert [study["zoo"] for study in list_studies(shipped=True)] == ["shipped"]
    (tmp_path / "work" / "studies" / "parts.json").write_text('{"name": "parts"}')
    assert list_studies() == [] and "run ngcore study parts again" in caplog.text


def test_an_unknown_study_is_refused_with_the_choices():
    with pytest.raises(UnknownNameError, match="Unknown study 'none'; choose from: accuracy-baselines, "):
        zoo_of_study("none")


def test_files_of_locks_are_no_studies(tmp_path, caplog):
    (tmp_path / "work" / "studies").mkdir(parents=True)
    (tmp_path / "work" / "studies" / ".parts.json.lock.json").write_text("{}")
    names = {study["name"] for study in list_studies()}
    assert names == {study["name"] for study in list_studies(shipped=True)}
    assert not caplog.records
