"""Why a model predicts what it does, on the predict page: shares per layer, of neurons and of weights."""

import json

import numpy as np
import pytest

from app import answers, cached
from app.predict import why
from app.state import Selection


@pytest.fixture
def with_models(checkpoints, monkeypatch):
    monkeypatch.setenv("NGCORE_CHECKPOINTS", str(checkpoints))


def charts(app):
    return [json.loads(chart.proto.spec) for chart in app.get("echarts_chart")]


@pytest.mark.parametrize("method", why.METHODS)
def test_both_methods_explain_a_predicted_accuracy_on_layers_neurons_and_the_graph(open_page, with_models, method):
    app = open_page("predict", net="tiny-cnns/00000-000002")
    app.session_state["predict_tab"] = next(tab.label for tab in app.tabs if tab.label.endswith("Why"))
    app.session_state[why.METHOD_KEY] = method
    app.run()
    assert not app.exception and not app.error
    bars, graph = charts(app)
    assert bars["yAxis"]["data"] == ["0", "2", "5"] and bars["xAxis"]["name"] == "points"
    assert any(bar["value"] for bar in bars["series"][0]["data"])
    assert graph["series"][0]["type"] == "graph" and graph["series"][0]["links"]
    shares = app.dataframe[-1].value["share, points"].abs().tolist()
    assert shares == sorted(shares, reverse=True) and shares[0] > 0


def test_the_class_of_an_inr_is_explained_when_asked_for(open_page, with_models):
    app = open_page("predict", net="tiny-inrs/000007")
    count = len(charts(app))
    app.session_state["predict.why"] = True
    app.run()
    assert not app.exception and not app.error
    assert len(charts(app)) == count + 2
    assert any("log\\-odds of class" in caption.value for caption in app.caption)


def test_the_shares_on_the_graph_are_those_of_its_own_edges_and_neurons(open_page, with_models):
    open_page("home")
    selection = Selection("tiny-cnns", "tiny-cnns/00000-000001")
    (card,) = answers.cards_for(answers.PREDICT, selection)
    found = why.explanation(card, selection, "gradient")
    view = why.view_of_shares(cached.graph_view(selection), found, found, 100)
    for expected, number in zip(found.strongest_edges(10), view.order[:10], strict=True):
        edge = view.edge(int(number))
        assert (edge.source, edge.target) == (expected["source"], expected["target"])
        assert edge.value == pytest.approx(100 * expected["share"])
    np.testing.assert_allclose(view.bias, 100 * np.nan_to_num(found.nodes.numpy()), rtol=1e-5)
