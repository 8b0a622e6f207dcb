"""Why a model predicts what it does, on the predict page: shares per layer, of neurons and of weights."""

import json

import numpy as np
import pytest

from app import answers, cached
from app.explained import explanation
from app.predict import why
from app.state import Selection


@pytest.fixture
def with_models(checkpoints, monkeypatch):
    monkeypatch.setenv("NGCORE_CHECKPOINTS", str(checkpoints))


def charts(app):
    return [json.loads(chart.proto.spec) for chart in app.get("echarts_chart")]


def viewers(app):
    found = [json.loads(part.proto.json) for part in app.get("bidi_component")]
    return [one for one in found if "scene" in one]


@pytest.mark.parametrize("method", why.METHODS)
def test_both_methods_explain_a_predicted_accuracy_on_layers_neurons_and_the_graph(open_page, with_models, method):
    app = open_page("predict", net="tiny-cnns/00000-000002")
    app.session_state["predict_tab"] = next(tab.label for tab in app.tabs if tab.label.endswith("Why"))
    app.session_state[why.METHOD_KEY] = method
    app.run()
    assert not app.exception and not app.error
    (bars,) = charts(app)
    assert bars["yAxis"]["data"] == ["0", "2", "5"] and bars["xAxis"]["name"] == "points"
    assert any(bar["value"] for bar in bars["series"][0]["data"])
    graph = viewers(app)[-1]
    assert graph["edges"] and graph["numbers"] and graph["words"]["colours"][0] == ["attribution", "share", "points"]
    shares = app.dataframe[-1].value["share, points"].abs().tolist()
    assert shares == sorted(shares, reverse=True) and shares[0] > 0


def test_the_class_of_an_inr_is_explained_when_asked_for(open_page, with_models):
    app = open_page("predict", net="tiny-inrs/000007")
    count = len(charts(app))
    assert not viewers(app)
    app.session_state["predict.why"] = True
    app.run()
    assert not app.exception and not app.error
    assert len(charts(app)) == count + 1 and len(viewers(app)) == 1
    assert any("log\\-odds of class" in caption.value for caption in app.caption)


def test_the_shares_on_the_graph_are_those_of_its_own_edges(open_page, with_models):
    from app.block_map import block_map
    from app.viewer.edges import pack_edges, wanted_blocks
    from app.viewer.packing import unpack

    open_page("home")
    selection = Selection("tiny-cnns", "tiny-cnns/00000-000001")
    (card,) = answers.cards_for(answers.PREDICT, selection)
    found, network = explanation(card, selection, "gradient"), cached.network(selection)
    numbers = wanted_blocks(network.architecture)
    facts, arrays = unpack(pack_edges(network, numbers, 10_000, why.edge_shares(found, 100)))
    texels = arrays["edges"].reshape(-1, 2)
    values, starts = texels[:, 1].copy().view(np.float32), [unit.size for unit in block_map(network.architecture).units]
    strongest = found.strongest_edges(1)[0]
    place = int(np.abs(values).argmax())
    assert values[place] == pytest.approx(100 * strongest["share"], rel=1e-5)
    row = next(row for row in facts["blocks"] if row[1] <= place < row[1] + row[2])
    block = found.structure.edge_blocks[row[0]]
    first = np.cumsum([0, *starts])
    assert first[block.source] + (texels[place, 0] & 0xFFFF) == strongest["source"]
    assert first[block.target] + (texels[place, 0] >> 16) == strongest["target"]
