"""The predict page: the class of an INR, the accuracy of a CNN, several models side by side."""

import json

import pytest


@pytest.fixture
def with_models(checkpoints, monkeypatch):
    monkeypatch.setenv("NGCORE_CHECKPOINTS", str(checkpoints))


def specs(app):
    return [json.loads(chart.proto.spec) for chart in app.get("echarts_chart")]


def test_the_class_probabilities_of_an_inr_add_up_and_stand_beside_its_picture(open_page, with_models):
    app = open_page("predict", net="tiny-inrs/000007")
    assert not app.exception and not app.error
    bars = specs(app)[0]
    assert bars["yAxis"]["data"] == ["zero", "one", "two"]
    assert sum(bar["value"] for bar in bars["series"][0]["data"]) == pytest.approx(100, abs=0.2)
    assert any("Prediction: " in text.value and "one" in text.value for text in app.markdown)
    assert len(app.image) == 1


def test_all_models_that_read_the_network_are_side_by_side(open_page, with_models):
    app = open_page("predict", net="tiny-inrs/000007")
    table = app.dataframe[-1].value.set_index("model")
    assert set(table.index) == {"tiny-classify", "tiny-probes"}
    assert (table["time"] > 0).all() and (table["trained parameters"] > 0).all()
    assert table.loc["tiny-probes", "on test networks"] == "50.0% right (n = 4)"
    assert specs(app)[1]["yAxis"]["data"] == list(table.index)


def test_the_predicted_accuracy_of_a_cnn_stands_beside_the_true_one_and_those_of_the_zoo(open_page, with_models):
    app = open_page("predict", net="tiny-cnns/00000-000002")
    assert not app.exception and not app.error
    shown = {metric.label: metric.value for metric in app.metric}
    assert shown["True"] == "30.0%" and shown["Predicted"].endswith("%")
    plot = next(spec for spec in specs(app) if spec["series"][0]["type"] == "scatter")
    assert plot["series"][1]["id"] == "current" and plot["series"][1]["data"][0][0] == 30.0
    assert any("on the 3 test networks among the 6" in caption.value for caption in app.caption)


def test_a_click_on_the_plot_selects_the_network(monkeypatch):
    import pandas
    import streamlit as st

    from app import state
    from app.predict import accuracy

    chosen = []
    monkeypatch.setattr(state, "select", lambda **named: chosen.append(named))
    event = {"selection": {"selected": [{"series_index": 0, "data_indices": [1]}], "areas": []}}
    monkeypatch.setattr(st, "session_state", {f"{accuracy.PLOT_KEY}.m": event})
    accuracy._open_clicked("m", "zoo", pandas.DataFrame({"id": ["zoo/0", "zoo/1"]}))
    assert chosen == [{"zoo": "zoo", "id": "zoo/1"}]


def test_without_models_the_page_says_so(open_page, monkeypatch):
    from app import cached

    monkeypatch.setattr(cached, "checkpoints", lambda task=None: [])
    app = open_page("predict", net="tiny-inrs/000007")
    assert not app.exception
    assert any("No trained model" in info.value for info in app.info)


def test_a_model_with_damaged_weights_is_named_and_the_others_answer(open_page, checkpoints, monkeypatch, tmp_path):
    import shutil

    shutil.copytree(checkpoints, tmp_path / "some")
    (tmp_path / "some" / "tiny-probes" / "model.safetensors").write_bytes(b"damaged")
    card = tmp_path / "some" / "tiny-probes" / "card.json"
    card.write_text(card.read_text().replace('"tiny-probes"', '"tiny-damaged"'))
    (tmp_path / "some" / "tiny-probes").rename(tmp_path / "some" / "tiny-damaged")
    monkeypatch.setenv("NGCORE_CHECKPOINTS", str(tmp_path / "some"))
    app = open_page("predict", net="tiny-inrs/000006")
    assert not app.exception
    assert len(app.error) == 1 and "tiny\\-damaged" in app.error[0].value
    assert app.dataframe[-1].value["model"].tolist() == ["tiny-classify"]
