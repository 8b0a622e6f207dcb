"""The leaderboard in a real browser, with the models that ship: from a mistake to the network that caused it."""

import re

from playwright.sync_api import expect

WALL = '.st-key-compare-wall [data-testid="stEChartsChart"][aria-busy="false"] canvas'


def test_a_click_on_a_mistake_leads_to_its_network(visit, settle):
    page = visit("/leaderboard")
    expect(page.get_by_text(re.compile(r"of 2,000 right")).first).to_be_visible()
    wall = page.locator(WALL).first
    wall.wait_for()
    wall.click(position={"x": wall.bounding_box()["width"] / 24, "y": 40})
    page.wait_for_url(re.compile(r"net=mnist-inrs"))
    settle(page)
    page.get_by_role("link", name=re.compile("Look inside mnist-inrs")).click()
    page.get_by_role("heading", name="Network graph").wait_for()
    page.wait_for_url(re.compile(r"/network\?net=mnist-inrs"))
