"""The tab "What if" of the predict page: every way of damaging a layer, predicted and measured."""

import json

import pytest

from app.predict.damage import Damage, sweep
from app.predict.what_if import describe
from app.state import Selection
from ngcore.tasks import WAYS, predict_accuracy, sweep_layer

SHIPPED = "cifar10-gs-cnns/00030-005248"


@pytest.fixture
def open_tab(open_page):
    """A function `open_tab(net)` that opens the predict page of a network at this tab."""

    def run(net):
        app = open_page("predict", net=net)
        app.session_state["predict_tab"] = next(tab.label for tab in app.tabs if tab.label.endswith("What if"))
        app.run()
        assert not app.exception and not app.error
        return app

    return run


@pytest.fixture
def with_models(checkpoints, monkeypatch):
    monkeypatch.setenv("NGCORE_CHECKPOINTS", str(checkpoints))


def chart(app):
    return json.loads(app.get("echarts_chart")[-1].proto.spec)


def table(app):
    return app.dataframe[-1].value.set_index("accuracy")


def test_predictions_stand_beside_what_is_measured_on_images_that_ship(open_tab):
    app = open_tab(SHIPPED)
    names = [line["name"] for line in chart(app)["series"]]
    assert names[-1] == "measured" and set(names) == set(table(app).index) and len(names) > 1
    measured = chart(app)["series"][-1]["data"]
    assert measured[0] == pytest.approx(table(app).loc["measured", "as it is"]) == pytest.approx(50.5, abs=3)
    assert measured[-1] <= 13  # all neurons of the first layer dropped: guessing
    assert any("1,000 test images of cifar10" in caption.value for caption in app.caption)


@pytest.mark.parametrize("how", WAYS)
def test_every_way_moves_the_prediction_of_a_model(open_tab, with_models, how):
    app = open_tab("tiny-cnns/00000-000002")
    (way,) = [one for one in app.button_group if one.key == "what_if_way"]
    way.set_value(how).run()
    strengths = WAYS[how].strengths
    app.select_slider(key=f"what_if_strength_{how}").set_value(strengths[-1]).run()
    assert not app.exception and not app.error
    row = table(app).loc["tiny-predict"]
    assert row["change"] == pytest.approx(row["damaged"] - row["as it is"]) and row["change"] != 0
    (line,) = chart(app)["series"]
    assert len(line["data"]) == len(strengths) and line["markLine"]["data"] == [{"xAxis": len(strengths) - 1}]
    assert line["data"][-1] == pytest.approx(row["damaged"], abs=0.01)
    assert any("only predictions are shown" in caption.value for caption in app.caption)


def test_the_damaged_network_can_be_kept_and_is_selected_then(open_tab, with_models):
    app = open_tab("tiny-cnns/00000-000002")
    app.button(key="what_if.keep").click().run()
    assert not app.exception and not app.error
    selection = app.session_state["state.selection"]
    kept = app.session_state["state.kept"][selection.id]
    assert selection.is_upload and kept.title == "tiny-cnns/00000-000002, drop 50% in layer 0"
    zeros = (kept.network.parameters["0.weight"].flatten(2).abs().amax(dim=2) == 0).sum()
    assert zeros == 2  # of four neurons


def test_a_sweep_holds_what_a_model_says_about_each_damaged_network(open_page, with_models):
    from app import answers, cached

    open_page("home")
    selection = Selection("tiny-cnns", "tiny-cnns/00000-000001")
    (card,) = answers.cards_for(answers.PREDICT, selection)
    found = sweep(Damage(selection, "2", "noise", None), [card])
    stack = sweep_layer(cached.network(selection), "2", "noise")
    said = predict_accuracy(answers.checkpoint(card["name"], card["weights_sha256"]), stack)
    assert found.predicted["tiny-predict"] == pytest.approx(said.tolist(), abs=1e-5) and found.measured is None


@pytest.mark.parametrize(
    ("how", "strength", "words"),
    [
        ("drop", 0.0, "as it is"),
        ("zero", 0.3, "30%"),
        ("noise", 1.5, "1.5 σ"),
        ("quantise", 32.0, "as it is"),
        ("quantise", 4.0, "4 bits"),
        ("quantise", 1.0, "1 bit"),
    ],
)
def test_strengths_are_said_in_words(how, strength, words):
    assert describe(how, strength) == words
