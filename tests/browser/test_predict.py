"""Predict and rank in a real browser: a layer is damaged, checkpoints are ordered and taken along as a table."""

import csv
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from ngcore.upload import export_network
from ngcore.zoo import Zoo, find_zoo

NETWORK = "cifar10-gs-cnns/00030-005248"


@pytest.fixture
def checkpoint_files(tmp_path):
    """The least and the most accurate network of the shipped CNNs, and a damaged file."""
    zoo = Zoo.open(find_zoo("cifar10-gs-cnns"))
    accuracy = zoo.metadata["accuracy"]
    for name, row in (("least", int(accuracy.argmin())), ("most", int(accuracy.argmax()))):
        (tmp_path / f"{name}.safetensors").write_bytes(export_network(zoo.networks([row])))
    (tmp_path / "damaged.safetensors").write_bytes(b"damaged")
    return sorted(tmp_path.glob("*.safetensors"))


def test_a_damaged_layer_is_predicted_and_measured_and_can_be_kept(visit, settle):
    page = visit(f"/predict?net={NETWORK}")
    expect(page.get_by_text("Predicted accuracy", exact=True)).to_be_visible()
    page.get_by_role("tab", name="What if").click()
    settle(page)
    sweep = page.get_by_role("img", name=re.compile("against the strength of the damage"))
    expect(sweep).to_be_visible()
    expect(page.get_by_text("1,000 test images of cifar10")).to_be_visible()
    page.get_by_role("radio", name="Quantise").click()
    settle(page)
    slider = page.get_by_role("slider", name="Strength")
    expect(page.get_by_text("4 bits").first).to_be_visible()
    slider.press("ArrowRight")
    settle(page)
    expect(page.get_by_text("3 bits").first).to_be_visible()
    expect(sweep).to_be_visible()
    page.get_by_role("button", name="Keep as my network").click()
    page.wait_for_url(re.compile("net=upload"))
    settle(page)
    expect(page.get_by_text("quantise 3 bits in layer 0").first).to_be_visible()
    expect(page.get_by_text("Predicted accuracy", exact=True)).to_be_visible()


def test_checkpoints_are_ordered_and_the_table_is_taken_along(visit, settle, checkpoint_files):
    page = visit("/rank")
    page.locator("input[type=file]").set_input_files(checkpoint_files)
    expect(page.get_by_text(re.compile(r"^damaged\.safetensors:"))).to_be_visible()
    expect(page.get_by_role("img", name=re.compile("Predicted accuracies of 2 networks"))).to_be_visible()
    settle(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Table as CSV").click()
    with Path(download.value.path()).open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["rank"], row["network"]) for row in rows] == [("1", "most.safetensors"), ("2", "least.safetensors")]
    assert float(rows[0]["measured"]) > 35 and rows[0]["measured on"] == "1,000 images of cifar10"
