"""The map in a real browser: click, lasso, keys, search, key of the colours, and the way to the network page."""

import base64
import os
import re
from pathlib import Path
from urllib.parse import quote

import pytest
from map_drawing import MAP, click_a_point, draw_lasso
from playwright.sync_api import expect
from tiny_zoos import write_tiny_zoos

ADDRESS = "/map?map_zoo=mapped-inrs&map_layout=PCA"
NEARLY_ALL = [(0.01, 0.02), (0.99, 0.02), (0.99, 0.98), (0.01, 0.98)]


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


def test_a_lasso_stays_while_points_in_it_are_clicked_and_colours_change(open_map, settle):
    page = open_map()
    draw_lasso(page, NEARLY_ALL)
    clear = page.get_by_role("button", name="Clear the selection")
    expect(clear).to_be_visible()
    settle(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Table as CSV").click()
    rows = Path(download.value.path()).read_text().splitlines()
    assert rows[0].startswith("id,label") and rows[0].endswith(",x,y") and len(rows) == 13
    network = quote(click_a_point(page, "mapped-inrs", method="pca"), safe="")
    page.wait_for_url(f"**/map?*net={network}*")
    settle(page)
    page.get_by_role("combobox", name="Colour by").click()
    page.get_by_role("option", name="split").click()
    settle(page)
    page.get_by_role("application", name=re.compile("coloured by split")).wait_for()
    expect(clear).to_be_visible()
    page.get_by_role("button", name="Clear selection", exact=True).click()
    expect(clear).to_have_count(0)
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


def test_keys_walk_over_the_map_say_what_they_reach_and_search(open_map):
    page = open_map()
    said = page.locator(".live").first
    page.locator(MAP).first.focus()
    page.keyboard.press("ArrowRight")
    expect(said).to_contain_text(re.compile(r"^\d{6}, label"))
    first = said.text_content()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowUp")
    expect(said).not_to_have_text(first)
    reached = said.text_content()[:6]
    page.keyboard.press("Enter")
    page.wait_for_url(f"**net=mapped-inrs%2F{reached}*")
    page.keyboard.press("/")
    page.keyboard.type("000007")
    page.keyboard.press("Enter")
    page.wait_for_url("**net=mapped-inrs%2F000007*")
    expect(page.get_by_text("1 of 12 networks match")).to_be_visible()
    page.get_by_role("button", name="End the search").click()
    expect(page.get_by_text("1 of 12 networks match")).to_have_count(0)


def test_the_key_hides_a_class_and_zoom_survives_what_follows(open_map, settle):
    page = open_map(f"{ADDRESS}&net=mapped-inrs/000004")
    expect(page.get_by_alt_text(re.compile("What the selected network shows")).first).to_be_visible()
    chart = page.locator(MAP).first
    chart.focus()
    for _ in range(4):
        page.keyboard.press("+")
    zoom = chart.get_attribute("data-zoom")
    assert float(zoom) > 4
    zero = page.get_by_role("button", name="zero", exact=True)
    zero.click()
    expect(zero).to_have_attribute("aria-pressed", "false")
    expect(page.get_by_role("heading", name=re.compile(r"^\d+ of 12 selected"))).to_be_visible()
    zero.click()
    expect(page.get_by_role("heading", name="All 12 networks on the map")).to_be_visible()
    settle(page)
    assert chart.get_attribute("data-zoom") == zoom
    chart.focus()
    page.keyboard.press("f")
    expect(chart).to_have_attribute("data-zoom", "1.00")


DRAG = """([name, letters]) => {
  const files = new DataTransfer();
  files.items.add(new File([Uint8Array.from(atob(letters), (letter) => letter.charCodeAt(0))], name));
  globalThis.drag = (kind) =>
    document.querySelector("h1").dispatchEvent(
      new DragEvent(kind, { bubbles: true, cancelable: true, dataTransfer: files }));
  globalThis.drag("dragover");
}"""


def drop(page, name, data):
    """Drag a file over the heading of the page, and let it go there."""
    page.locator(".ngcore-drop").wait_for(state="attached")  # it listens once the page has run
    page.evaluate(DRAG, [name, base64.b64encode(data).decode()])
    expect(page.get_by_text("Drop to open")).to_be_visible()
    page.evaluate("drag('drop')")
    expect(page.get_by_text("Drop to open")).to_be_hidden()


def test_a_reload_keeps_the_filter_and_a_file_dropped_anywhere_is_opened(open_map, settle):
    from ngcore.inr import initial_siren
    from ngcore.networks import siren
    from ngcore.upload import export_network

    data = export_network(initial_siren(siren((2, 8, 8, 1)), 7, 1, seed=0))
    page = open_map(f"{ADDRESS}&map_filter=label:c0,1&map_metric=Euclidean")
    some = page.get_by_role("heading", name=re.compile(r"^\d of 12 selected"))
    expect(some).to_be_visible()
    settle(page)
    page.reload()
    expect(some).to_be_visible()
    assert "map_filter=label" in page.url
    page.get_by_test_id("stSidebarNav").get_by_role("link", name="Leaderboard").click()
    page.get_by_role("heading", name="Leaderboard", exact=True).wait_for()
    settle(page)
    drop(page, "mine.safetensors", data)
    page.wait_for_url(re.compile(r"/network\?net=upload"))
    expect(page.get_by_text("2-8-8-1 sine").first).to_be_visible()


def test_a_file_dropped_anywhere_is_placed_on_a_filtered_map(page, open_map, settle):
    from ngcore.inr import initial_siren
    from ngcore.networks import siren
    from ngcore.upload import export_network

    # as a field of Streamlit does that was there first
    page.add_init_script("document.addEventListener('drop', (event) => event.preventDefault())")
    open_map(f"{ADDRESS}&map_filter=label:c0,1&map_metric=Euclidean")
    settle(page)
    drop(page, "mine.safetensors", export_network(initial_siren(siren((2, 8, 8, 1)), 7, 1, seed=0)))
    expect(page.get_by_text("Your networks on the map (1)")).to_be_visible()
