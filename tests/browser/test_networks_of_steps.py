"""Networks that are no chains in a real browser: blocks, their neurons, and the way back."""

import re

import pytest
from dag_architectures import DAGS
from playwright.sync_api import expect

BLOCKS = '[data-testid="stEChartsChart"][aria-busy="false"] canvas'
ROW, TOP = 50, 34  # pixels, see `app.charts.block_graph`


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


def test_a_click_on_a_block_shows_its_neurons_and_another_leads_back(bring, settle):
    page = bring("lstm")
    page.get_by_role("radio", name="Blocks").or_(page.get_by_role("button", name="Blocks")).first.click()
    settle(page)
    expect(page.get_by_text("20 blocks, 83 neurons").first).to_be_visible()
    chart = page.locator(BLOCKS).first
    chart.wait_for()
    box = chart.bounding_box()
    for _ in range(5):  # the output, alone in the last row; a chart that was just drawn again takes no clicks
        chart.click(position={"x": box["width"] / 2, "y": TOP + 7 * ROW})
        page.wait_for_timeout(1000)
        if page.get_by_text("Around").count():
            break
    settle(page)
    page.get_by_role("button", name=re.compile("hidden")).first.click()
    expect(page.get_by_text("LSTM 3 · hidden").first).to_be_visible()
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
