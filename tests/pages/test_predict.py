"""The predict page: the class of an INR, the accuracy of a CNN, several models side by side."""

import json
import shutil

import pytest
import torch

from ngcore.networks import mlp
from ngcore.testing import random_network
from ngcore.upload import export_network


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


def test_the_predicted_accuracy_of_a_cnn_stands_beside_the_true_one_and_its_worth(open_page, with_models):
    app = open_page("predict", net="tiny-cnns/00000-000002")
    assert not app.exception and not app.error
    shown = {metric.label: metric for metric in app.metric}
    assert shown["True accuracy"].value == "30.0%" and shown["Predicted accuracy"].value.endswith("%")
    assert not shown["Predicted accuracy"].delta  # an uncalibrated model has no interval
    (points,) = [one for one in specs(app)[0]["series"] if one["type"] == "scatter"]
    assert points["markLine"]["data"] == [{"xAxis": 30.0}]
    table = app.dataframe[-1].value
    assert table["model"].tolist() == ["tiny-predict"] and "interval" not in table


def test_a_calibrated_model_gives_an_interval_and_says_how_many_images_it_is_worth(
    open_page, checkpoints, monkeypatch, tmp_path
):
    shutil.copytree(checkpoints, tmp_path / "calibrated")
    path = tmp_path / "calibrated" / "tiny-predict" / "card.json"
    card = json.loads(path.read_text())
    card["conformal"] = {
        "kind": "interval",
        "spread": {"predicted": [0.0, 1.0], "residual": [0.05, 0.05]},
        "quantiles": {"all": {"runs": 38, "networks": 190, "levels": {"0.9": 2.0}}},
    }
    card["metrics"]["validation"] |= {"mean_absolute_error": 0.016, "images_worth": 385}
    path.write_text(json.dumps(card))
    monkeypatch.setenv("NGCORE_CHECKPOINTS", str(tmp_path / "calibrated"))
    app = open_page("predict", net="tiny-cnns/00000-000001")
    assert not app.exception and not app.error
    predicted = app.metric[0]
    low, high = (float(end.strip("% ")) for end in predicted.delta.split("–"))
    value = float(predicted.value.strip("%"))
    assert (value - low, high - value) == pytest.approx((10, 10), abs=0.2) or low == 0
    assert any("1.6 points" in text.value and "**about 380 labelled images**" in text.value for text in app.caption)
    row = app.dataframe[-1].value.iloc[0]
    assert (row["mean error"], row["worth images"]) == (1.6, 385) and row["interval"] == predicted.delta


def test_the_tab_of_the_zoo_shows_predicted_against_true_accuracy(open_page, with_models):
    app = open_page("predict", net="tiny-cnns/00000-000002")
    app.session_state["predict_tab"] = next(tab.label for tab in app.tabs if tab.label.endswith("Its zoo"))
    app.run()
    assert not app.exception and not app.error
    plot = next(spec for spec in specs(app) if spec["series"][0]["type"] == "scatter")
    assert plot["series"][1]["id"] == "current" and plot["series"][1]["data"][0][0] == 30.0
    assert any("on the 3 test networks among the 6" in caption.value for caption in app.caption)


def test_a_network_that_no_model_reads_is_met_with_a_sentence(open_page, with_models):
    app = open_page("predict")
    app.selectbox(key="picker.zoo").set_value("upload").run()
    file = export_network(random_network(mlp((5, 4, 3)), 1, dtype=torch.float32))
    app.file_uploader[0].upload("own.safetensors", file, "application/octet-stream").run()
    assert not app.exception and not app.error
    assert any("No trained model" in info.value for info in app.info)


def test_a_page_that_ends_early_keeps_its_sidebar(open_page):
    app = open_page("predict", net="upload:")
    assert not app.exception and len(app.file_uploader) == 1
    assert any(caption.value.startswith(":material/memory:") for caption in app.sidebar.caption)


def test_every_answer_about_a_network_of_no_zoo_comes_with_its_doubts(open_page, with_models, pages_folder):
    from ngcore.networks import siren

    app = open_page("predict")
    app.selectbox(key="picker.zoo").set_value("upload").run()
    file = export_network(random_network(siren((2, 9, 1)), 1, dtype=torch.float32))
    app.file_uploader[0].upload("own.safetensors", file, "application/octet-stream").run()
    assert not app.exception and not app.error
    assert any("2\\-9\\-1 sine" in warning.value for warning in app.warning)
    assert any("Most like the networks of **" in caption.value for caption in app.caption)
    table = next(frame.value for frame in app.dataframe if "trained parameters" in frame.value)
    assert all("2-9-1 sine" in doubts for doubts in table["doubts"])
    app.switch_page(str(pages_folder / "network.py")).run()
    app.session_state["network_tab"] = "Shuffle"
    app.run()
    app.button(key="shuffle.go").click().run()
    assert not app.exception
    assert all("2-9-1 sine" in doubts for doubts in app.dataframe[-1].value["doubts"])


def test_a_click_on_the_plot_selects_the_network(monkeypatch):
    import pandas
    import streamlit as st

    from app import state
    from app.predict import accuracy

    chosen = []
    monkeypatch.setattr(state, "select", lambda **named: chosen.append(named))
    event = {"selection": {"selected": [{"series_index": 0, "data_indices": [1]}], "areas": []}}
    monkeypatch.setattr(st, "session_state", {f"{accuracy.PLOT_KEY}.m": event})
    accuracy._open_clicked(f"{accuracy.PLOT_KEY}.m", "zoo", pandas.DataFrame({"id": ["zoo/0", "zoo/1"]}))
    assert chosen == [{"zoo": "zoo", "id": "zoo/1"}]


def test_without_models_the_page_says_so(open_page, monkeypatch):
    from app import cached

    monkeypatch.setattr(cached, "checkpoints", lambda task=None: [])
    app = open_page("predict", net="tiny-inrs/000007")
    assert not app.exception
    assert any("No trained model" in info.value for info in app.info)


def test_a_model_with_damaged_weights_is_named_and_the_others_answer(open_page, checkpoints, monkeypatch, tmp_path):
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
