"""The leaderboard: figures of all models, and two of them on the same networks."""

import json

import pytest


@pytest.fixture
def with_tiny_models(checkpoints, monkeypatch):
    from app import cached
    from ngcore.training import read_card

    cards = [read_card(folder) for folder in sorted(checkpoints.iterdir())]
    monkeypatch.setenv("NGCORE_CHECKPOINTS", str(checkpoints))
    monkeypatch.setattr(
        cached, "checkpoints", lambda task=None: [card for card in cards if task in (None, card["task"])]
    )


def test_every_model_of_a_question_has_a_row_with_its_figure(open_page, with_tiny_models):
    app = open_page("leaderboard")
    assert not app.exception and not app.error
    table = app.dataframe[0].value
    assert set(table["model"]) == {"tiny-classify", "tiny-probes"}
    assert (table["accuracy"] == 0.5).all() and (table["n"] == 4).all()


@pytest.mark.parametrize(("task", "title"), [("edit", "squared error"), ("predict", "Kendall's τ")])
def test_other_questions_have_figures_of_their_own(open_page, with_tiny_models, task, title):
    app = open_page("leaderboard")
    app.segmented_control(key="leaderboard_question").set_value(task).run()
    assert not app.exception
    assert app.dataframe[0].value["model"].tolist() == [f"tiny-{task}"]
    assert title in app.dataframe[0].value.columns


def test_two_models_are_compared_on_the_same_test_networks(open_page, with_tiny_models):
    app = open_page("leaderboard")
    counts = {metric.label: int(metric.value) for metric in app.metric}
    assert list(counts) == ["Only the first is right", "Only the second is right", "Neither is right", "Both are right"]
    assert sum(counts.values()) == 4
    shares = [text.value for text in app.markdown if "right" in text.value and "tiny" in text.value]
    assert len(shares) == 2 and all("of 4 right" in text for text in shares)


def test_pictures_of_an_outcome_are_as_many_as_it_counts(open_page, with_tiny_models):
    app = open_page("leaderboard")
    counts = {metric.label: int(metric.value) for metric in app.metric}
    for outcome, title in (("neither", "Neither is right"), ("both", "Both are right")):
        app.segmented_control(key="compare.outcome").set_value(outcome).run()
        walls = [json.loads(chart.proto.spec) for chart in app.get("echarts_chart")]
        assert sum(len(wall["series"][0]["data"]) for wall in walls) == counts[title]


def test_a_click_on_a_picture_selects_its_network(monkeypatch):
    import streamlit as st

    from app import state
    from app.components import model_comparison

    chosen = []
    monkeypatch.setattr(state, "select", lambda **named: chosen.append(named))
    event = {"selection": {"selected": [{"series_index": 0, "data_indices": [1]}], "areas": []}}
    monkeypatch.setattr(st, "session_state", {"wall": event})
    model_comparison._select_clicked("wall", "zoo", ["zoo/0", "zoo/1"])
    assert chosen == [{"zoo": "zoo", "id": "zoo/1"}]


def test_without_models_the_page_says_so(open_page, monkeypatch):
    from app import cached

    monkeypatch.setattr(cached, "checkpoints", lambda task=None: [])
    app = open_page("leaderboard")
    assert not app.exception
    assert any("No trained model" in info.value for info in app.info)
