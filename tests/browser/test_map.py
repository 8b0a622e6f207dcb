"""The map in a real browser: click, lasso, table, neighbours, and the way to the network page."""

import os
import re
from pathlib import Path
from urllib.parse import quote

import pytest
from map_drawing import MAP, click_a_point, draw_lasso
from playwright.sync_api import expect
from tiny_zoos import write_tiny_zoos

ADDRESS = "/map?map_zoo=mapped-inrs&map_layout=PCA"
NEARLY_ALL = [(0.02, 0.08), (0.98, 0.08), (0.98, 0.88), (0.02, 0.88)]


@pytest.fixture(scope="session")
def mapped_zoos(own_folders):
    """The zoos mapped-inrs and mapped-cnns, where the running app finds them."""
    return write_tiny_zoos(Path(os.environ["NGCORE_WORK"]) / "zoos", prefix="mapped")


@pytest.fixture
def open_map(visit, mapped_zoos):
    """The page with the map of mapped-inrs by PCA."""

    def open_address(address=ADDRESS):
        page = visit(address)
        page.get_by_text("Zoo", exact=True).first.wait_for()
        page.locator(MAP).first.wait_for()
        return page

    return open_address


def test_a_lasso_selects_networks_for_table_pictures_and_histogram(open_map, settle):
    page = open_map()
    draw_lasso(page, NEARLY_ALL)
    expect(page.get_by_role("heading", name=re.compile(r"^\d+ of 12 selected"))).to_be_visible()
    settle(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Table as CSV").click()
    rows = Path(download.value.path()).read_text().splitlines()
    assert rows[0].startswith("id,label") and len(rows) > 6
    expect(page.get_by_alt_text(re.compile("Pictures that"))).to_have_count(1)
    page.get_by_role("button", name="Clear the selection").click()
    expect(page.get_by_role("heading", name="All 12 networks on the map")).to_be_visible()


def test_a_click_on_a_point_selects_its_network_and_leads_to_its_graph(open_map, settle):
    page = open_map()
    network = quote(click_a_point(page, "mapped-inrs", method="pca"), safe="")
    page.wait_for_url(f"**/map?*net={network}*")
    settle(page)
    expect(page.get_by_text("Click a row to select that network.")).to_be_visible()
    page.get_by_role("link", name="Open its graph").click()
    page.wait_for_url(f"**/network?*net={network}*")
    page.get_by_role("heading", name="Network graph").wait_for()


def test_a_shared_address_opens_the_map_with_its_network_ringed(open_map):
    page = open_map(f"{ADDRESS}&net=mapped-inrs/000004")
    expect(page.get_by_text("mapped-inrs/000004", exact=True).first).to_be_visible()
    expect(page.get_by_alt_text(re.compile("What the selected network shows")).first).to_be_visible()


def test_colours_can_be_changed_without_losing_the_selection(open_map, settle):
    page = open_map()
    draw_lasso(page, NEARLY_ALL)
    heading = page.get_by_role("heading", name=re.compile(r"^\d+ of 12 selected"))
    expect(heading).to_be_visible()
    counted = heading.inner_text()
    page.get_by_role("combobox", name="Colour by").click()
    page.get_by_role("option", name="split").click()
    settle(page)
    page.get_by_role("img", name=re.compile("coloured by split")).wait_for()
    assert page.get_by_role("heading", name=re.compile(r"^\d+ of 12 selected")).inner_text() == counted
