"""The whole view is in the address: a copied link, a reload and the back button bring it back."""

import re
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import expect

NET, OTHER = "mnist-inrs/060001", "mnist-inrs/060005"
CANVAS = ".siren-view .stage canvas"
DRAWN = f"{CANVAS}[data-state=drawn]"


def parameters(page):
    """The parameters of the address, one value each."""
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query, keep_blank_values=True).items()}


def has(**wanted):
    """A condition on an address: that it has these parameters."""
    return lambda url: all(parse_qs(urlsplit(url).query).get(name) == [value] for name, value in wanted.items())


def test_a_comparison_is_linked_reloaded_and_gone_back_in(visit, settle):
    page = visit(f"/compare?net={NET}&with={OTHER}")
    expect(page.get_by_text("mnist-inrs/060005").first).to_be_visible()
    page.get_by_role("tab", name="Function").click()
    page.locator(CANVAS).scroll_into_view_if_needed()  # where alone it draws
    page.locator(DRAWN).wait_for()
    page.wait_for_url(has(compare_tab="Function"))
    settle(page)
    page.get_by_role("radio", name="Shuffled copy").click()
    page.wait_for_url(has(**{"with": "copy:1"}))
    settle(page)
    page.get_by_role("tab", name="Weights").click()
    expect(page.get_by_text("−100%").or_(page.get_by_text("-100%")).first).to_be_visible()
    page.get_by_role("radio", name="As given").click()
    page.wait_for_url(has(compare_order="As given"))
    settle(page)
    link = page.url
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_role("status").filter(has_text="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == link
    page.reload()
    settle(page)
    expect(page.get_by_role("radio", name="As given")).to_be_checked()
    assert parameters(page) == {"net": NET, "with": "copy:1", "compare_order": "As given"}
    page.get_by_role("radio", name="A zoo").click()
    page.wait_for_url(has(**{"with": "mnist-inrs/060002"}))
    settle(page)
    page.go_back()
    page.wait_for_url(has(**{"with": "copy:1"}))
    expect(page.get_by_text("its shuffled copy")).to_be_visible()


def test_a_chain_of_edits_is_linked_reloaded_and_gone_back_in(visit, settle):
    page = visit(f"/edit?net={NET}&edits=rotate*0.5&edit_tab=Files+and+code")
    expect(page.get_by_text("edit_weights(network, 'rotate', 0.5)")).to_be_visible()
    page.get_by_role("button", name="Strength 1", exact=True).click()
    page.wait_for_url(has(edits="rotate*1"))
    settle(page)
    expect(page.get_by_text("edit_weights(network, 'rotate', 1.0)")).to_be_visible()
    page.reload()
    settle(page)
    expect(page.get_by_text("edit_weights(network, 'rotate', 1.0)")).to_be_visible()
    page.get_by_role("button", name="Strength 0", exact=True).click()
    page.wait_for_url(has(edits="rotate*0"))
    settle(page)
    page.go_back()
    page.wait_for_url(has(edits="rotate*1"))
    expect(page.get_by_text("edit_weights(network, 'rotate', 1.0)")).to_be_visible()
    settle(page)
    page.get_by_role("link", name="Blend", exact=True).click()
    page.get_by_role("heading", name="Blend").wait_for()
    settle(page)
    page.get_by_role("link", name="Edit", exact=True).click()
    page.wait_for_url(has(edits="rotate*1"))
    assert re.search("net=mnist-inrs", page.url)
