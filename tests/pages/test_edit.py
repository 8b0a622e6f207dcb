"""The edit page: strength, again, undo, reset, the target, and what can be taken along."""

import json

import numpy as np
import pytest

NET = "tiny-inrs/000007"


@pytest.fixture
def edit_page(open_page, checkpoints, monkeypatch):
    monkeypatch.setenv("NGCORE_CHECKPOINTS", str(checkpoints))
    return lambda net=NET: open_page("edit", net=net)


def metric(app, label):
    return next(metric for metric in app.metric if metric.label == label)


def change_of_weights(app):
    """Relative change of each tensor, from the chart."""
    charts = [json.loads(chart.proto.spec) for chart in app.get("echarts_chart")]
    return next(chart for chart in charts if chart["series"][0]["type"] == "bar")["series"][0]["data"]


def test_an_inr_is_shown_before_and_after_with_target_and_differences(edit_page):
    app = edit_page()
    assert not app.exception and not app.error
    assert len(app.image) == 5
    assert (app.dataframe[-1].value["largest change"] > 0).all()
    assert len(app.get("bidi_component")) == 1
    assert any("trained on" not in caption.value and "strength 1" in caption.value for caption in app.caption)


def test_strength_zero_changes_nothing(edit_page):
    app = edit_page()
    app.slider[0].set_value(0.0).run()
    assert not app.exception
    assert change_of_weights(app) == [0.0, None, 0.0, None, 0.0, 0.0]  # hidden biases of 0 have no relative change
    assert metric(app, "MSE to the target, edited").value == metric(app, "MSE to the target, unedited").value


def test_apply_again_adds_a_step_undo_takes_it_away_and_reset_begins_anew(edit_page):
    app = edit_page()
    app.slider[0].set_value(0.5).run()
    assert app.button(key="edit.undo").disabled
    app.button(key="edit.again").click().run()
    assert not app.exception
    assert app.slider[0].label == "Strength of step 2"
    assert any("1\\. tiny\\-edit\\, strength 0\\.5 → 2\\." in caption.value for caption in app.caption)
    assert any("2 times" in caption.value for caption in app.caption)
    app.button(key="edit.undo").click().run()
    assert app.slider[0].value == 0.5
    app.button(key="edit.reset").click().run()
    assert app.slider[0].value == 1.0


def test_the_edited_network_can_be_used_on_the_other_pages(edit_page):
    app = edit_page()
    app.button(key="edit.keep").click().run()
    assert not app.exception
    selection = app.session_state["state.selection"]
    assert selection.is_upload
    kept = app.session_state["state.kept"][selection.id]
    assert kept.title == "000007, edited" and kept.notes == ("1. tiny-edit, strength 1",)


def test_a_cnn_cannot_be_edited_and_the_page_says_why(edit_page):
    app = edit_page("tiny-cnns/00000-000001")
    assert not app.exception
    assert any("needs an INR" in info.value for info in app.info)


def test_without_models_the_page_says_so(edit_page, monkeypatch):
    from app import cached

    monkeypatch.setattr(cached, "checkpoints", lambda task=None: [])
    app = edit_page()
    assert not app.exception
    assert any("No trained model" in info.value for info in app.info)


def test_a_dilation_takes_the_brightest_of_nine_pixels():
    from app.edit_steps import dilated

    image = np.zeros((5, 5), dtype=np.float32)
    image[2, 2], image[0, 0] = 1.0, 0.5
    once = dilated(image)
    assert once[1:4, 1:4].tolist() == np.ones((3, 3)).tolist() and once[0, 1] == 0.5 and once[0, 2] == 0
    assert dilated(image, 2).min() == 1.0 and np.array_equal(dilated(image, 0), image)
    colours = np.stack([image, 2 * image, image], axis=2)
    assert np.array_equal(dilated(colours)[..., 1], 2 * once)


def test_the_target_is_made_from_the_original_image_where_it_lies_beside_the_zoo(monkeypatch):
    from app import edit_steps

    original, shown = np.eye(4, dtype=np.float32), np.zeros((4, 4), dtype=np.float32)
    monkeypatch.setattr(edit_steps, "original_image", lambda _: original)
    target, source = edit_steps.target_of(None, shown, 1)
    assert source == "the image that the network was fitted to" and target.max() == 1
    monkeypatch.setattr(edit_steps, "original_image", lambda _: None)
    target, source = edit_steps.target_of(None, shown, 1)
    assert source == "the picture that the network shows" and target.max() == 0


def test_the_picture_that_is_taken_along_is_a_png_of_the_chosen_size():
    import io

    from PIL import Image

    from app.charts.image_grid import to_png
    from app.components.edit_views import render
    from ngcore.inr.siren import initial_siren
    from ngcore.networks import siren

    data = to_png(render(initial_siren(siren((2, 8, 8, 3)), 0, 1, seed=0), 64))
    assert Image.open(io.BytesIO(data)).size == (64, 64)
