"""The race in a real browser: started, paused, taken step by step, watched to the end, its network opened elsewhere."""

import re

from playwright.sync_api import expect


def test_a_race_is_watched_to_its_end_and_its_network_is_opened(visit, settle, tmp_path):
    page = visit("/race?race=sgd:0.05:cosine,muon:1:cosine&race_network=mlp&race_steps=100&race_seed=3")
    page.get_by_role("button", name="Start", exact=True).click()
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="10 steps").wait_for()
    settle(page)
    progress = page.get_by_test_id("stProgress")
    before = int(re.search(r"Step (\d+) of 100", progress.inner_text()).group(1))
    page.get_by_role("button", name="10 steps").click()
    expect(progress).to_have_text(re.compile(rf"Step {min(before + 10, 100)} of 100"))
    expect(page.locator("img[alt^='Neural graph of the network that']")).to_have_count(2)
    page.get_by_text("Loss", exact=True).first.click()
    page.wait_for_url("**race_show=Loss**")
    settle(page)
    if before + 10 < 100:
        page.get_by_role("button", name="Go on").click()
    page.get_by_role("heading", name="Results").wait_for()
    settle(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="All measurements (.csv)").click()
    file = tmp_path / "race.csv"
    download.value.save_as(file)
    header, *rows = file.read_text().splitlines()
    assert header.startswith("entrant,optimiser") and len(rows) >= 4
    page.get_by_role("button", name=re.compile("Use the network of Muon")).click()
    page.get_by_role("link", name="Network graph").last.click()
    page.get_by_role("heading", name="Network graph").wait_for()
    page.locator(".graph-viewer[data-ready=yes]").wait_for()
    settle(page)
    expect(page.get_by_text(re.compile("fashion-mnist, 100 steps of Muon")).first).to_be_visible()
    page.go_back()
    page.get_by_role("heading", name="Results").wait_for()
