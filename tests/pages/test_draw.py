"""The draw page: where pictures come from, fits that finish, are stopped or fail, and what becomes of the networks."""

import dataclasses
import io
import shutil

import numpy as np
import pytest

STEPS = 12
CONTROLS = {"zoo": "Image of a zoo", "file": "Image file"}


@pytest.fixture
def draw_page(open_page, pages_folder, checkpoints, tiny_zoos, tmp_path, monkeypatch):
    """A function that opens the page, on zoos that bring their images along, with recipes of a few steps."""
    from app import fits
    from ngcore.inr import FitConfig

    zoos = shutil.copytree(tiny_zoos, tmp_path / "zoos")
    images = np.random.default_rng(0).integers(0, 256, (12, 28, 28), dtype=np.uint8)
    np.save(zoos / "tiny-inrs" / "images.npy", images)
    monkeypatch.setattr(fits, "recipes", lambda target: {"few": FitConfig(steps=STEPS), "fewer": FitConfig(steps=2)})
    monkeypatch.setenv("NGCORE_CHECKPOINTS", str(checkpoints))

    def open_source(source=None, net=None):
        app = open_page("home", net=net)
        monkeypatch.setenv("NGCORE_ZOOS", str(zoos))
        app.switch_page(str(pages_folder / "draw.py")).run()
        return app.segmented_control(key="draw.source").set_value(CONTROLS[source]).run() if source else app

    return open_source


def fit(app):
    app = app.button(key="draw.fit").click().run()
    assert not app.exception and not app.error
    return app


def selected(app):
    return app.session_state["state.selection"]


def a_seven():
    drawing = np.zeros((28, 28), dtype=np.float32)
    drawing[4:7, 6:20], drawing[4:22, 17:20] = 1, 1
    return drawing


def test_the_page_waits_for_a_drawing(draw_page):
    app = draw_page()
    assert not app.exception and not app.error
    assert app.button(key="draw.fit").disabled
    assert len(app.get("bidi_component")) == 1
    assert any("Draw a digit" in info.value for info in app.info)


def test_a_drawing_becomes_the_selected_network_and_its_class_is_predicted(draw_page):
    app = draw_page()
    app.session_state["draw.drawing"] = a_seven()
    app.run()
    assert not app.button(key="draw.fit").disabled
    app = fit(app)
    selection = selected(app)
    kept = app.session_state["state.kept"][selection.id]
    assert selection.is_upload and kept.title == "drawing, seed 0"
    assert kept.notes[1] == f"recipe few, seed 0, {STEPS} of {STEPS} steps" and "PSNR" in kept.notes[2]
    assert any("Prediction: " in text.value for text in app.markdown)
    assert any("**1,185** parameters" in text.value for text in app.markdown)
    assert app.query_params["net"] == selection.key


def test_what_the_eraser_leaves_is_no_drawing(draw_page):
    app = draw_page()
    app.session_state["draw.drawing"] = a_seven() / 20
    assert app.run().button(key="draw.fit").disabled and not app.error


def test_the_drawing_is_centred_unless_the_user_wants_it_as_it_is(draw_page):
    from app import fits

    app = draw_page()
    app.session_state["draw.drawing"] = a_seven()
    app = fit(app.run())
    as_drawn = fit(app.toggle(key="draw.centre").set_value(False).run())
    centred, plain = (one.target.pixels for one in as_drawn.session_state[fits._FITS_KEY])
    assert np.array_equal(plain, a_seven()) and not np.array_equal(centred, plain)


def test_an_image_of_a_zoo_is_fitted_again_and_compared_with_the_zoos_network(draw_page):
    app = fit(draw_page("zoo", net="tiny-inrs/000004"))
    assert app.number_input(key="draw.row.tiny-inrs").value == 4
    assert any("the zoo's network: 24.0 dB" in text.value for text in app.markdown)
    assert app.session_state["state.kept"][selected(app).id].title == "tiny-inrs/000004, seed 0"
    labels = [text.value for text in app.caption]
    assert any("label two" in text or "label one" in text for text in labels)


def test_other_seeds_give_other_weights_of_the_same_picture(draw_page):
    app = fit(draw_page("zoo", net="tiny-inrs/000004"))
    first = selected(app)
    app = app.number_input(key="draw.seed").set_value(5).run()
    app = fit(app)
    rows = app.dataframe[-1].value
    assert rows["seed"].tolist() == [5, 0] and selected(app) != first
    assert rows["relative weight distance"][0] == 0 and rows["relative weight distance"][1] > 0.5
    app.button(key="draw.again").click().run()
    assert len(app.dataframe[-1].value) == 3


def test_a_fit_that_is_stopped_is_kept_as_far_as_it_came(draw_page, monkeypatch):
    from app import fits

    ran = fits.run

    class Stopped(BaseException):
        pass

    def stopped(live, show):
        def stop(live):
            if live.step >= 5:
                raise Stopped

        try:
            ran(live, stop)
        except Stopped:
            import streamlit as st

            st.stop()

    monkeypatch.setattr(fits, "run", stopped)
    monkeypatch.setattr(fits, "SHOW_EVERY_S", -1)
    app = draw_page("zoo", net="tiny-inrs/000004")
    app.button(key="draw.fit").click().run()
    assert selected(app).zoo == "tiny-inrs"
    app.run()
    assert not app.exception and not app.error
    assert any(f"Stopped at step 5 of {STEPS}" in info.value for info in app.info)
    assert selected(app).is_upload
    assert app.dataframe[-1].value["steps"].tolist() == [f"stopped at step 5 of {STEPS}"]


@pytest.mark.parametrize("is_read", [True, False])
def test_an_image_file_in_colour_becomes_a_network_of_three_outputs(draw_page, monkeypatch, is_read):
    from PIL import Image

    from app import cached

    if not is_read:
        monkeypatch.setattr(cached, "checkpoints", lambda task=None: [])
    file = io.BytesIO()
    Image.new("RGB", (40, 20), (255, 128, 0)).save(file, format="PNG")
    app = draw_page("file")
    app.segmented_control(key="draw.depth").set_value("colour, 32 × 32").run()
    app.file_uploader[0].upload("sun*.png", file.getvalue(), "image/png").run()
    app = fit(app)
    kept = app.session_state["state.kept"][selected(app).id]
    assert kept.network.architecture.output_shape == (3,) and kept.title == "sun*.png, seed 0"
    assert any("No trained model here reads" in info.value for info in app.info) != is_read
    assert bool([button for button in app.button if button.key == "draw.to_predict"]) == is_read


def test_a_file_that_is_no_image_is_refused_in_words(draw_page):
    app = draw_page("file")
    app.file_uploader[0].upload("a.png", b"GIF89a", "image/png").run()
    assert not app.exception
    assert any("Expected a PNG or JPEG image" in error.value.replace("\\", "") for error in app.error)
    assert app.button(key="draw.fit").disabled


def test_what_a_hostile_browser_sends_is_refused_in_words(draw_page, monkeypatch):
    from types import SimpleNamespace

    from app.draw import canvas

    monkeypatch.setattr(canvas, "_canvas", lambda **_: SimpleNamespace(drawing=["<img>"] * 784))
    app = draw_page()
    assert not app.exception
    assert any("Expected a drawing of whole numbers" in error.value for error in app.error)
    assert app.button(key="draw.fit").disabled


def test_another_network_that_is_selected_meanwhile_stays_selected(draw_page):
    from app import fits, state

    app = fit(draw_page("zoo", net="tiny-inrs/000004"))
    live = dataclasses.replace(app.session_state[fits._FITS_KEY][0].live, seed=9, is_over=False)
    live.selected = state.Selection("tiny-inrs", "tiny-inrs/000001")
    app.session_state[fits._LIVE_KEY] = live
    before = selected(app)
    app.run()
    assert selected(app) == before
    assert [one.live.seed for one in app.session_state[fits._FITS_KEY]] == [0, 9]


def test_the_same_fit_once_more_is_the_same_network(draw_page):
    app = fit(draw_page("zoo", net="tiny-inrs/000004"))
    first = selected(app)
    app = fit(app)
    assert selected(app) == first and len(app.dataframe[-1].value) == 1 and len(app.session_state["state.kept"]) == 1


def test_a_fit_that_made_place_for_others_is_kept_again_when_it_is_chosen(draw_page, monkeypatch):
    from app import state

    monkeypatch.setattr(state, "MAX_KEPT", 1)
    app = fit(draw_page("zoo", net="tiny-inrs/000004"))
    app = fit(app.number_input(key="draw.seed").set_value(5).run())
    rows = app.dataframe[-1].value
    assert rows["seed"].tolist() == [5, 0] and [bool(seen) for seen in rows["seen as"]] == [True, False]

    def choose_oldest():
        from app import fits, state

        fits.choose(fits.fits()[0])
        assert state.selected().id in state.kept() and fits.fits()[0].id == state.selected().id

    from streamlit.testing.v1 import AppTest

    alone = AppTest.from_function(choose_oldest)
    for key in ("state.kept", "draw.fits"):
        alone.session_state[key] = app.session_state[key]
    alone.run()
    assert not alone.exception


def test_the_buttons_go_on_to_the_other_pages(draw_page):
    app = fit(draw_page("zoo", net="tiny-inrs/000004"))
    selection = selected(app)
    app.button(key="draw.to_network").click().run()
    assert not app.exception
    assert any(title.value == "Network graph" for title in app.title) and selected(app) == selection


def test_the_recipe_of_a_zoo_is_read_off_its_card(tiny_zoos, monkeypatch):
    from app import cached, fits
    from ngcore.inr import FitConfig
    from ngcore.inr.fit import CHEAP_RECIPE

    monkeypatch.setenv("NGCORE_ZOOS", str(tiny_zoos))
    assert fits._recipe_of("tiny-inrs") == CHEAP_RECIPE
    monkeypatch.setitem(cached.zoo("tiny-inrs").card["recipe"], "fit", {"steps": 7, "sampling": "uniform"})
    assert fits._recipe_of("tiny-inrs") == FitConfig(steps=7, sampling="uniform")
    known = [fits._recipe_of(name) for name in cached.zoos()]
    assert fits.recipes(None)[fits.ZOO_RECIPE] in known
