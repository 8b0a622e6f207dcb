"""The list of all figures, and the README that shows it."""

from pathlib import Path

import pytest

from ngcore.errors import NeuralGraphError
from ngcore.report.results import (
    ACCURACY,
    HEADLINES,
    RESULTS,
    STUDIES,
    TRUST,
    marks,
    result_rows,
    results_table,
    studies_text,
    with_results,
    write_results,
)
from ngcore.report.studies import list_studies
from ngcore.tasks import list_checkpoints

NO_HEADLINES = "{}\n{}\n".format(*marks(HEADLINES))
BEGIN, END = marks(RESULTS)
BEGIN_STUDIES, END_STUDIES = marks(STUDIES)
NO_ACCURACY = "{}\n{}\n{}\n{}\n".format(*marks(ACCURACY), *marks(TRUST))
NO_STUDIES = f"{BEGIN_STUDIES}\n{END_STUDIES}\n{NO_ACCURACY}"
TEXT = f"{NO_HEADLINES}before\n{BEGIN}\nold\n{END}\nbetween\n{BEGIN_STUDIES}\nold\n{END_STUDIES}\n{NO_ACCURACY}after\n"


def written_into(text, rows, studies):
    return with_results({Path("README.md"): text}, rows, studies)[Path("README.md")]


def card(name, task="classify", zoo="inrs", **test):
    return {
        "name": name,
        "preset": "ng-gnn",
        "task": task,
        "model": {"config": {"kind": "ng-gnn", "num_probes": 0}},
        "corpus": {"name": zoo, "counts": {"train": 20_000}},
        "metrics": {"test": {"n": 2_000, **test}} if test else {},
        "training": {"seconds": 90.0, "cores": 1, "networks_per_second": 123.4},
        "seeds": [0],
        "parameters": 1_234,
        "command": f"ngcore train {name}",
    }


def test_the_best_of_each_question_comes_first():
    cards = [
        card("good", accuracy=0.9),
        card("better", accuracy=0.95),
        card("small-error", task="edit", mse=0.01, mse_unedited=0.08),
        card("large-error", task="edit", mse=0.02, mse_unedited=0.08),
        card("elsewhere", zoo="other", accuracy=0.99),
    ]
    names = [row["name"] for row in result_rows(cards)]
    assert names == ["better", "good", "elsewhere", "small-error", "large-error"]


def test_a_model_without_test_figures_is_left_out():
    assert result_rows([card("unmeasured")]) == []


def test_the_table_says_what_was_measured_on_how_many_networks_and_at_what_cost():
    *_, line = results_table(result_rows([card("good", accuracy=0.9185)])).splitlines()
    assert line == "| classify | inrs | good | ng-gnn | 91.85% right | 2,000 | 1 | 1,234 | 20,000 | 2 min | 123 |"


def test_figures_over_several_seeds_have_a_mean_and_a_deviation():
    one = card("good", accuracy=0.9185)
    one["repeats"] = [{"metrics": {"test": {"n": 2_000, "accuracy": value}}} for value in (0.9085, 0.9285)]
    *_, line = results_table(result_rows([one])).splitlines()
    assert "| 91.85% right; 91.85 ± 1.00 % over 3 seeds | 2,000 | 3 |" in line


def test_an_editor_is_shown_with_the_mean_of_its_views():
    *_, line = results_table(
        result_rows([card("editor", task="edit", mse=0.0123, mse_unedited=0.08, mse_mean_of_8=0.011)])
    ).splitlines()
    assert "| MSE 0.0123, mean of 8 0.0110 (unedited 0.0800) |" in line


def study(name="probes-and-data", **setting):
    figures = {"validation": {"accuracy": 0.75}, "test": {"accuracy": 0.723}, "networks_per_second": 1234.5}
    rows = [{"setting": setting or {"networks": "1 %", "probes": 0}, "training_networks": 20_000, **figures}]
    return {"name": name, "question": f"What about {name}?", "zoo": "mnist-inrs", "rows": rows}


def test_a_study_is_written_under_its_question_with_its_command():
    assert studies_text([study()]) == (
        "**What about probes-and-data?** On `mnist-inrs`: `ngcore study probes-and-data`\n\n"
        "| networks | probes | training networks | validation | test | networks/s |\n"
        "| --- | --- | --: | --: | --: | --: |\n"
        "| 1 % | 0 | 20,000 | 75.0% | 72.3% | 1,234 |\n"
    )


def test_studies_stand_one_after_the_other_and_none_is_no_text():
    one, other = study(), study("normalisation", weights="none")
    assert studies_text([one, other]) == f"{studies_text([one])}\n{studies_text([other])}"
    assert studies_text([]) == ""


def test_the_tables_replace_what_stood_between_the_marks():
    rows = result_rows([card("good", accuracy=0.9)])
    written = written_into(TEXT, rows, [study()])
    assert written == (
        f"{NO_HEADLINES}before\n{BEGIN}\n\n{results_table(rows)}\n{END}\nbetween\n"
        f"{BEGIN_STUDIES}\n\n{studies_text([study()])}\n{END_STUDIES}\n{NO_ACCURACY}after\n"
    )
    assert written_into(written, rows, [study()]) == written


def test_without_studies_nothing_stands_between_their_marks():
    rows = result_rows([card("good", accuracy=0.9)])
    assert written_into(TEXT, rows, []).endswith(f"between\n{NO_STUDIES}after\n")


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"{NO_HEADLINES}{BEGIN}\n{NO_STUDIES}",
        TEXT.removeprefix(NO_HEADLINES),
        f"{NO_HEADLINES}{END}\n{BEGIN}\n{NO_STUDIES}",
        f"{NO_HEADLINES}{BEGIN}\n{END}\n",
        f"{NO_HEADLINES}{BEGIN}\n{END}\n{END_STUDIES}\n{BEGIN_STUDIES}\n{NO_ACCURACY}",
        TEXT.replace(NO_ACCURACY, ""),
        TEXT + TEXT,
        TEXT + NO_STUDIES,
    ],
)
def test_a_text_without_one_place_for_each_is_refused(text):
    with pytest.raises(NeuralGraphError, match="Expected one line"):
        written_into(text, [], [])


def test_the_readme_shows_the_figures_of_the_cards_and_studies_that_ship(pytestconfig, monkeypatch):
    monkeypatch.delenv("NGCORE_CHECKPOINTS")
    files = [pytestconfig.rootpath / "README.md", *(pytestconfig.rootpath / "docs").glob("*.md")]
    texts = {file: file.read_text(encoding="utf-8") for file in files}
    assert with_results(texts, result_rows(list_checkpoints()), list_studies()) == texts


def test_tables_are_written_into_the_readme_and_the_files_of_docs_beside_it(tmp_path):
    readme, docs = tmp_path / "README.md", tmp_path / "docs" / "tables.md"
    docs.parent.mkdir()
    readme.write_text(NO_HEADLINES)
    docs.write_text(TEXT.removeprefix(NO_HEADLINES))
    rows = result_rows([card("good", accuracy=0.9)])
    assert write_results(readme, rows, [study()]) == [docs]
    assert results_table(rows) in docs.read_text() and studies_text([study()]) in docs.read_text()
    assert write_results(readme, rows, [study()]) == []


def test_a_table_with_a_place_in_two_files_is_refused(tmp_path):
    with pytest.raises(NeuralGraphError, match="Expected one line"):
        with_results({tmp_path / "a.md": TEXT, tmp_path / "b.md": NO_STUDIES}, [], [])


def test_the_time_of_a_training_holds_that_of_what_it_started_from():
    further = {**card("further", accuracy=0.9), "starts": [{"name": "first"}, {"name": "gone"}]}
    last = {**card("last", accuracy=0.95), "starts": [{"name": "further"}]}
    taught = {**card("taught", accuracy=0.7), "teacher": {"name": "further"}}
    rows = result_rows([last, further, taught, card("first", accuracy=0.8)])
    seconds = {row["name"]: row["training_seconds"] for row in rows}
    assert seconds == {"first": 90.0, "further": 180.0, "last": 270.0, "taught": 270.0}
