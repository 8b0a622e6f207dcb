"""The leaderboard in a real browser, with the models that ship: from a mistake to the network that caused it."""

import re

from playwright.sync_api import expect

WALL = ".st-key-compare-wall canvas"


def test_a_click_on_a_mistake_leads_to_its_network(visit, settle):
    page = visit("/leaderboard")
    expect(page.get_by_text(re.compile(r"of 2,000 right")).first).to_be_visible()
    wall = page.locator(WALL).first
    wall.scroll_into_view_if_needed()
    page.wait_for_timeout(1000)  # the drawing has no mark of being ready
    box = wall.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 24, box["y"] + 40)
    page.wait_for_url(re.compile(r"net=mnist-inrs"))
    settle(page)
    page.get_by_role("link", name=re.compile("Look inside mnist-inrs")).click()
    page.get_by_role("heading", name="Network graph").wait_for()
    page.wait_for_url(re.compile(r"/network\?net=mnist-inrs"))
