"""The home page: it shows what is here, and leads on."""

import json


def test_the_home_page_shows_a_live_example_and_what_is_here(open_page):
    app = open_page("home")
    assert not app.exception
    assert app.title[0].value == "Neural graphs"
    viewer = json.loads(app.get("bidi_component")[0].proto.json)
    assert viewer["isBare"] and viewer["activations"] and viewer["words"]["colours"][0][0] == "activation"
    assert "view" not in app.query_params
    zoos = app.dataframe[0].value
    assert {"tiny-inrs", "tiny-cnns"} <= set(zoos["zoo"])
    tiny = zoos.set_index("zoo").loc["tiny-inrs"]
    assert tiny["networks"] == 12
    assert tiny["architecture"] == "2-8-8-1 sine"


def test_another_example_stays_on_the_home_page(open_page):
    app = open_page("home")
    app.button(key="example.next").click().run()
    assert not app.exception
    assert app.title[0].value == "Neural graphs"
    assert "net" not in app.query_params


def test_looking_inside_selects_the_example_for_all_pages(open_page):
    app = open_page("home")
    shown = app.session_state["example.shown"]
    app.button(key="example.open").click().run()
    assert not app.exception
    assert app.session_state["state.selection"].id == shown


def test_without_any_zoo_the_page_says_how_to_make_one(open_page, monkeypatch, tmp_path):
    from app import cached

    monkeypatch.setattr(cached, "zoos", dict)
    app = open_page("home")
    assert not app.exception
    assert any("ngcore zoo build" in info.value for info in app.info)
