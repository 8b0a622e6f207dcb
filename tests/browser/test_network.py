"""The network page in a real browser: clicks on the drawing, links, files, exports."""

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect
from tiny_zoos import write_tiny_zoos

CHART = '.st-key-network-chart [data-testid="stEChartsChart"][aria-busy="false"] canvas'


@pytest.fixture(scope="session")
def small_zoos(own_folders):
    """The zoos small-inrs and small-cnns, where the running app finds them."""
    return write_tiny_zoos(Path(os.environ["NGCORE_WORK"]) / "zoos", prefix="small")


def has_neuron(page):
    """Expect the panel of a chosen neuron."""
    expect(page.get_by_text(re.compile(r"\d+ in · \d+ out"))).to_be_visible()


def test_a_click_on_a_neuron_shows_it_and_its_edges_can_be_walked(visit, small_zoos, settle):
    page = visit("/network?net=small-inrs/000001")
    chart = page.locator(CHART).first
    chart.wait_for()
    box = chart.bounding_box()
    for height in (0.3, 0.34, 0.38, 0.42, 0.46, 0.5, 0.54):  # inputs stand at the left edge, in the middle
        chart.click(position={"x": 0.055 * box["width"], "y": height * box["height"]})
        page.wait_for_timeout(300)
        settle(page)
        if page.get_by_text(re.compile(r"\d+ in · \d+ out")).count():
            break
    has_neuron(page)
    expect(page.get_by_text("no bias · 0 in · 8 out")).to_be_visible()
    page.get_by_role("button", name=re.compile(r"layer 1 · \d")).first.click()
    expect(page.get_by_text(re.compile(r"2 in · 8 out"))).to_be_visible()


def test_the_next_network_has_an_address_that_can_be_shared(visit, small_zoos, settle):
    page = visit("/network?net=small-inrs/000001")
    page.locator(".st-key-picker-next button").first.click()
    page.wait_for_url("**net=small-inrs%2F000002**")
    settle(page)
    page.get_by_role("link", name="Home").first.click()
    page.get_by_role("heading", name="Neural graphs").wait_for()
    settle(page)
    page.get_by_role("link", name="Network graph").first.click()
    page.wait_for_url("**/network?net=small-inrs%2F000002**")


def test_an_exported_network_can_be_brought_back(visit, small_zoos, settle, tmp_path):
    page = visit("/network?net=small-cnns/00000-000001")
    page.get_by_role("tab", name="Export").click()
    with page.expect_download() as download:
        page.get_by_role("button", name=re.compile("safetensors")).first.click()
    file = tmp_path / "<img src=x onerror=alert(1)>.safetensors"
    download.value.save_as(file)
    page.locator(".st-key-picker-zoo input").click()
    page.get_by_role("option", name="Your own file").click()
    page.locator("input[type=file]").set_input_files(file)
    page.wait_for_url("**net=upload%3A**")
    settle(page)
    expect(page.get_by_text("CNN 1-4-4-10 relu").first).to_be_visible()


def test_the_page_of_a_graph_is_drawn_without_asking_anybody(visit, small_zoos, settle):
    page = visit("/network?net=small-inrs/000001")
    page.get_by_role("tab", name="Export").click()
    page.get_by_text("Show it here").click()
    frame = page.frame_locator("iframe").first
    expect(frame.locator("canvas")).to_be_visible()


def test_shuffling_shows_that_nothing_but_the_drawing_changes(visit, small_zoos, settle):
    page = visit("/network?net=small-inrs/000001")
    page.get_by_role("tab", name="Shuffle").click()
    page.get_by_role("button", name="Shuffle hidden neurons").first.click()
    expect(page.get_by_text("Largest change of an output").first).to_be_visible()
    expect(page.locator("[class*='st-key-shuffle-'] canvas")).to_have_count(2)
    settle(page)
