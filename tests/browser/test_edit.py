"""The edit page in a real browser: strength, once more, and what can be taken along."""

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect
from tiny_checkpoints import write_tiny_checkpoints
from tiny_zoos import write_tiny_zoos

from ngcore.upload import read_network

NET = "edited-inrs/000003"


@pytest.fixture(scope="session")
def edited_zoos(own_folders):
    """The zoos edited-inrs and edited-cnns and a model of every task, where the running app finds them."""
    from ngcore.zoo import Zoo

    folder = Path(os.environ["NGCORE_WORK"]) / "zoos"
    write_tiny_zoos(folder, prefix="edited")
    inrs, cnns = Zoo.open(folder / "edited-inrs"), Zoo.open(folder / "edited-cnns")
    return write_tiny_checkpoints(Path(os.environ["NGCORE_CHECKPOINTS"]), inrs, cnns)


def test_an_edit_is_steered_and_its_network_exported_and_read_back(visit, edited_zoos, settle):
    page = visit(f"/edit?net={NET}")
    page.get_by_text("MSE to the target, edited").wait_for()
    expect(page.get_by_role("img").nth(4)).to_be_visible()
    page.get_by_role("button", name="Apply again").click()
    expect(page.get_by_text("Strength of step 2")).to_be_visible()
    settle(page)
    with page.expect_download() as download:
        page.get_by_role("button", name=re.compile("Edited network")).click()
    assert download.value.suggested_filename == "edited-inrs-000003-edited.safetensors"
    assert len(read_network(Path(download.value.path()).read_bytes()).network) == 1
    with page.expect_download() as download:
        page.get_by_role("button", name=re.compile("Picture")).click()
    assert Path(download.value.path()).read_bytes().startswith(b"\x89PNG")


def test_the_strength_is_set_by_keys_and_zero_leaves_the_network_as_it_is(visit, edited_zoos, settle):
    page = visit(f"/edit?net={NET}")
    slider = page.get_by_role("slider").first
    slider.focus()
    slider.press("Home")
    settle(page)
    expect(page.get_by_text(re.compile("strength 0$|strength 0\n"))).to_be_visible()


def test_an_edited_network_goes_on_to_the_predict_page(visit, edited_zoos, settle):
    page = visit(f"/edit?net={NET}")
    page.get_by_role("button", name="Use it on the other pages").click()
    page.wait_for_url("**net=upload**")
    settle(page)
    page.get_by_role("link", name="Predict").first.click()
    expect(page.get_by_role("heading", name=re.compile("The model sees"))).to_be_visible()
    expect(page.get_by_text("All models that read this network")).to_have_count(1)
