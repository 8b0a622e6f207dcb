"""The rank page: nothing chosen, files in order, damaged and unreadable ones, open questions, and runs of a zoo."""

import json

import pandas
import pytest
import torch

from ngcore.networks import mlp
from ngcore.tasks import load_checkpoint, predict_accuracy
from ngcore.testing import random_network
from ngcore.upload import export_network
from ngcore.zoo import Zoo, find_zoo

BINARY = "application/octet-stream"


@pytest.fixture
def with_models(checkpoints, monkeypatch):
    monkeypatch.setenv("NGCORE_CHECKPOINTS", str(checkpoints))


@pytest.fixture
def cnns(tiny_zoos):
    """The networks of tiny-cnns, and what tiny-predict says about each."""
    zoo = Zoo.open(tiny_zoos / "tiny-cnns")
    return zoo.networks(range(len(zoo)))


def upload(app, *files):
    app.file_uploader(key="rank.files").set_value([(name, data, BINARY) for name, data in files]).run()
    assert not app.exception
    return app


def ranking(app):
    return app.dataframe[-1].value


def test_the_empty_page_says_what_to_do(open_page, with_models):
    app = open_page("rank")
    assert not app.exception and not app.error
    assert any("Add the checkpoints" in info.value for info in app.info)


def test_files_are_ordered_by_prediction_and_a_damaged_one_is_named(open_page, with_models, cnns, checkpoints):
    files = [(f"epoch-{i}.safetensors", export_network(cnns[i])) for i in range(3)]
    app = upload(open_page("rank"), *files, ("bad*.safetensors", b"damaged"))
    assert len(app.error) == 1 and app.error[0].value.startswith(r"bad\*\.safetensors")
    table = ranking(app)
    said = predict_accuracy(load_checkpoint(checkpoints / "tiny-predict", "cpu"), cnns[:3])
    order = said.argsort(descending=True).tolist()
    assert table["network"].tolist() == [f"epoch-{i}.safetensors" for i in order]
    assert table["rank"].tolist() == [1, 2, 3] and set(table["model"]) == {"tiny-predict"}
    assert table["predicted"].tolist() == pytest.approx((100 * said[order]).tolist(), abs=1e-3)
    assert "measured" not in table and "low" not in table  # no images of 8 × 8 ship, and no calibration
    spec = json.loads(app.get("echarts_chart")[-1].proto.spec)
    assert spec["yAxis"]["data"][0] == f"1. epoch-{order[0]}.safetensors"


def test_a_network_that_no_model_reads_is_named_and_the_others_are_ranked(open_page, with_models, cnns):
    other = export_network(random_network(mlp((5, 4, 3)), 1, dtype=torch.float32))
    app = upload(open_page("rank"), ("other.safetensors", other), ("cnn.safetensors", export_network(cnns[0])))
    assert len(app.error) == 1 and "No trained model reads" in app.error[0].value
    assert ranking(app)["network"].tolist() == ["cnn.safetensors"]


def test_what_files_leave_open_is_asked_once_for_all(open_page, with_models, cnns):
    from safetensors.torch import save

    files = [
        (f"{i}.safetensors", save({name: own[i].contiguous() for name, own in cnns.parameters.items()}))
        for i in range(2)
    ]
    app = upload(open_page("rank"), *files)
    assert sum("leave this open" in text.value for text in app.markdown) == 1
    sizes = next(field for field in app.text_input if field.label.startswith("Input size"))
    sizes.set_value("8 x 8").run()
    assert not app.exception and not app.error
    assert sorted(ranking(app)["network"]) == ["0.safetensors", "1.safetensors"]


def test_a_run_of_a_zoo_is_ranked_beside_its_true_accuracies(open_page, with_models):
    app = open_page("rank")
    (source,) = [one for one in app.button_group if one.key == "rank_source"]
    source.set_value("A run of a zoo").run()
    app.selectbox(key="rank_zoo").set_value("tiny-cnns").run()
    app.selectbox(key="rank_run").set_value(1).run()
    assert not app.exception and not app.error
    table = ranking(app).set_index("network")
    assert table["measured"].sort_index().tolist() == pytest.approx([40, 50, 60])
    assert any("Kendall's τ between both" in caption.value for caption in app.caption)


def test_files_of_networks_that_read_images_are_measured_on_those_that_ship(open_page):
    zoo = Zoo.open(find_zoo("cifar10-gs-cnns"))
    best = int(zoo.metadata["accuracy"].argmax())
    app = upload(open_page("rank"), ("best.safetensors", export_network(zoo.networks([best]))))
    row = ranking(app).iloc[0]
    assert row["measured"] == pytest.approx(100 * zoo.metadata["accuracy"].iloc[best], abs=5)
    assert row["measured on"] == "1,000 images of cifar10"


def test_the_table_to_take_along_holds_every_column():
    from app.rank.entries import Entry
    from app.rank.ranking import Ranked, table_of
    from ngcore.tasks import Interval

    card = {
        "name": "m",
        "task": "predict",
        "weights_sha256": "0",
        "metrics": {"validation": {"images_worth": 64}},
        "corpus": {"name": "none"},
    }
    entry = Entry("a.pt", "upload:a", random_network(mlp((2, 3))))
    interval = Interval(low=0.3, high=0.5, level=0.9, runs=40)
    table = table_of([Ranked(entry, card, 0.4, interval, 0.01, ("Unusual.", "Odd."), 0.35, "10 images of mnist")])
    assert isinstance(table, pandas.DataFrame)
    assert table.iloc[0].to_dict() == {
        "rank": 1,
        "network": "a.pt",
        "predicted": 40.0,
        "low": 30.0,
        "high": 50.0,
        "measured": 35.0,
        "p-value": 0.01,
        "doubts": "Unusual. Odd.",
        "model": "m",
        "worth images": 64,
        "measured on": "10 images of mnist",
    }
