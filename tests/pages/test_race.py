"""The race page: who takes part, a race in steps, what came of it, and addresses that mean nothing."""

import json

import pytest
import torch

from app.race import live as live_module
from app.race.setup import DEFAULT_LANES, Lane, parse_lanes, write_lanes
from ngcore.optim import UpdateRule


@pytest.fixture
def still(monkeypatch):
    """Races that stand until they are told to step."""
    monkeypatch.setattr(live_module, "SLICE_S", 0.0)


def click(app, key):
    app.button(key=key).click().run()
    assert not app.exception and not app.error
    return app


def curves(app):
    (chart,) = app.get("echarts_chart")
    return json.loads(chart.proto.spec)["series"]


def parameters(network):
    return network.flatten()


@pytest.mark.usefixtures("still")
def test_a_race_runs_step_by_step_and_its_networks_open_on_other_pages(open_page):
    app = open_page("race", address={"race": "sgd:0.1:constant,muon:1:cosine", "race_seed": "3", "race_steps": "100"})
    assert not app.exception and not app.error and not app.get("echarts_chart")
    click(app, "race.start")
    assert [series["name"] for series in curves(app)] == ["SGD, momentum 0.1, constant", "Muon × 1, cosine"]
    first, second = (series["data"][0] for series in curves(app))
    assert first == second and first[0] == 0  # the same weights
    click(app, "race.pause")
    click(app, "race.step")
    assert [series["data"][-1][0] for series in curves(app)] == [10, 10]
    table = app.dataframe[0].value
    assert set(table["Optimiser"]) == {"SGD, momentum 0.1, constant", "Muon × 1, cosine"}
    assert table["Accuracy"].is_monotonic_decreasing
    (code,) = app.code
    namespace = {}
    exec(code.value.split("race.advance")[0], namespace)
    race = namespace["race"]
    race.advance(10)
    live = app.session_state["race.live"]
    for mine, theirs in zip(race.runners, live.race.runners, strict=True):
        assert torch.equal(parameters(mine.network), parameters(theirs.network))
    app.button(key="race.open.1").click().run()
    assert not app.exception
    kept = next(reversed(app.session_state["state.kept"].values()))
    assert torch.equal(kept.network.flatten(), live.race.runners[1].network.flatten())


@pytest.mark.usefixtures("still")
def test_optimisers_are_added_and_removed_and_the_address_follows(open_page):
    app = open_page("race")
    click(app, "race.add")
    app.run()
    assert app.query_params["race"] == "adamw:0.01:cosine,muon:1:cosine,optimiser-ng-gnn:1:cosine,sgd:0.05:cosine"
    app.selectbox(key="race.lane.0.method").set_value("sgd").run()
    assert app.query_params["race"].startswith("sgd:0.05:cosine")
    click(app, "race.remove")
    app.run()
    assert len(parse_lanes(app.query_params["race"])) == 3
    click(app, "race.start")
    click(app, "race.clear")
    assert not app.get("echarts_chart")


def test_texts_of_addresses_are_checked(open_page):
    assert parse_lanes(write_lanes(DEFAULT_LANES)) == DEFAULT_LANES
    assert parse_lanes("sgd:0.1:constant,sgd:0.2:cosine") == (Lane("sgd", 0.1, "constant"), Lane("sgd", 0.2, "cosine"))
    for text in ("", "sgd:0.1:cosine", "sgd:x:cosine,muon:1:cosine", "adam:1:cosine,muon:1:cosine"):
        assert parse_lanes(text) is None
    for text in ("sgd:nan:cosine,muon:1:cosine", "sgd:-1:cosine,muon:1:cosine", "sgd:1:linear,muon:1:cosine"):
        assert parse_lanes(text) is None
    assert parse_lanes(",".join(["sgd:1:cosine"] * 5)) is None
    app = open_page("race", address={"race": "sgd:1e9:cosine,<b>", "race_steps": "7", "race_images": "x"})
    assert not app.exception and not app.error
    assert app.selectbox(key="race_images").value == "fashion-mnist"


@pytest.mark.usefixtures("still")
def test_a_trained_rule_takes_part_under_its_own_name(open_page, monkeypatch):
    monkeypatch.setattr("app.race.setup.find_rules", lambda: {"optimiser-x": None})
    monkeypatch.setattr("app.race.live.load_rule", {"optimiser-x": UpdateRule()}.__getitem__)
    app = open_page("race", address={"race": "optimiser-x:1:cosine,muon:1:cosine"})
    click(app, "race.start")
    click(app, "race.pause")
    click(app, "race.step")
    graph, muon = curves(app)
    assert graph["name"] == "learned: x × 1, cosine"
    assert graph["data"] == muon["data"]  # what is untrained changes no step
    (code,) = app.code
    assert 'Entrant(method="graph"' in code.value and 'rule=load_rule("optimiser-x")' in code.value


@pytest.mark.usefixtures("still")
def test_a_sweep_is_a_race_of_every_rate(open_page, monkeypatch):
    monkeypatch.setattr("app.race.sweep.STEPS", 2)
    monkeypatch.setattr("app.race.setup.find_rules", dict)
    app = open_page("race")
    click(app, "race.sweep_start")
    app.session_state["race.sweep"].race.advance(2)
    app.run()
    (chart,) = app.get("echarts_chart")
    spec = json.loads(chart.proto.spec)
    assert spec["yAxis"]["data"] == ["SGD, momentum", "AdamW", "Muon"] and len(spec["series"][0]["data"]) == 15
    measured = [100 * runner.standings[-1].accuracy[0] for runner in app.session_state["race.sweep"].race.runners]
    shown = [cell["value"][2] for cell in spec["series"][0]["data"]]
    assert shown == pytest.approx(measured, abs=0.06)
