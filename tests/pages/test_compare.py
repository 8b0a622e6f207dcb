"""The compare page: partners from everywhere, aligned weights, other architectures, and addresses that lie."""

import json

import pytest

TABS = ("Weights", "Graph", "Function", "Predictions", "Training run", "Many networks")


@pytest.fixture
def with_models(checkpoints, monkeypatch):
    monkeypatch.setenv("NGCORE_CHECKPOINTS", str(checkpoints))


def choose_kind(app, kind):
    (control,) = [one for one in app.button_group if one.key == "pair.kinds"]
    control.set_value(kind).run()
    expect_well(app)
    return app


def expect_well(app):
    assert not app.exception and not app.error, [error.value for error in app.error]


def metrics(app):
    return {metric.label: metric.value for metric in app.metric}


def said(app, parameter):
    """The value of a parameter in the address."""
    value = app.query_params[parameter]
    return value if isinstance(value, str) else value[0]


def partner(app):
    return said(app, "with")


def test_a_shuffled_copy_is_far_as_given_and_not_apart_once_aligned(open_page):
    app = choose_kind(open_page("compare", net="tiny-inrs/000007"), "Shuffled copy")
    found = metrics(app)
    assert float(found["Distance, as given"]) > 1 and float(found["Distance, aligned"]) < 1e-5
    assert partner(app) == "copy:1"
    app.button(key="pair.shuffle").click().run()
    expect_well(app)
    assert partner(app) == "copy:2"


def test_the_address_chooses_partner_tab_and_order(open_page):
    address = {"with": "tiny-inrs/000002", "compare_tab": "Function"}
    app = open_page("compare", net="tiny-inrs/000007", address=address)
    expect_well(app)
    assert partner(app) == "tiny-inrs/000002"
    assert float(metrics(app)["MSE between the two pictures"]) > 0
    app.query_params["with"] = "tiny-inrs/000003"
    app.run()
    assert partner(app) == "tiny-inrs/000003" and any("000003" in text.value for text in app.markdown)


@pytest.mark.parametrize(
    "lie", ["tiny-inrs/999999", "no-zoo/1", "copy:0", "copy:x", "copy:99999999999", "upload:0", "<b>", "", "x" * 5_000]
)
def test_a_partner_that_is_not_there_is_replaced_by_one_that_is(open_page, lie):
    app = open_page("compare", net="tiny-inrs/000007", address={"with": lie, "compare_tab": lie, "compare_tensor": lie})
    expect_well(app)
    assert partner(app) == "tiny-inrs/000008"
    assert partner(app) != lie and "compare_tab" not in app.query_params


def test_checkpoints_of_a_run_are_compared_and_played(open_page, with_models):
    app = open_page("compare", net="tiny-cnns/00000-000002", address={"compare_tab": "Training run"})
    expect_well(app)
    assert partner(app) == "tiny-cnns/00000-000000"
    app.slider(key="compare_frame").set_value(2).run()
    expect_well(app)
    assert any(text.value.startswith("**step 1") and "20" in text.value for text in app.markdown)
    app.button(key="pair.take_frame").click().run()
    expect_well(app)
    assert partner(app) == "tiny-cnns/00000-000001"
    app.toggle(key="pair.playing").set_value(True).run()
    expect_well(app)
    assert app.slider(key="compare_frame").value == 3


def test_models_say_what_they_think_of_both(open_page, with_models):
    app = open_page("compare", net="tiny-inrs/000007", address={"compare_tab": "Predictions"})
    expect_well(app)
    table = app.dataframe[-1].value
    assert set(table["model"]) == {"tiny-classify", "tiny-probes"}
    assert (table["cosine distance"] >= 0).all() and not table["first"].eq("–").any()
    choose_kind(app, "Shuffled copy")
    table = app.dataframe[-1].value.set_index("model")
    assert table.loc["tiny-probes", "embedding distance"] < 1e-3
    assert table.loc["tiny-probes", "first"] == table.loc["tiny-probes", "second"]


def test_a_neighbour_of_the_map_is_the_partner(open_page, with_models):
    app = choose_kind(open_page("compare", net="tiny-inrs/000007"), "Near it on the map")
    assert partner(app).startswith("tiny-inrs/") and partner(app) != "tiny-inrs/000007"


def viewers(app):
    found = [json.loads(part.proto.json) for part in app.get("bidi_component")]
    return [one for one in found if "scene" in one]


def test_graphs_are_overlaid_or_stand_side_by_side_aligned_or_as_given(open_page):
    address = {"with": "copy:3", "compare_tab": "Graph"}
    app = open_page("compare", net="tiny-inrs/000007", address=address)
    expect_well(app)
    (overlaid,) = viewers(app)
    assert overlaid["shape"].endswith("#change") and overlaid["group"] is None
    assert float(metrics(app)["Distance, aligned"]) < 1e-5
    (order,) = [one for one in app.button_group if one.key == "compare_order"]
    order.set_value("As given").run()
    assert viewers(app)[0]["edges"] != overlaid["edges"]
    (show,) = [one for one in app.button_group if one.key == "compare_graph"]
    show.set_value("Side by side").run()
    expect_well(app)
    first, second = viewers(app)
    assert first["group"] == second["group"] and first["shape"] == second["shape"]
    assert first["edges"] != second["edges"] and first["key"] != second["key"]


@pytest.mark.parametrize("tab", TABS)
def test_networks_of_different_architectures_are_compared_as_far_as_they_can_be(open_page, with_models, tab):
    address = {"with": "tiny-cnns/00000-000002", "compare_tab": tab}
    app = open_page("compare", net="tiny-inrs/000007", address=address)
    expect_well(app)
    notes = " ".join(info.value for info in app.info)
    if tab == "Weights":
        assert "Different architectures" in notes
        assert app.dataframe[-1].value["parameters"].tolist() == [105, 238]
    if tab == "Graph":
        assert "Different architectures" in notes and [one["group"] for one in viewers(app)] == [None, None]
    if tab == "Function":
        assert "other inputs or outputs" in notes


def test_a_sheet_shows_many_networks_and_a_click_compares_with_one(open_page):
    app = open_page("compare", net="tiny-inrs/000007", address={"compare_tab": "Many networks"})
    expect_well(app)
    assert any("12 networks of tiny\\-inrs" in caption.value for caption in app.caption)
    (show,) = [one for one in app.button_group if one.key == "compare_sheet"]
    show.set_value("Histograms").run()
    expect_well(app)
    assert any("Neurons are aligned" in caption.value for caption in app.caption)


def test_the_networks_of_a_sheet_are_aligned_with_the_selected_one(open_page):
    from app import cached
    from app.compare.sheet_tab import _aligned_sheet, _networks
    from app.state import Selection

    open_page("home")
    zoo, reference = cached.zoo("tiny-inrs"), Selection("tiny-inrs", "tiny-inrs/000003")
    ids = ["tiny-inrs/000003", "tiny-inrs/000001"]
    given, moved = _networks(zoo, ids), _aligned_sheet(zoo, ids, reference)
    apart = [(one.flatten() - cached.network(reference).flatten()).norm(dim=1) for one in (given, moved)]
    assert apart[1][0] == 0 and apart[1][1] < apart[0][1]


def test_the_swapped_networks_change_places(open_page):
    app = open_page("compare", net="tiny-inrs/000007", address={"with": "tiny-inrs/000002"})
    app.button(key="pair.swap").click().run()
    expect_well(app)
    assert said(app, "net") == "tiny-inrs/000002" and partner(app) == "tiny-inrs/000007"
