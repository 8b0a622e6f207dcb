"""The map page: layouts, colours, what is circled, searched and filtered, neighbours, newcomers."""

import base64
import json

import numpy as np
import pytest
import streamlit as st

NET = "tiny-inrs/000003"


@pytest.fixture(autouse=True)
def instant_umap(monkeypatch):
    """UMAP that is over at once; the real one is tested where it lives."""
    from ngcore.maps import layouts

    def fit(components, seed, parameters):
        return components[:, : parameters.dimensions] * 2 + seed, None

    monkeypatch.setattr(layouts, "_fit_umap", fit)


def drawn(app, index=0):
    """What a map is told to draw."""
    return json.loads(app.get("bidi_component")[index].proto.json)


def mark(app, kind):
    """The marks of a kind; None if there are none."""
    return next((mark for mark in drawn(app)["marks"] if mark["kind"] == kind and mark["points"]), None)


def dimmed(app, index=0):
    """Which points stand back; all of them stand out while nothing is selected."""
    return np.frombuffer(base64.b64decode(drawn(app, index)["dimmed"]), dtype=np.uint8).tolist()


def captions(app):
    return " ".join(caption.value for caption in app.caption)


def box(app, label):
    return next(one for one in app.selectbox if one.label == label)


def neighbours(app):
    """The slider of the layout's neighbours."""
    return next(slider for slider in app.slider if slider.label == "Neighbours")


def circle(app, *ids, chart="another chart", polygon=()):
    """Circle networks as a lasso would."""
    from app.state import REGION_KEY, Region

    app.session_state[REGION_KEY] = Region("tiny-inrs", chart, tuple(f"tiny-inrs/{name}" for name in ids), polygon)
    return app.run()


def test_the_map_of_a_zoo_opens_with_the_selected_network_ringed_and_ten_neighbours(open_page):
    app = open_page("map", net=NET)
    assert not app.exception and not app.error
    assert mark(app, "selected") is not None and mark(app, "placed") is None
    assert len(mark(app, "neighbour")["points"]) == 10
    assert drawn(app)["selected"] == 3 and drawn(app)["ids"][3] == "000003"
    assert "12 of the 12 networks of tiny\\-inrs by their raw weights" in captions(app)


@pytest.fixture
def shipped_map(checkpoints, tiny_zoos, monkeypatch, tmp_path):
    """The cache folder, empty, where maps of tiny-inrs ship."""
    from ngcore.maps import zoo_maps
    from ngcore.tasks import list_checkpoints
    from ngcore.zoo import Zoo

    monkeypatch.setenv("NGCORE_CHECKPOINTS", str(checkpoints))
    monkeypatch.setattr(zoo_maps, "SHIPPED", tmp_path)
    for card in list_checkpoints("classify"):  # whichever of them is the best one, its map ships
        if card["corpus"]["name"] == "tiny-inrs":
            zoo_maps.write_map(Zoo.open(tiny_zoos / "tiny-inrs"), card, folder=tmp_path)
    monkeypatch.setenv("NGCORE_CACHE", str(tmp_path / "cache"))
    st.cache_resource.clear()  # of maps that did not ship, drawn by earlier tests
    return tmp_path / "cache"


def test_a_shipped_map_computes_its_features_for_the_neighbours_of_the_selected_network(open_page, shipped_map):
    app = open_page("map", net=NET)
    assert not app.exception and not app.error
    assert len(list(shipped_map.rglob("*.npz"))) == 1
    assert len(mark(app, "neighbour")["points"]) == 10


def test_a_shipped_map_has_its_quality_and_outliers_and_needs_no_features_for_them(open_page, shipped_map):
    app = open_page("map", net="tiny-cnns/00000-000000")
    before = list(shipped_map.rglob("*.npz"))
    box(app, "Zoo").select("tiny-inrs").run()
    assert not app.exception and not app.error
    assert len(drawn(app)["ids"]) == 12 and list(shipped_map.rglob("*.npz")) == before
    assert "trustworthiness" in captions(app) and "stability" in captions(app)
    assert "outlier score" in box(app, "Colour by").options


def test_the_default_model_sees_weights_alone(open_page, shipped_map):
    app = open_page("map", net=NET)
    from app import map_data

    names = list(map_data.models_for("tiny-inrs"))
    cards = map_data.models_for("tiny-inrs")
    assert box(app, "Embedding of").value == names[0] and map_data.sees_weights_alone(cards[names[0]])
    seen = [map_data.sees_weights_alone(cards[name]) for name in names]
    assert seen == sorted(seen, reverse=True) and not all(seen)


def test_nothing_needs_to_be_selected(open_page):
    app = open_page("map")
    assert not app.exception
    assert any("Click a point" in info.value for info in app.info) or mark(app, "selected") is not None


def test_colours_follow_the_choice_and_have_a_key_in_units_of_the_column(open_page):
    app = open_page("map", net=NET)
    assert drawn(app)["colours"]["categories"] == ["zero", "one", "two"]
    assert box(app, "Colour by").options == ["label", "PSNR of the fit in dB", "outlier score", "split"]
    box(app, "Colour by").select("PSNR of the fit in dB").run()
    colours = drawn(app)["colours"]
    assert colours["title"] == "PSNR of the fit in dB" and colours["categories"] is None
    assert [text for _, text in colours["ticks"]] == ["20", "22", "24", "26", "28", "30"]
    assert drawn(app)["facts"][0]["title"] == "PSNR of the fit in dB"


def test_inrs_come_with_their_pictures_and_cnns_without(open_page):
    app = open_page("map", net=NET)
    assert drawn(app)["pictures"]["address"].startswith("data:image/webp;base64,")
    assert drawn(open_page("map", net="tiny-cnns/00000-000000"))["pictures"] is None


def test_too_few_networks_for_umap_are_laid_out_by_pca(open_page):
    app = open_page("map", net="tiny-cnns/00000-000000")
    assert not app.exception and not app.error
    assert any("UMAP needs at least 10 networks" in info.value for info in app.info)
    assert {"true accuracy", "learning rate", "split"} <= set(box(app, "Colour by").options)


def test_a_circled_region_is_shown_as_a_table_and_can_be_cleared(open_page):
    app = circle(open_page("map", net=NET), "000001", "000004")
    assert app.header[0].value == "2 of 12 selected"
    assert app.dataframe[-1].value["id"].tolist() == ["tiny-inrs/000001", "tiny-inrs/000004"]
    assert np.flatnonzero(np.array(dimmed(app)) == 0).tolist() == [1, 4]
    assert drawn(app)["lasso"] == [] and drawn(app)["canClear"]  # it was drawn on another map
    app.button(key="map.clear").click().run()
    assert app.header[0].value == "All 12 networks on the map"
    assert dimmed(app) == []


def test_a_lasso_is_linked_as_a_polygon(open_page):
    everything = "-900,-900~900,-900~900,900~-900,900"
    app = open_page("map", net=NET, address={"map_layout": "PCA", "lasso": everything})
    assert not app.exception and not app.error
    assert len(app.session_state["map.region"].ids) == 12 and drawn(app)["canClear"]
    assert drawn(app)["lasso"] == [[-900, -900], [900, -900], [900, 900], [-900, 900]]
    del app.session_state["map.region"]  # as the browser clears it
    app.run()
    assert not app.exception and "lasso" not in app.query_params


@pytest.mark.parametrize("lie", ["x", "0,0~1,1", "0,0~1,1~nan,2", "0,0~1,1~1e9,2", "0,0~1~2,2", "0,0~" * 400])
def test_a_lasso_that_is_none_is_left_out(open_page, lie):
    app = open_page("map", net=NET, address={"map_layout": "PCA", "lasso": lie, "map_model_tiny-inrs": lie})
    assert not app.exception and not app.error
    assert "map.region" not in app.session_state and "lasso" not in app.query_params


def test_a_lasso_stays_where_it_was_drawn(open_page):
    app = open_page("map", net=NET)
    polygon = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0))
    app = circle(app, "000001", chart=drawn(app)["chart"], polygon=polygon)
    assert drawn(app)["lasso"] == [list(corner) for corner in polygon]


def test_what_is_circled_shows_on_both_maps(open_page):
    app = open_page("map", net=NET)
    options = box(app, "Beside it").options
    assert options[0] == "no second map"
    app = circle(app, "000001", "000004")
    if len(options) > 1:
        box(app, "Beside it").select(options[1]).run()
        assert dimmed(app, 0) == dimmed(app, 1)


def test_what_is_circled_goes_to_the_edit_page_in_one_click(open_page):
    app = open_page("map", net=NET)
    assert not any(button.key == "map.edit" for button in app.button)
    app = circle(app, "000001", "000004")
    app.button(key="map.edit").click().run()
    assert not app.exception and app.title[0].value == "Edit"
    assert app.session_state["state.selection"].id == "tiny-inrs/000001"
    assert "2 of 2 pairs" in captions(app)


def test_a_search_greys_out_the_others_and_lists_what_it_finds_in_the_whole_zoo(open_page):
    app = open_page("map", net=NET)
    app.session_state["map.search"] = "two"
    app.run()
    found = app.dataframe[0].value
    assert set(found["label"]) == {2} and len(found) == dimmed(app).count(0)
    assert any("networks match “two”" in text.value for text in app.markdown)
    app.button(key="map.end_search").click().run()
    assert dimmed(app) == []


def test_filters_and_the_key_leave_the_same_networks_on_the_map_in_the_table_and_in_the_histogram(open_page):
    app = open_page("map", net=NET)
    app.multiselect(key="map.filters").set_value(["label"]).run()
    app.multiselect(key="map.filter.label").set_value(["zero", "one"]).run()
    kept = dimmed(app).count(0)
    assert app.header[0].value == f"{kept} of 12 selected" and 0 < kept < 12
    app.session_state["map.legend"] = {"label": ([0], None)}
    app.run()
    assert drawn(app)["colours"]["hidden"] == [0]
    assert set(app.dataframe[-1].value["label"]) == {"one"}
    app.button(key="map.reset").click().run()
    assert app.header[0].value == "All 12 networks on the map"


def test_settings_filters_key_and_search_are_in_the_address_and_come_back_from_it(open_page):
    linked = {
        "map_neighbours": "7",
        "map_metric": "Euclidean",
        "map_filter": "label:c0,1",
        "map_key": "label:c0",
        "map_find": "one",
    }
    app = open_page("map", net=NET, address=linked)
    assert not app.exception and not app.error
    assert neighbours(app).value == 7 and app.session_state["map_metric"] == "euclidean"
    assert app.multiselect(key="map.filter.label").value == ["zero", "one"]
    assert drawn(app)["colours"]["hidden"] == [0] and drawn(app)["sought"] == "one"
    assert set(app.dataframe[-1].value["label"]) == {"one"}
    app.multiselect(key="map.filter.label").set_value(["two"]).run()
    assert "label:c2" in app.query_params["map_filter"]
    app.button(key="map.reset").click().run()
    assert not app.exception and not {"map_filter", "map_key", "map_find"} & set(app.query_params)


def test_settings_of_an_address_that_are_none_are_left_out(open_page):
    lies = {"map_neighbours": "999", "map_metric": "x", "map_filter": "label:c99!no such:c1", "map_key": "label"}
    app = open_page("map", net=NET, address=lies)
    assert not app.exception and not app.error
    assert app.header[0].value == "All 12 networks on the map"
    assert "map_filter" not in app.query_params and "map_key" not in app.query_params


def test_a_filter_that_leaves_nothing_says_so(open_page):
    app = open_page("map", net=NET)
    app.session_state["map.search"] = "no such network"
    app.run()
    assert not app.exception and any("Nothing stands out" in info.value for info in app.info)


def test_other_parameters_are_fitted_at_once_and_said(open_page):
    app = open_page("map", net=NET)
    before = drawn(app)["chart"]
    neighbours(app).set_value(5).run()
    assert not app.exception and drawn(app)["chart"] != before
    assert "Fitted at once" in captions(app)


def test_a_map_in_three_dimensions_is_drawn_and_judged(open_page):
    app = open_page("map", net=NET)
    app.session_state["map_dimensions"] = 3
    app.run()
    assert not app.exception and not app.error
    assert len(app.get("plotly_chart")) == 1 and not app.get("bidi_component")
    assert "trustworthiness" in captions(app)


def test_a_network_brought_along_is_placed_and_called_so(open_page):
    from app.state import Kept, Selection
    from ngcore.inr.siren import initial_siren
    from ngcore.networks import siren

    app = open_page("map", net=NET)
    newcomer = Kept(initial_siren(siren((2, 8, 8, 1)), 99, 1, seed=5), "mine", "a" * 64)
    app.session_state["state.kept"] = {newcomer.sha256: newcomer}
    app.session_state["state.selection"] = Selection("upload", newcomer.sha256)
    app.query_params["net"] = newcomer.selection.key
    box(app, "Zoo").select("tiny-inrs").run()
    assert not app.exception
    assert mark(app, "placed")["texts"] == ["projected onto this map"]
    assert "is projected onto it" in captions(app)


def test_many_networks_are_dropped_on_the_map_at_once_and_can_be_selected(open_page):
    from ngcore.inr.siren import initial_siren
    from ngcore.networks import siren
    from ngcore.upload import export_network

    app = open_page("map", net=NET)
    files = [
        (f"mine-{seed}.safetensors", export_network(initial_siren(siren((2, 8, 8, 1)), 99, 1, seed=seed)), "")
        for seed in range(3)
    ]
    app.file_uploader(key="map.newcomer_files").set_value([*files, ("broken.npz", b"nothing", "")]).run()
    assert not app.exception and not app.error
    placed = mark(app, "placed")
    assert sorted(placed["texts"]) == ["mine-0.safetensors", "mine-1.safetensors", "mine-2.safetensors"]
    assert any("broken" in warning.value for warning in app.warning)
    from app.map import newcomers

    assert set(placed["keys"]) == set(app.session_state[newcomers._KEPT_KEY])
    app.button(key="map.newcomers.clear").click().run()
    assert mark(app, "placed") is None


def test_a_network_of_another_kind_is_not_placed(open_page):
    app = open_page("map", net=NET)
    box(app, "Zoo").select("tiny-cnns").run()
    assert not app.exception
    assert any("other inputs or outputs" in info.value for info in app.info)
    assert mark(app, "selected") is None and mark(app, "placed") is None


def test_without_any_zoo_the_page_says_how_to_make_one(open_page, monkeypatch, tmp_path):
    from app import cached

    monkeypatch.setattr(cached, "zoos", dict)
    app = open_page("map")
    assert not app.exception
    assert "ngcore zoo build" in app.info[0].value


def test_a_map_is_drawn_where_the_cache_folder_cannot_be_written(open_page, monkeypatch, tmp_path):
    st.cache_resource.clear()
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("NGCORE_CACHE", str(tmp_path / "file"))
    app = open_page("map", net=NET)
    assert not app.exception and not app.error
    assert mark(app, "selected") is not None


@pytest.fixture
def opened_about(monkeypatch):
    """The section about the zoo, open; AppTest cannot click expanders."""
    from app.map import about

    monkeypatch.setattr(about, "is_open", lambda opened: True)


def test_a_zoo_of_runs_is_described_in_a_section_and_one_of_inrs_is_not(open_page, opened_about):
    app = open_page("map", net="tiny-cnns/00000-000000")
    assert not app.exception and not app.error
    assert any("6 networks, checkpoints of 2 training runs" in text.value for text in app.markdown)
    accuracies, hyper_parameters = app.dataframe[-2].value, app.dataframe[-1].value
    assert accuracies["Networks"].tolist() == [6, 2]
    assert accuracies["Highest"].tolist() == pytest.approx([0.6, 0.6])
    assert "Learning rate" in hyper_parameters["Hyper-parameter"].tolist()
    inrs = open_page("map", net=NET)
    assert not any("training runs" in text.value for text in inrs.markdown)


def test_the_checkpoints_of_runs_are_joined_where_asked_and_those_of_the_selected_network_always(open_page):
    app = open_page("map", net="tiny-cnns/00000-000001")
    assert not app.exception and not app.error
    assert len(drawn(app)["chosenPath"]) == 3 and drawn(app)["paths"] == ""
    app.toggle(key="map_paths").set_value(True).run()
    assert not app.exception and not app.error
    paths = np.frombuffer(base64.b64decode(drawn(app)["paths"]), dtype="<i4").tolist()
    assert paths.count(-1) == 2 and len(paths) == 8  # two runs of three checkpoints
    assert {"run", "step", "true accuracy"} <= {fact["title"] for fact in drawn(app)["facts"]}
    assert not [toggle for toggle in open_page("map", net="tiny-inrs/000004").toggle if toggle.key == "map_paths"]


def test_a_folder_is_imported_as_a_zoo_and_opened_and_a_bad_one_is_refused(open_page, tiny_zoos, tmp_path, monkeypatch):
    from ngcore.upload import export_network
    from ngcore.zoo import Zoo

    monkeypatch.setenv("NGCORE_WORK", str(tmp_path / "work"))
    zoo = Zoo.open(tiny_zoos / "tiny-inrs")
    (tmp_path / "files" / "two").mkdir(parents=True)
    for i in range(12):
        export_network(zoo.networks([i]), tmp_path / "files" / "two" / f"{i}.safetensors")
    app = open_page("map", net=NET)
    app.text_input(key="map.import.path").set_value(str(tmp_path / "nothing"))
    app.text_input(key="map.import.name").set_value("brought")
    app.button(key="map.import.start").click().run()
    assert any("Expected a folder" in error.value for error in app.error)
    app.text_input(key="map.import.path").set_value(str(tmp_path / "files"))
    app.button(key="map.import.start").click().run()
    assert not app.exception and not app.error
    assert box(app, "Zoo").value == "brought" and len(drawn(app)["ids"]) == 12
    assert any("12 networks of 12 files" in info.value for info in app.info)


def test_an_import_is_not_offered_to_strangers(open_page, monkeypatch):
    from app import state

    monkeypatch.setattr(state, "is_public", lambda: True)
    app = open_page("map", net=NET)
    assert not app.exception and not [field for field in app.text_input if field.key == "map.import.path"]
