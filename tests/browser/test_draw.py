"""The draw page in a real browser: a stroke with the mouse becomes a network, which goes on to the edit page."""

import re

import pytest
from playwright.sync_api import expect

CANVAS = "Drawing, white on black: draw with mouse, pen or finger"
TARGET = "The picture that the network is fitted to"
ONE = [(0.52, 0.2), (0.48, 0.8)]


@pytest.fixture
def draw_page(visit, settle):
    """The page once its canvas is ready."""
    page = visit("/draw")
    page.get_by_label(CANVAS).wait_for()
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()
    settle(page)
    return page


def draw(page, points):
    """Draw a stroke through points given as shares of the canvas."""
    box = page.get_by_label(CANVAS).bounding_box()
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=8)
    page.mouse.up()


def test_a_stroke_becomes_a_network_that_can_be_edited(draw_page, settle):
    page = draw_page
    draw(page, ONE)
    expect(page.get_by_alt_text(TARGET)).to_be_visible()
    settle(page)
    page.get_by_role("button", name="Fit a SIREN").click()
    page.wait_for_url(re.compile("net=upload"))
    expect(page.get_by_text("Prediction: 1 (")).to_be_visible()
    settle(page)
    page.get_by_role("button", name="Edit it").click()
    page.get_by_text("MSE to the target, edited").wait_for()
    expect(page.get_by_role("heading", name="Edit", exact=True)).to_be_visible()
    assert "net=upload" in page.url


def test_strokes_are_erased_undone_and_cleared_and_outlive_a_visit_to_another_page(draw_page, settle):
    page = draw_page
    target, undo = page.get_by_alt_text(TARGET), page.get_by_role("button", name="Undo")
    draw(page, ONE)
    expect(target).to_be_visible()
    drawn = target.get_attribute("src")
    page.get_by_role("button", name="Eraser").click()
    expect(page.get_by_role("button", name="Eraser")).to_have_attribute("aria-pressed", "true")
    draw(page, [(0.3, 0.7), (0.7, 0.7)])
    expect(target).not_to_have_attribute("src", drawn)
    page.get_by_label(CANVAS).hover()
    undo.click()
    expect(target).to_have_attribute("src", drawn)
    settle(page)
    for name in ("Blend", "Draw"):
        page.get_by_test_id("stSidebarNav").get_by_role("link", name=name).click()
        page.get_by_role("heading", name=name, exact=True).wait_for()
        settle(page)
    expect(target).to_have_attribute("src", drawn)
    expect(undo).to_be_enabled()
    page.get_by_role("button", name="Clear").click()
    expect(target).to_have_count(0)
    undo.press("Enter")
    expect(target).to_have_attribute("src", drawn)


def test_a_fit_is_stopped_by_its_button_and_kept(draw_page, settle):
    page = draw_page
    draw(page, ONE)
    expect(page.get_by_alt_text(TARGET)).to_be_visible()
    page.get_by_role("combobox", name="Recipe").click()
    page.get_by_role("option", name=re.compile("thorough")).click()
    settle(page)
    note = page.get_by_text(re.compile(r"Stopped at step [\d,]+ of 4,000"))
    for _ in range(5):  # on a busy machine a fit may be over before the click arrives
        page.get_by_role("button", name="Fit a SIREN").click()
        page.get_by_role("button", name="Stop and keep").click()
        settle(page)
        if note.is_visible():
            break
        page.get_by_role("spinbutton", name="Seed").press("ArrowUp")
        page.get_by_role("spinbutton", name="Seed").press("Enter")
        settle(page)
    expect(note).to_be_visible()
    steps = re.search(r"step ([\d,]+) of", note.inner_text()).group(1)
    expect(page.get_by_text(re.compile(f"{steps} steps in"))).to_be_visible()
