"""Every page, in light and in dark: it opens without an error, and axe-core finds nothing that keeps anybody out."""

import re
from pathlib import Path

from playwright.sync_api import expect

from app.page_table import TABLE

AXE = Path(__file__).resolve().parents[1] / "vendor" / "axe-core" / "axe.min.js"
COUNTED = ("moderate", "serious", "critical")
FINDINGS = """async (counted) => {
    const { violations } = await axe.run(document, { resultTypes: ["violations"] });
    return violations.filter((finding) => counted.includes(finding.impact)).flatMap((finding) =>
        finding.nodes.map((node) => `${finding.id}: ${node.html.slice(0, 200)} (${node.failureSummary})`));
}"""
SCHEME = "getComputedStyle(document.querySelector('.stApp')).colorScheme"


def look(page):
    """Assert that the page as it stands shows no error and no finding; Streamlit's own parts count like ours."""
    expect(page.get_by_test_id("stException")).to_have_count(0)
    expect(page.get_by_test_id("stAlertContentError")).to_have_count(0)
    assert page.evaluate(FINDINGS, COUNTED) == []


def switch_theme(page, settle, name):
    page.get_by_role("button", name=f"{name} theme").click()
    expect(page.get_by_role("button", name="Light theme" if name == "Dark" else "Dark theme")).to_be_visible()
    settle(page)
    assert page.evaluate(SCHEME) == name.lower()
    expect(page.get_by_test_id("stMainMenuPopover")).to_have_count(0)


def test_every_page_opens_without_an_error_or_a_finding_in_light_and_dark(visit, settle):
    page = visit("/")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    themes = ["Dark", "Light"]
    for entry in TABLE.values():
        page.get_by_test_id("stSidebarNav").get_by_role("link", name=entry.title, exact=True).click()
        expect(page).to_have_title(re.compile(f"^{entry.title}"))
        settle(page)
        look(page)
        switch_theme(page, settle, themes[0])
        look(page)
        themes.reverse()


def test_the_theme_is_kept_on_every_page_and_nothing_that_was_chosen_is_lost(visit, settle):
    page = visit("/learn")
    page.get_by_text("1,024").click()
    expect(page.get_by_text("1 of 4 questions answered")).to_be_visible()
    settle(page)
    switch_theme(page, settle, "Dark")
    expect(page.get_by_text("1 of 4 questions answered")).to_be_visible()
    page.goto("/race")
    expect(page.get_by_role("button", name="Light theme")).to_be_visible()
    assert page.evaluate(SCHEME) == "dark"
