"""Networks that are no chains in a real browser: blocks, their neurons, and the way back."""

import re

import pytest
from dag_architectures import DAGS
from playwright.sync_api import expect


@pytest.fixture
def bring(visit, settle, tmp_path):
    """A function that brings a random network of a name along as a file."""

    def run(name):
        import torch

        from ngcore.testing import random_network
        from ngcore.upload import export_network

        file = tmp_path / "network.safetensors"
        export_network(random_network(DAGS[name], seed=1, dtype=torch.float32), file)
        page = visit("/network?net=upload:")
        page.locator("input[type=file]").set_input_files(file)
        page.wait_for_url(re.compile("net=upload%3A[0-9a-f]{64}"))
        settle(page)
        return page

    return run


def test_layers_of_a_recurrence_close_and_lead_to_each_other(bring, settle):
    page = bring("lstm")
    page.locator(".graph-viewer[data-ready=yes]").wait_for()
    page.locator("[data-do=close]").first.click()
    page.locator(".search input").fill("LSTM 3 · cell")
    page.locator(".search input").press("Enter")
    card = page.locator(".card")
    expect(card).to_contain_text("Read by")
    card.get_by_role("button", name=re.compile("hidden")).first.click()
    expect(card.locator("strong")).to_have_text("LSTM 3 · hidden")
    card.get_by_role("button", name="Open layer").click()
    expect(card.get_by_role("button", name="Close layer")).to_be_visible()
    settle(page)


def test_every_tab_of_a_transformer_opens(bring, settle):
    page = bring("transformer")
    for tab, text in (
        ("Weights", "All tensors"),
        ("Shuffle", "Shuffle hidden neurons"),
        ("Export", "Stand-alone HTML"),
    ):
        page.get_by_role("tab", name=tab).click()
        expect(page.get_by_text(text).first).to_be_visible()
        settle(page)
