"""The map page: layouts, colours, what is circled, neighbours, and newcomers."""

import json

import pytest
import streamlit as st

NET = "tiny-inrs/000003"


@pytest.fixture(autouse=True)
def instant_umap(monkeypatch):
    """UMAP that is over at once; the real one is tested where it lives."""
    from ngcore.maps import layouts

    monkeypatch.setattr(layouts, "_fit_umap", lambda components, seed: (components[:, :2] * 2 + seed, None))


def spec(app):
    """Options of the map."""
    return json.loads(app.get("echarts_chart")[0].proto.spec)


def mark(app, kind):
    """The series of a kind of mark; None if it is not drawn."""
    return next((series for series in spec(app)["series"] if series["id"] == kind), None)


def captions(app):
    return " ".join(caption.value for caption in app.caption)


def test_the_map_of_a_zoo_opens_with_the_selected_network_ringed_and_ten_neighbours(open_page):
    app = open_page("map", net=NET)
    assert not app.exception and not app.error
    assert mark(app, "selected") is not None and mark(app, "placed") is None
    assert len(mark(app, "neighbour")["data"]) == 10
    assert "12 of the 12 networks of tiny\\-inrs, by their raw weights" in captions(app)


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
    assert len(mark(app, "neighbour")["data"]) == 10


def test_a_shipped_map_is_drawn_without_features_while_no_network_of_its_kind_is_selected(open_page, shipped_map):
    app = open_page("map", net="tiny-cnns/00000-000000")
    before = list(shipped_map.rglob("*.npz"))
    next(box for box in app.selectbox if box.label == "Zoo").select("tiny-inrs").run()
    assert not app.exception and not app.error
    assert spec(app)["series"] and list(shipped_map.rglob("*.npz")) == before


def test_nothing_needs_to_be_selected(open_page):
    app = open_page("map")
    assert not app.exception
    assert any("Click a point" in info.value for info in app.info) or mark(app, "selected") is not None


def test_colours_follow_the_choice_and_have_a_key(open_page):
    app = open_page("map", net=NET)
    assert spec(app)["visualMap"]["categories"] == ["zero", "one", "two"]
    choice = next(box for box in app.selectbox if box.label == "Colour by")
    assert choice.options == ["label", "PSNR of the fit in dB", "split"]
    choice.select("PSNR of the fit in dB").run()
    assert spec(app)["visualMap"]["type"] == "continuous"
    assert (spec(app)["visualMap"]["min"], spec(app)["visualMap"]["max"]) == (20, 31)


def test_too_few_networks_for_umap_are_laid_out_by_pca(open_page):
    app = open_page("map", net="tiny-cnns/00000-000000")
    assert not app.exception and not app.error
    assert any("UMAP needs at least 10 networks" in info.value for info in app.info)
    choice = next(box for box in app.selectbox if box.label == "Colour by")
    assert {"true accuracy", "learning rate", "split"} <= set(choice.options)


def test_a_circled_region_is_shown_as_a_table_and_can_be_cleared(open_page):
    from app.state import REGION_KEY, Region

    app = open_page("map", net=NET)
    app.session_state[REGION_KEY] = Region("tiny-inrs", "another chart", ("tiny-inrs/000001", "tiny-inrs/000004"))
    app.run()
    assert app.subheader[0].value == "2 of 12 selected"
    table = app.dataframe[-1].value
    assert table["id"].tolist() == ["tiny-inrs/000001", "tiny-inrs/000004"]
    app.button(key="map.clear").click().run()
    assert app.subheader[0].value == "All 12 networks on the map"


def test_what_is_circled_goes_to_the_edit_page_in_one_click(open_page):
    from app.state import REGION_KEY, Region

    app = open_page("map", net=NET)
    assert not any(button.key == "map.edit" for button in app.button)
    app.session_state[REGION_KEY] = Region("tiny-inrs", "another chart", ("tiny-inrs/000001", "tiny-inrs/000004"))
    app.run()
    app.button(key="map.edit").click().run()
    assert not app.exception and app.title[0].value == "Edit"
    assert app.session_state["state.selection"].id == "tiny-inrs/000001"
    assert "2 of 2 pairs" in captions(app)


def test_a_network_brought_along_is_placed_and_called_so(open_page):
    from app.state import Kept, Selection
    from ngcore.inr.siren import initial_siren
    from ngcore.networks import siren

    app = open_page("map", net=NET)
    newcomer = Kept(initial_siren(siren((2, 8, 8, 1)), 99, 1, seed=5), "mine", "a" * 64)
    app.session_state["state.kept"] = {newcomer.sha256: newcomer}
    app.session_state["state.selection"] = Selection("upload", newcomer.sha256)
    app.query_params["net"] = newcomer.selection.key
    next(box for box in app.selectbox if box.label == "Zoo").select("tiny-inrs").run()
    assert not app.exception
    assert mark(app, "placed")["label"]["formatter"] == "projected onto this map"
    assert "is projected onto it" in captions(app)


def test_a_network_of_another_kind_is_not_placed(open_page):
    app = open_page("map", net=NET)
    next(box for box in app.selectbox if box.label == "Zoo").select("tiny-cnns").run()
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
    assert mark(app, "chosen path") is not None and mark(app, "paths") is None
    app.toggle(key="map.paths").set_value(True).run()
    assert not app.exception and not app.error
    paths = mark(app, "paths")
    assert paths["data"].count([None, None]) == 2 and len(paths["data"]) == 8  # two runs of three checkpoints
    tooltip = spec(app)["series"][0]["tooltip"]["formatter"]
    assert "run: {@run}" in tooltip and "step: {@step}" in tooltip and "true accuracy" in tooltip
    assert not [toggle for toggle in open_page("map", net="tiny-inrs/000004").toggle if toggle.key == "map.paths"]
