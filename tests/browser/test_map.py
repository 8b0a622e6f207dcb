"""The map in a real browser: click, lasso, table, neighbours, and the way to the network page."""

import os
import re
from pathlib import Path

import pytest
from map_drawing import MAP, draw_lasso
from playwright.sync_api import expect
from tiny_zoos import write_tiny_zoos

ADDRESS = "/map?map_zoo=mapped-inrs&map_layout=PCA"


@pytest.fixture(scope="session")
def mapped_zoos(own_folders):
    """The zoos mapped-inrs and mapped-cnns, where the running app finds them."""
    return write_tiny_zoos(Path(os.environ["NGCORE_WORK"]) / "zoos", prefix="mapped")


@pytest.fixture
def open_map(visit, mapped_zoos):
    """The page with the map of mapped-inrs by PCA, and the box of its drawing."""

    def open_address(address=ADDRESS):
        page = visit(address)
        page.get_by_text("Zoo", exact=True).first.wait_for()
        chart = page.locator(MAP).first
        chart.wait_for()
        page.wait_for_timeout(1000)  # the drawing has no mark of being ready
        return page, chart.bounding_box()

    return open_address


def test_a_lasso_selects_networks_for_table_pictures_and_histogram(open_map, settle):
    page, box = open_map()
    draw_lasso(page, box, [(0.02, 0.08), (0.98, 0.08), (0.98, 0.88), (0.02, 0.88)])
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
    page, box = open_map()
    before = page.url
    for step in range(60 * 12):
        column, row = step % 60, step // 60
        page.mouse.click(
            box["x"] + (0.03 + 0.94 * column / 60) * box["width"], box["y"] + (0.1 + 0.76 * row / 12) * box["height"]
        )
        if column % 15 == 14:
            page.wait_for_timeout(250)
            if page.url != before and "net=mapped-inrs" in page.url:
                break
    settle(page)
    network = re.search(r"net=(mapped-inrs%2F\d+)", page.url).group(1)
    expect(page.get_by_text("Click a row to walk to that network.")).to_be_visible()
    page.get_by_role("link", name="Open its graph").click()
    page.wait_for_url(f"**/network?*net={network}*")
    page.get_by_role("heading", name="Network graph").wait_for()


def test_a_shared_address_opens_the_map_with_its_network_ringed(open_map):
    page, _ = open_map(f"{ADDRESS}&net=mapped-inrs/000004")
    expect(page.get_by_text("mapped-inrs/000004", exact=True).first).to_be_visible()
    expect(page.get_by_alt_text(re.compile("What the selected network shows")).first).to_be_visible()


def test_colours_can_be_changed_without_losing_the_selection(open_map, settle):
    page, box = open_map()
    draw_lasso(page, box, [(0.02, 0.08), (0.98, 0.08), (0.98, 0.88), (0.02, 0.88)])
    heading = page.get_by_role("heading", name=re.compile(r"^\d+ of 12 selected"))
    expect(heading).to_be_visible()
    counted = heading.inner_text()
    page.get_by_role("combobox", name="Coloured by").click()
    page.get_by_role("option", name="split").click()
    settle(page)
    page.get_by_role("img", name=re.compile("coloured by split")).wait_for()
    assert page.get_by_role("heading", name=re.compile(r"^\d+ of 12 selected")).inner_text() == counted
