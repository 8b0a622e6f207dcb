"""`ngcore train`, `evaluate`, `models` and `benchmark`: figures as they come out, beside those of the cards."""

import json

import pytest


@pytest.fixture
def tiny_recipe(monkeypatch):
    """A recipe of two steps under the name "tiny"."""
    from ngcore.tasks import RECIPES
    from ngcore.tasks.recipes import Recipe
    from ngcore.training import TrainConfig

    config = TrainConfig(steps=2, batch_size=2, warmup_steps=0, validate_every=1, checkpoint_every_seconds=0.0)
    recipe = Recipe.of("classify", "tiny-inrs", "flat-mlp", config, d_hidden=4)
    monkeypatch.setitem(RECIPES, "tiny", recipe)
    return recipe


def test_a_training_that_ran_out_of_time_goes_on_and_becomes_a_checkpoint(run, tiny_recipe, tmp_path):
    command = ("train", "tiny", "--out", tmp_path / "tiny", "--device", "cpu", "--json")
    stopped = run(*command, "--max-seconds", "0")
    assert stopped.code == 0
    assert stopped.json == {"is_finished": False, "steps": 0, "total_steps": 2}
    assert "Not finished: 0 of 2 steps done" in stopped.stderr
    finished = run(*command)
    assert finished.json["is_finished"]
    assert finished.json["card"] == json.loads((tmp_path / "tiny" / "card.json").read_text())
    assert finished.json["card"]["command"] == "ngcore train tiny"


def test_figures_of_a_training_are_shown(run, tiny_recipe, tmp_path):
    outcome = run("train", "tiny", "--out", tmp_path / "tiny", "--device", "cpu", "--threads", "1")
    assert "cross_entropy" in outcome.stdout
    assert f"Written to {tmp_path / 'tiny'}." in outcome.stderr


def test_an_unknown_recipe_is_refused_with_the_choices(run):
    outcome = run("train", "no-such-recipe")
    assert (outcome.code, outcome.stdout) == (1, "")
    assert outcome.stderr.startswith("Error: Unknown recipe 'no-such-recipe'; choose from: cifar10-gs-flat-mlp, ")


def test_evaluation_gives_the_measured_figures_of_the_card_again(run, tiny_recipe, tmp_path):
    card = run("train", "tiny", "--out", tmp_path / "tiny", "--device", "cpu", "--json").json["card"]
    (result,) = run("evaluate", tmp_path / "tiny", "--device", "cpu", "--json").json
    assert result["measured"] == pytest.approx(card["metrics"]["test"], abs=1e-6)
    assert (result["card"], result["note"]) == (card["metrics"]["test"], "")
    (part,) = run("evaluate", tmp_path / "tiny", "--limit", "3", "--device", "cpu", "--json").json
    assert part["measured"]["n"] == 3
    assert part["note"] == "Measured on a sample: 3 of the 4 networks behind the card's figures."
    assert part["note"] in run("evaluate", tmp_path / "tiny", "--limit", "3", "--device", "cpu").stdout


def test_all_checkpoints_of_a_zoo_are_evaluated_and_one_without_a_zoo_is_reported(run, shelf, tmp_path, monkeypatch):
    import shutil

    shutil.copytree(shelf / "checkpoints" / "tiny-classify", tmp_path / "cards" / "lost")
    shutil.copytree(shelf / "checkpoints" / "tiny-predict", tmp_path / "cards" / "found")
    card = json.loads((tmp_path / "cards" / "lost" / "card.json").read_text())
    card["corpus"]["name"] = "no-such-zoo"
    (tmp_path / "cards" / "lost" / "card.json").write_text(json.dumps(card))
    monkeypatch.setattr("ngcore.tasks.checkpoints.checkpoint_roots", lambda: [tmp_path / "cards"])
    every = run("evaluate", "--all", "--device", "cpu", "--json")
    assert every.code == 1
    assert [result["name"] for result in every.json] == ["tiny-predict"]
    assert "Error: lost: Unknown zoo 'no-such-zoo'" in every.stderr
    of_zoo = run("evaluate", "--all", "--zoo", "tiny-cnns", "--device", "cpu", "--json")
    assert (of_zoo.code, of_zoo.json[0]["note"]) == (
        0,
        "Measured on a sample: 3 of the 4 networks behind the card's figures.",
    )
    none = run("evaluate", "--all", "--zoo", "tiny-inrs")
    assert none.stderr == (
        "Error: Expected checkpoints to evaluate, found none trained on tiny-inrs; train one with ngcore train.\n"
    )


def test_models_lists_trained_ones_with_their_figures_recipes_and_presets(run):
    listed = run("models", "--task", "predict", "--json").json
    assert "tiny-predict" in [card["name"] for card in listed["checkpoints"]]
    assert {recipe["task"] for recipe in listed["recipes"].values()} == {"predict"}
    assert listed["presets"]["ng-gnn"]["d_node"] == 32
    assert "kendall_tau 0.2500" in run("models").stdout
    optimisers = run("models", "--task", "optimise", "--json").json
    assert optimisers["recipes"]["optimiser-per-parameter-mlp"]["preset"] == "per-parameter-mlp"
    assert optimisers["presets"]["per-parameter-mlp"]["kind"] == "mlp"
    assert (
        run("models", "--task", "x").stderr
        == "Error: Unknown task 'x'; choose from: classify, edit, optimise, predict.\n"
    )


def test_a_benchmark_is_shown_as_tables_and_kept_in_a_file(run, tmp_path, monkeypatch):
    import ngcore.benchmark

    result = {"machine": "a machine", "models": [{"preset": "ng-gnn", "networks_per_second": 512.25}], "fitting": []}

    def measure(*, quick, progress):
        progress(0, 1, note="ng-gnn")
        return {**result, "quick": quick}

    monkeypatch.setattr(ngcore.benchmark, "run_benchmark", measure)
    shown = run("benchmark", "--quick", "--out", tmp_path / "b.json").stdout
    assert "machine: a machine" in shown
    assert "512.2500" in shown
    assert json.loads((tmp_path / "b.json").read_text()) == {**result, "quick": True}
    refused = run("benchmark", "--out", tmp_path / "b.json")
    assert refused.stderr.startswith(f"Error: Expected nothing at {tmp_path / 'b.json'}, ")
    assert run("benchmark", "--json").json == {**result, "quick": False}


def test_the_zoos_that_ship_are_used_where_that_is_asked_for(run, shelf, tmp_path, monkeypatch):
    from tiny_zoos import write_cnns

    write_cnns(tmp_path / "zoos" / "tiny-cnns")
    monkeypatch.setattr("ngcore.cli.choosing.ASSETS", tmp_path)
    (here,) = run("evaluate", "tiny-predict", "--device", "cpu", "--json").json
    (shipped,) = run("evaluate", "tiny-predict", "--shipped", "--device", "cpu", "--json").json
    assert here["zoo_folder"] == str(shelf / "zoos" / "tiny-cnns")
    assert shipped["zoo_folder"] == str(tmp_path / "zoos" / "tiny-cnns")


def test_tables_that_are_piped_cut_no_name_short(run, monkeypatch):
    monkeypatch.delenv("COLUMNS")
    assert "mnist-dilate-ng-gnn-64-probes" in run("models").stdout
    monkeypatch.setenv("COLUMNS", "60")
    assert "…" not in run("models").stdout


def test_results_are_shown_and_written_into_a_text(run, tmp_path):
    readme, out = tmp_path / "README.md", tmp_path / "results.json"
    tables = ("headlines", "results", "accuracy", "trust", "studies")
    places = [f"<!-- {side}: ngcore {what} -->\n" for what in tables for side in ("begin", "end")]
    readme.write_text("".join(places), encoding="utf-8")
    shown = run("results", "--readme", readme, "--out", out)
    rows = json.loads(out.read_text(encoding="utf-8"))
    assert rows and all(row["name"] in shown.stdout for row in rows)
    assert run("results", "--json").json == rows
    assert all(f"| {row['name']} |" in readme.read_text(encoding="utf-8") for row in rows)
