"""SIRENs drawn by the browser: equal to the library's pictures, zoomed, compared, and previewed at other strengths."""

import re
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from ngcore.inr import initial_siren, render
from ngcore.networks import siren
from ngcore.upload import export_network, read_network
from ngcore.zoo import Zoo, find_zoo

NET = "mnist-inrs/060001"
SIDES = (28, 101)
TOLERANCE = 1e-4
CANVAS = ".siren-view .stage canvas"
DRAWN = f"{CANVAS}[data-state=drawn]"


@pytest.fixture
def edit_page(visit):
    """The edit page, its view drawn."""
    page = visit(f"/edit?net={NET}")
    wait_until_drawn(page)
    return page


def wait_until_drawn(page):
    """Bring the view onto the screen, where alone it draws, and wait until it has."""
    page.locator(CANVAS).scroll_into_view_if_needed()
    page.locator(DRAWN).wait_for()


def read_back(page, side, shown):
    """What the view computes at side × side pixels: (side, side, 3)."""
    numbers = page.locator(CANVAS).evaluate(
        "(canvas, [side, shown]) => Array.from(canvas.ngcoreReadback(side, shown))", [side, shown]
    )
    return np.array(numbers).reshape(side, side, 3)


def rendered(network, side):
    """The library's picture: (side, side, 3)."""
    picture = render(network, (side, side))[0].numpy()
    return picture if picture.ndim == 3 else np.repeat(picture[:, :, None], 3, axis=2)


def on_screen(page):
    """The canvas as text, once it is drawn."""
    page.locator(DRAWN).wait_for()
    return page.locator(CANVAS).evaluate("canvas => canvas.toDataURL()")


def set_strength(page, value):
    page.locator(".siren-view .strength input").fill(value)


def test_before_and_after_equal_the_renders_of_the_library(edit_page):
    zoo = Zoo.open(find_zoo("mnist-inrs"))
    before = zoo.networks([zoo.position(NET)])
    with edit_page.expect_download() as download:
        edit_page.get_by_role("button", name=re.compile("Edited network")).click()
    after = read_network(Path(download.value.path()).read_bytes()).network
    for side in SIDES:
        first, last = rendered(before, side), rendered(after, side)
        assert np.abs(first - last).max() > 0.1
        assert np.abs(read_back(edit_page, side, "before") - first).max() < TOLERANCE
        assert np.abs(read_back(edit_page, side, "after") - last).max() < TOLERANCE
        assert np.abs(read_back(edit_page, side, "difference") - (last - first)).max() < TOLERANCE


def test_colours_equal_the_render_of_the_library(visit, settle, tmp_path):
    network = initial_siren(siren((2, 10, 9, 3)), 0, 1, seed=0).map(lambda tensor: 3 * tensor)
    file = tmp_path / "colours.safetensors"
    file.write_bytes(export_network(network))
    page = visit("/network")
    page.get_by_label("From", exact=True).click()
    page.get_by_role("option", name="Your own file").click()
    page.locator("input[type=file]").set_input_files(file)
    page.wait_for_url(re.compile("net=upload%3A[0-9a-f]{64}"))
    settle(page)
    page.get_by_text("Infinite zoom").click()
    wait_until_drawn(page)
    expect(page.locator(".siren-view .strength")).to_be_hidden()
    for side in SIDES:
        assert np.abs(read_back(page, side, "before") - rendered(network, side)).max() < TOLERANCE


def test_the_strength_goes_from_before_to_after_and_becomes_that_of_the_edit(edit_page, settle):
    before, after = read_back(edit_page, 28, "before"), read_back(edit_page, 28, "after")
    strip = edit_page.locator(".siren-view .strip button")
    expect(strip).to_have_count(4)
    expect(edit_page.get_by_role("button", name="Strength 1", exact=True)).to_have_attribute("aria-pressed", "true")
    edit_page.get_by_role("button", name="Strength 0", exact=True).click()
    field = edit_page.get_by_role("spinbutton", name="Strength of Thicken (dilate)")
    expect(field).to_have_value("0.00")
    assert np.abs(read_back(edit_page, 28, "after") - before).max() < TOLERANCE
    settle(edit_page)
    set_strength(edit_page, "0.5")
    halfway = read_back(edit_page, 28, "after")
    assert np.abs(halfway - before).max() > 0.05 and np.abs(halfway - after).max() > 0.05
    expect(field).to_have_value("0.50")
    settle(edit_page)
    assert np.abs(read_back(edit_page, 28, "after") - halfway).max() < TOLERANCE
    set_strength(edit_page, "1.5")
    expect(edit_page.get_by_role("button", name="Apply it twice instead")).to_be_visible()
    settle(edit_page)
    edit_page.get_by_role("button", name="Undo").click()
    expect(field).to_have_value("0.50")
    expect(edit_page.locator(".siren-view .strength output")).to_have_text("0.50")


class Gate:
    """Holds back what the server sends to a page while it is shut."""

    def __init__(self, page):
        self.is_shut, self.held = False, []
        page.route_web_socket(re.compile("/_stcore/stream"), self._join)

    def _join(self, browser):
        self.browser = browser
        browser.connect_to_server().on_message(self._pass)

    def _pass(self, message):
        if self.is_shut:
            self.held.append(message)
        else:
            self.browser.send(message)

    def has_run(self):
        """Whether the end of a run is held back."""
        return any(ForwardMsg.FromString(message).WhichOneof("type") == "script_finished" for message in self.held)

    def open(self):
        self.is_shut = False
        while self.held:
            self.browser.send(self.held.pop(0))


def test_a_strength_stays_while_the_answer_to_an_older_one_is_on_its_way(page, visit):
    gate = Gate(page)
    visit(f"/edit?net={NET}")
    wait_until_drawn(page)
    gate.is_shut = True
    page.get_by_role("button", name="Strength 0", exact=True).click()
    while not gate.has_run():
        page.wait_for_timeout(50)
    set_strength(page, "0.5")
    gate.open()
    expect(page.get_by_role("spinbutton", name="Strength of Thicken (dilate)")).to_have_value("0.50")
    expect(page.locator(".siren-view .strength output")).to_have_text("0.50")


def test_the_wheel_zooms_and_a_double_click_shows_all_again(edit_page):
    whole = on_screen(edit_page)
    canvas, scale = edit_page.locator(CANVAS), edit_page.locator(".siren-view .scale")
    expect(scale).to_contain_text("Zoom ×1:")
    canvas.hover(position={"x": 80, "y": 60})
    edit_page.mouse.wheel(0, -600)
    expect(scale).not_to_contain_text("Zoom ×1:")
    assert on_screen(edit_page) != whole
    canvas.dblclick(position={"x": 80, "y": 60})
    expect(scale).to_contain_text("Zoom ×1:")
    assert on_screen(edit_page) == whole


def test_keys_zoom_and_move_and_a_drag_moves(edit_page):
    canvas, scale = edit_page.locator(CANVAS), edit_page.locator(".siren-view .scale")
    canvas.focus()
    canvas.press("+")
    canvas.press("+")
    expect(scale).to_contain_text("Zoom ×2.25")
    pictures = [on_screen(edit_page)]
    canvas.press("ArrowRight")
    pictures.append(on_screen(edit_page))
    box = canvas.bounding_box()
    edit_page.mouse.move(box["x"] + 100, box["y"] + 100)
    edit_page.mouse.down()
    edit_page.mouse.move(box["x"] + 160, box["y"] + 130, steps=3)
    edit_page.mouse.up()
    pictures.append(on_screen(edit_page))
    assert len(set(pictures)) == 3
    canvas.press("f")
    expect(scale).to_contain_text("Zoom ×1:")


def test_the_divider_of_a_swipe_is_moved_by_keys_and_by_the_mouse(edit_page):
    divider = edit_page.get_by_role("slider", name="Divider between before and after")
    half = on_screen(edit_page)
    divider.press("Home")
    expect(divider).to_have_attribute("aria-valuenow", "0")
    assert on_screen(edit_page) != half
    divider.press("ArrowRight")
    box = divider.bounding_box()
    edit_page.mouse.move(box["x"] + 14, box["y"] + 50)
    edit_page.mouse.down()
    edit_page.mouse.move(box["x"] + 214, box["y"] + 50, steps=3)
    edit_page.mouse.up()
    assert int(divider.get_attribute("aria-valuenow")) > 20
    edit_page.get_by_role("button", name="Side by side").click()
    expect(divider).to_be_hidden()
    expect(edit_page.get_by_text("After − before").first).to_be_visible()


def test_without_webgl_the_pictures_of_the_server_are_shown(page, visit):
    page.add_init_script(
        "const get = HTMLCanvasElement.prototype.getContext;"
        "HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {"
        "  return kind === 'webgl2' ? null : get.call(this, kind, ...rest);"
        "};"
    )
    visit(f"/edit?net={NET}")
    expect(page.get_by_text("This browser has no WebGL 2")).to_be_visible()
    expect(page.locator(".siren-view .stills img")).to_have_count(2)
    expect(page.locator(CANVAS)).to_be_hidden()
