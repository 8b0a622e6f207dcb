"""The network page in a real browser: clicks on the drawing, links, files, exports."""

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect
from tiny_zoos import write_tiny_zoos


@pytest.fixture(scope="session")
def small_zoos(own_folders):
    """The zoos small-inrs and small-cnns, where the running app finds them."""
    return write_tiny_zoos(Path(os.environ["NGCORE_WORK"]) / "zoos", prefix="small")


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
    page.get_by_label("From", exact=True).click()
    page.get_by_role("option", name="Your own file").click()
    page.locator("input[type=file]").set_input_files(file)
    page.wait_for_url(re.compile("net=upload%3A[0-9a-f]{64}"))
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

    def slowly(route):
        """So that the rerun after the click overtakes the drawing."""
        page.wait_for_timeout(1_000)
        route.continue_()

    page.route("**/media/**", slowly)
    page.get_by_role("tab", name="Shuffle").click()
    page.get_by_role("button", name="Shuffle hidden neurons").first.click()
    expect(page.get_by_text("Largest change of an output").first).to_be_visible()
    settle(page)
    viewer = page.locator(".st-key-shuffle-viewer .graph-viewer[data-ready=yes]")
    viewer.wait_for()
    page.wait_for_function(
        """viewer => {
            const { flight, places, model } = viewer.ngcoreGraph;
            return !flight && places.some((x, i) => x !== model.arrays.places[i]);
        }""",
        arg=viewer.element_handle(),
    )
