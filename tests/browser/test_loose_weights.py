"""Weights without structure in a real browser: a file is dropped, tensors show, connections are corrected."""

import re

import pytest
import torch
from playwright.sync_api import expect
from torch import nn


@pytest.fixture
def checkpoint(tmp_path):
    """A training checkpoint of a network that is no chain, with a name that would be markup."""
    torch.manual_seed(0)
    parts = {"stem": nn.Conv2d(3, 8, 3), "up": nn.ConvTranspose2d(8, 4, 2), "head": nn.Linear(4, 2)}
    state = {f"{part}.{name}": tensor for part, module in parts.items() for name, tensor in module.state_dict().items()}
    state["<img src=x onerror=alert(1)>.weight"] = torch.ones(2, 77)
    torch.save({"epoch": 3, "state_dict": state}, tmp_path / "branches.ckpt")
    return tmp_path / "branches.ckpt"


def test_a_checkpoint_without_structure_shows_its_tensors_and_guesses(visit, settle, checkpoint):
    page = visit("/network")
    page.get_by_label("From", exact=True).click()
    page.get_by_role("option", name="Your own file").click()
    settle(page)
    page.locator("input[type=file]").set_input_files(checkpoint)
    expect(page.get_by_text("Weights without structure")).to_be_visible()
    settle(page)
    cards = page.locator(".loose-card")
    expect(cards).to_have_count(7)
    expect(page.locator(".loose-card .loose-matrix")).to_have_count(7)
    expect(page.locator(".loose-card .loose-bars").first).to_be_visible()
    expect(page.get_by_text("<img src=x onerror=alert(1)>.weight").first).to_be_visible()
    expect(page.locator(".loose-mark").get_by_text("after stem.weight?")).to_be_visible()
    page.get_by_role("tab", name="Connections").click()
    arcs = page.locator("img.loose-arcs")
    expect(arcs).to_have_attribute("alt", re.compile(r"stem\.weight to up\.weight \(guess\)"))
    assert arcs.evaluate("image => image.complete && image.naturalHeight > 0")
    target = page.locator('[class*="st-key-loose-target"] input')
    target.scroll_into_view_if_needed()
    page.wait_for_timeout(800)  # a list that opens while the page still scrolls is closed again
    target.click()
    page.get_by_role("option", name="head.weight").click()
    settle(page)
    page.locator('[class*="st-key-loose-sources"]').get_by_role("button", name="Clear all").click()
    settle(page)
    expect(arcs).not_to_have_attribute("alt", re.compile("to head"))
    expect(page.get_by_role("button", name="Back to the guesses")).to_be_visible()
