"""The study of baselines: its file, its rows of labelled images, and going on where it was stopped."""

import json

import pytest
from accuracy_zoos import write_runs

from ngcore.errors import UnknownNameError
from ngcore.report import accuracy_baselines
from ngcore.report.accuracy_baselines import curve_of
from ngcore.report.studies import list_studies, run_study, zoo_of_study
from ngcore.report.study_files import own_studies, study_command, study_file, study_table
from ngcore.tasks import boosting, labelled_images
from ngcore.tasks.baselines import BASELINES

NUM_IMAGES = (16, 256, 4096)


@pytest.fixture(autouse=True)
def quick(tmp_path, monkeypatch):
    monkeypatch.setenv("NGCORE_WORK", str(tmp_path / "work"))
    for name, value in (("TREES", (20,)), ("LEAVES", (6,)), ("MIN_LEAF", (5,))):
        monkeypatch.setattr(boosting, name, value)
    monkeypatch.setattr(labelled_images, "REPEATS", 1)
    monkeypatch.setattr(accuracy_baselines, "NUM_IMAGES", NUM_IMAGES)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return write_runs(tmp_path_factory.mktemp("zoos") / "runs", groups=10)


def test_the_file_holds_all_baselines_and_numbers_of_images(runs):
    out, begun = own_studies() / study_file({"name": "accuracy-baselines", "zoo": "runs"}), []
    content = run_study("accuracy-baselines", out, zoo_folder=runs.folder, progress=lambda *told: begun.append(told))
    assert content == json.loads(out.read_text())
    assert (content["zoo"], content["zoo_sha256"]) == ("runs", runs.hash)
    assert [row["key"] for row in content["rows"]] == [*BASELINES, *(f"images-{k}" for k in NUM_IMAGES)]
    assert len(begun) == len(content["rows"])
    errors = curve_of(content["rows"], "mean_absolute_error", final=True)
    assert list(errors) == list(NUM_IMAGES)
    assert all(first > second for first, second in zip(errors.values(), list(errors.values())[1:], strict=False))
    assert curve_of(content["rows"], "r_squared", final=False)[4096] > 0.99
    (listed,) = (study for study in list_studies() if study["zoo"] == "runs")
    assert listed == content
    assert study_command(listed) == "ngcore study accuracy-baselines --zoo runs"


def test_a_stopped_study_goes_on_and_its_table_has_dashes_for_what_is_not_defined(runs, tmp_path):
    out = tmp_path / "baselines.json"

    def stop(done, of, key):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_study("accuracy-baselines", out, zoo_folder=runs.folder, progress=stop)
    begun = json.loads(out.read_text())
    assert [row["key"] for row in begun["rows"]] == ["mean", "hyper-parameters"]
    begun["rows"][1]["seconds"] = -1.0  # a mark that would be gone if it were measured again
    out.write_text(json.dumps(begun))
    content = run_study("accuracy-baselines", out, zoo_folder=runs.folder)
    assert content["rows"][1]["seconds"] == -1.0
    heads, rows = study_table(content)
    assert heads[:3] == ["baseline", "reads", "τ, final"]
    assert rows[0][:3] == ["mean of training networks", "nothing", "–"]


def test_an_unknown_study_is_refused():
    with pytest.raises(UnknownNameError, match="Unknown study 'accuracy'; choose from: accuracy-baselines, "):
        zoo_of_study("accuracy")
