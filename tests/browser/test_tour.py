"""The whole way through the app in a real browser, with what ships: from the start to an exported edit."""

import re
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

from map_drawing import click_a_point, draw_lasso
from playwright.sync_api import expect

from ngcore.upload import read_network


def go_to(page, settle, name, heading):
    page.get_by_test_id("stSidebarNav").get_by_role("link", name=name).click()
    page.get_by_role("heading", name=heading, exact=True).wait_for()
    settle(page)


def selected_id(page):
    """Id of the network in the address."""
    return parse_qs(urlsplit(page.url).query)["net"][0]


def test_from_the_start_to_an_exported_edit(visit, settle):
    page = visit("/")
    page.get_by_role("button", name="Look inside").click()
    page.get_by_role("heading", name="Network graph").wait_for()
    page.locator(".graph-viewer canvas").first.wait_for()
    page.locator(".st-key-picker-random button").first.click()
    page.wait_for_url(re.compile("net=mnist-inrs"))
    settle(page)

    go_to(page, settle, "Map", "Map")
    draw_lasso(page, [(0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.8)])
    expect(page.get_by_role("heading", name=re.compile(r"^[\d,]+ of 2,000 selected"))).to_be_visible()
    page.get_by_role("button", name="Clear the selection").click()
    expect(page.get_by_role("heading", name="All 2,000 networks on the map")).to_be_visible()
    settle(page)
    chosen = click_a_point(page, "mnist-inrs", method="umap", unlike=selected_id(page))
    page.wait_for_url(re.compile(f"net={quote(chosen, safe='')}"))
    settle(page)

    go_to(page, settle, "Predict", "Predict")
    expect(page.get_by_text("Prediction:").first).to_be_visible()
    assert selected_id(page) == chosen
    go_to(page, settle, "Edit", "Edit")
    page.get_by_text("MSE to the target, edited").wait_for()
    settle(page)
    with page.expect_download() as download:
        page.get_by_role("button", name=re.compile("Edited network")).click()
    assert download.value.suggested_filename == f"{chosen.replace('/', '-')}-edited.safetensors"
    assert len(read_network(Path(download.value.path()).read_bytes()).network) == 1
