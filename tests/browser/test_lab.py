"""The lab in a real browser, with what ships: a CNN is checked, and its answers are drawn in every tab."""

import re

from playwright.sync_api import expect


def test_a_shipped_cnn_is_checked_and_drawn(visit, settle):
    page = visit("/lab?net=cifar10-gs-cnns/00053-012128")
    page.get_by_role("button", name="Run checks").click()
    expect(page.get_by_text("The copies compute the same")).to_be_visible()
    settle(page)
    plot = page.locator(".st-key-lab-symmetry .js-plotly-plot")
    expect(plot.get_by_text("the network itself")).to_be_visible()
    expect(page.get_by_text(re.compile("Scales are seen by"))).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Table (.csv)").click()
    assert download.value.suggested_filename.endswith("-symmetry.csv")
    page.get_by_role("tab", name="Extremes").click()
    settle(page)
    page.get_by_role("radio", name="Deeper").click()
    expect(page.locator(".st-key-lab-extremes-deeper .js-plotly-plot").get_by_text("layers inserted")).to_be_visible()
    page.get_by_role("tab", name="Probes").click()
    settle(page)
    expect(page.get_by_text(re.compile(r"Probes help in \d+ of \d+ comparisons"))).to_be_visible()
