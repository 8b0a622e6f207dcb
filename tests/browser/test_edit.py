"""The edit page in a real browser: a chain is built, steered and taken along, from a drawing and for many networks."""

import io
import os
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from map_drawing import draw_lasso
from PIL import Image
from playwright.sync_api import expect
from tiny_checkpoints import write_tiny_checkpoints
from tiny_zoos import write_tiny_zoos

from ngcore.upload import read_network, read_stack

NET = "edited-inrs/000003"
CANVAS = "Drawing, white on black: draw with mouse, pen or finger"


@pytest.fixture(scope="session")
def edited_zoos(own_folders):
    """The zoos edited-inrs and edited-cnns and a model of every task, where the running app finds them."""
    from ngcore.zoo import Zoo

    folder = Path(os.environ["NGCORE_WORK"]) / "zoos"
    write_tiny_zoos(folder, prefix="edited")
    inrs, cnns = Zoo.open(folder / "edited-inrs"), Zoo.open(folder / "edited-cnns")
    return write_tiny_checkpoints(Path(os.environ["NGCORE_CHECKPOINTS"]), inrs, cnns)


def add(page, settle, title):
    """Add an edit to the chain."""
    choice = page.get_by_role("combobox", name="Add an edit")
    choice.evaluate("element => element.scrollIntoView({block: 'center'})")  # a page that scrolls closes an open list
    settle(page)
    choice.click()
    page.get_by_role("option", name=re.compile(f"^{title}")).click()
    page.locator("[class*=st-key-edit-step]").filter(has_text=title).first.wait_for()
    settle(page)


def press(page, settle, key):
    """Press a button that has a picture alone."""
    page.locator(f".st-key-{key.replace('.', '-')} button").first.click()
    settle(page)


def downloaded(page, button):
    """The bytes of the file behind a button."""
    with page.expect_download() as download:
        page.get_by_role("button", name=re.compile(button)).click()
    return Path(download.value.path()).read_bytes()


def test_a_chain_is_built_moved_undone_and_its_network_read_back(visit, edited_zoos, settle):
    page = visit(f"/edit?net={NET}")
    page.get_by_text("MSE to the target, edited").wait_for()
    add(page, settle, "Rotate")
    expect(page.get_by_text("2. Rotate", exact=True)).to_be_visible()
    press(page, settle, "edit.move.2.-1")
    expect(page.get_by_text("1. Rotate", exact=True)).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("2. Rotate", exact=True)).to_be_visible()
    settle(page)
    press(page, settle, "edit.remove.1")
    expect(page.get_by_text("1. Rotate", exact=True)).to_be_visible()
    settle(page)
    with page.expect_download() as download:
        page.get_by_role("button", name=re.compile("Edited network")).click()
    assert download.value.suggested_filename == "edited-inrs-000003-edited.safetensors"
    assert len(read_network(Path(download.value.path()).read_bytes()).network) == 1


def test_the_strength_is_set_by_keys_and_zero_leaves_the_network_as_it_is(visit, edited_zoos, settle):
    page = visit(f"/edit?net={NET}")
    slider = page.get_by_role("slider", name=re.compile("^Strength of"))
    slider.focus()
    slider.press("Home")
    expect(page.locator(".st-key-edit-undo button").first).to_be_enabled()
    settle(page)
    page.get_by_role("tab", name="Files and code").click()
    expect(page.get_by_text("strength=0.0", exact=False)).to_be_visible()


def test_from_a_drawing_to_its_class_an_edit_and_all_exports(visit, edited_zoos, settle):
    page = visit("/edit")
    page.get_by_role("button", name="Draw or upload a picture").click()
    page.get_by_label(CANVAS).wait_for()
    settle(page)
    box = page.get_by_label(CANVAS).bounding_box()
    page.mouse.move(box["x"] + 0.52 * box["width"], box["y"] + 0.2 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.48 * box["width"], box["y"] + 0.8 * box["height"], steps=8)
    page.mouse.up()
    expect(page.get_by_alt_text("The picture that the network is fitted to")).to_be_visible()
    settle(page)
    page.get_by_role("button", name="Fit a SIREN").click()
    page.wait_for_url(re.compile("net=upload"))
    page.get_by_role("button", name="Edit it").click()
    page.get_by_text(re.compile("Reads as")).wait_for()
    expect(page.get_by_text("the image that the network was fitted to")).to_be_visible()
    settle(page)
    add(page, settle, "Invert")
    page.get_by_role("tab", name="Files and code").click()
    expect(page.get_by_text("edit_weights(network, 'invert', 1.0)")).to_be_visible()
    settle(page)
    picture = Image.open(io.BytesIO(downloaded(page, "Picture, 512")))
    assert picture.size == (512, 512) and picture.getpixel((10, 256)) > 128  # the dark ground has become bright
    assert ET.fromstring(downloaded(page, "Graph")).tag.endswith("svg")
    assert b"edit_weights" in downloaded(page, "Code")
    assert len(read_network(downloaded(page, "Edited network")).network) == 1


def test_states_are_compared_by_a_divider_and_changes_seen_on_the_graph(visit, edited_zoos, settle):
    page = visit(f"/edit?net={NET}&edits=rotate*1")
    expect(page.get_by_role("slider", name="Divider between before and after")).to_be_visible()
    page.get_by_role("tab", name="Change of the weights").click()
    expect(page.get_by_text("Neurons that changed most")).to_be_visible()
    settle(page)
    page.locator(".graph-viewer[data-ready=yes]").wait_for()
    expect(page.locator(".count")).to_contain_text("of the total |Δw|")
    with page.expect_download() as download:
        page.locator("[data-do=svg]").click()
    drawing = ET.fromstring(Path(download.value.path()).read_text())
    assert len(drawing.findall("{*}polyline")) == viewer(page, 0, "v.drawn.done")
    page.get_by_role("radio", name="Side by side").click()
    expect(page.locator(".graph-viewer[data-ready=yes]")).to_have_count(2)
    viewer(page, 0, "v.zoomBy(1.7)")
    viewer(page, 0, "v.walkTo(4)")
    cameras, neurons = ([viewer(page, i, what) for i in (0, 1)] for what in ("v.camera.state", "v.selection.item"))
    assert cameras[0] == cameras[1] and neurons == [4, 4]
    page.wait_for_url(re.compile("neuron=4"))
    viewer(page, 1, "v.openAll(false)")
    page.wait_for_url(re.compile("view=open(&|$)"))
    assert viewer(page, 0, "v.open.size") == 0


def viewer(page, number, expression):
    """The value of an expression in which `v` is one of the viewers of the page."""
    script = f"element => {{ const v = element.ngcoreGraph; return {expression}; }}"
    return page.locator(".graph-viewer").nth(number).evaluate(script)


def test_networks_circled_on_the_map_are_edited_at_once_into_one_file(visit, edited_zoos, settle):
    page = visit("/map?map_zoo=edited-inrs&map_layout=PCA")
    draw_lasso(page, [(0.02, 0.08), (0.98, 0.08), (0.98, 0.88), (0.02, 0.88)])
    heading = page.get_by_role("heading", name=re.compile(r"^\d+ of 12 selected"))
    count = int(heading.inner_text().split()[0])
    settle(page)
    page.get_by_role("button", name="Edit these").click()
    expect(page.get_by_text(f"{count} of {count} pairs", exact=False)).to_be_visible()
    settle(page)
    network, ids = read_stack(downloaded(page, "edited networks"))
    assert len(network) == len(ids) == count and all(name.startswith("edited-inrs/") for name in ids)


def test_an_edited_network_goes_on_to_the_predict_page(visit, edited_zoos, settle):
    page = visit(f"/edit?net={NET}")
    page.get_by_role("button", name="Keep as my network").click()
    page.wait_for_url("**net=upload**")
    settle(page)
    page.get_by_role("link", name="Predict").first.click()
    expect(page.get_by_role("heading", name=re.compile("Prediction:"))).to_be_visible()
    expect(page.get_by_text("All models that read this network")).to_have_count(1)
