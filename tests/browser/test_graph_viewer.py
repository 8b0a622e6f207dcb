"""The viewer of neural graphs in a real browser: mouse, keys, layers, edges, pictures, files."""

import os
import re
from pathlib import Path

import pytest
from dag_architectures import DAGS
from playwright.sync_api import expect
from tiny_zoos import write_tiny_zoos

READY = ".graph-viewer[data-ready=yes]"


@pytest.fixture(scope="session")
def small_zoos(own_folders):
    """The zoos small-inrs and small-cnns, where the running app finds them."""
    return write_tiny_zoos(Path(os.environ["NGCORE_WORK"]) / "zoos", prefix="small")


class Viewer:
    """The viewer of a page, asked for its state."""

    def __init__(self, page):
        self.page = page
        page.locator(READY).first.wait_for()

    def ask(self, expression):
        """The value of an expression in which `v` is the viewer."""
        script = f"element => {{ const v = element.ngcoreGraph; return {expression}; }}"
        return self.page.locator(".graph-viewer").first.evaluate(script)

    def until(self, expression):
        """Wait until an expression is true."""
        for _ in range(300):
            if self.ask(expression):
                return
            self.page.wait_for_timeout(100)
        pytest.fail(f"Never true: {expression}. The state is {self.ask('JSON.stringify([v.selection, v.drawn])')}")

    def place(self, item):
        """Where a neuron stands in the page."""
        box = self.page.locator(".overlay").bounding_box()
        x, y = self.ask(f"v.toScreen(...v.model.place({item}))")
        return box["x"] + x, box["y"] + y

    def key(self, name):
        self.page.locator(".overlay").press(name)

    def shades(self):
        """How many different colours the canvas of the edges has."""
        return self.ask(
            "(() => { v.painter.begin(v, [], false); v.draw(); const gl = v.painter.gl;"
            " const all = new Uint8Array(4 * v.canvas.width * v.canvas.height);"
            " gl.readPixels(0, 0, v.canvas.width, v.canvas.height, gl.RGBA, gl.UNSIGNED_BYTE, all);"
            " return new Set(new Uint32Array(all.buffer)).size; })()"
        )


@pytest.fixture
def look(visit, small_zoos):
    """A function that opens the viewer on a network of the small zoos."""
    return lambda net: Viewer(visit(f"/network?net={net}"))


def test_a_layer_is_closed_at_once_after_a_walk_in_it(look, settle):
    viewer = look("small-inrs/000001")
    viewer.page.mouse.click(*viewer.place(3))
    viewer.until("v.selection !== null")
    viewer.key("ArrowRight")
    viewer.key("ArrowUp")
    viewer.key("Enter")
    viewer.until("!v.open.has(2) && v.selection.item === null && !v.isAhead")
    settle(viewer.page)
    assert viewer.ask("[v.open.has(2), v.selection.unit, v.selection.item]") == [False, 2, None]


def test_a_neuron_is_clicked_walked_from_and_found_and_the_view_stands_still(look, settle):
    viewer = look("small-inrs/000001")
    page = viewer.page
    viewer.ask("v.zoomBy(1.3)")
    viewer.until("!v.isMoving")
    camera = viewer.ask("v.camera.state")
    page.mouse.move(*viewer.place(3))
    expect(page.locator(".hint")).to_contain_text("layer 1 · 1")
    page.mouse.click(*viewer.place(3))
    expect(page.locator(".card")).to_contain_text("0.bias[1]")
    expect(page.get_by_text(re.compile("2 in · 8 out"))).to_be_visible()
    settle(page)
    assert viewer.ask("v.camera.state") == camera
    assert viewer.ask("[...v.open].length") == 4
    viewer.key("ArrowRight")
    viewer.until("v.model.unitOfItem[v.selection.item] === 2")
    expect(page.get_by_text(re.compile("8 in · 1 out"))).to_be_visible()
    viewer.key("ArrowUp")
    viewer.key("Enter")
    viewer.until("!v.open.has(2) && v.selection.item === null")
    expect(page.locator(".card")).to_contain_text("2.weight 8 × 8")
    viewer.key("/")
    page.keyboard.type("4.weight[0, 5]")
    page.keyboard.press("Enter")
    viewer.until("v.selection.item === 18")
    settle(page)
    viewer.until("v.selection.item === 18 && !v.isAhead")
    page.wait_for_url(re.compile("neuron=18"))
    settle(page)
    walk = (
        page.locator(".st-key-network-viewer")
        .locator("xpath=ancestor::*")
        .get_by_role("button", name=re.compile("layer 2 · "))
    )
    walk.last.click()
    viewer.until("v.selection?.unit === 2 && v.open.has(2)")  # chosen in the panel below, shown in the drawing
    viewer.key("Escape")
    viewer.until("v.selection === null")


def test_what_python_says_of_an_older_selection_changes_none_that_it_has_not_heard_of(look, settle):
    viewer = look("small-inrs/000001")
    page = viewer.page
    older = "v.update({ ...v.data, selected: v.model.nodeOf(3) })"
    assert viewer.ask(f"(v.walkTo(18), {older}).then(() => [v.selection.item, v.isAhead])") == [18, True]
    viewer.until("!v.isAhead && v.data.selected === v.model.nodeOf(18)")
    mounted = "Object.assign(new v.constructor(v.root), { emit: () => {} })"
    unheard = f"(v.walkTo(17), v.remember(), {mounted}).update({{ ...v.data, selected: v.model.nodeOf(3) }})"
    assert viewer.ask(f"{unheard}.then(() => v.root.ngcoreGraph.selection.item)") == 17
    page.reload()
    settle(page)
    viewer = Viewer(page)
    viewer.until("v.selection?.item === 17")
    page.locator(".st-key-picker-next button").first.click()
    page.wait_for_url("**net=small-inrs%2F000002**")
    settle(page)
    viewer.until("v.key.endsWith('000002')")
    assert viewer.ask(f"{older}.then(() => v.selection.item)") == 3  # it has heard of all of them


def test_the_example_of_the_first_page_shows_what_neurons_compute_without_any_controls(visit, settle):
    page = visit("/")
    viewer = Viewer(page)
    viewer.until("v.activations?.tiles.length > 0 && v.styleOf(1).look === 2 && v.drawn.done > 0")
    expect(page.locator(".graph-viewer .bar")).to_be_hidden()
    first = viewer.ask("v.key")
    page.mouse.click(*viewer.place(3))
    expect(page.locator(".card")).to_contain_text("0.bias[1]")
    page.get_by_role("button", name="Another example").click()
    viewer.until(f"v.key !== {first!r} && v.activations?.tiles.length > 0")
    settle(page)
    assert page.url.rstrip("/").count("/") == 2 and "view" not in page.url


def test_edges_are_thinned_at_once_and_the_address_brings_the_view_back(look, settle):
    viewer = look("small-inrs/000001")
    page = viewer.page
    assert viewer.ask("v.drawn.done") == 88
    assert viewer.shades() > 20
    page.locator("input.k").fill("50")
    viewer.until("v.drawn.done < 30 && !v.isMoving")
    assert viewer.ask("v.plan().map((one) => one.count)") == [8, 8, 8]
    assert all(share > 0 for share in viewer.ask("v.plan().map((one) => one.part.sizes[one.count - 1])"))
    expect(page.locator(".count")).to_contain_text("24 of 88 edges")
    page.locator("input.k").fill("100")
    page.locator("input.least").fill("60")
    viewer.until("v.drawn.done > 0 && v.drawn.done < 88")
    assert viewer.ask("v.plan().every(({ part, count }) => part.sizes.slice(0, count).every((s) => s >= v.least))")
    page.locator("select.scale").select_option("network")
    expect(page.locator(".scales")).not_to_contain_text("by layer")
    page.wait_for_url(re.compile("view=k64~w0[.0-9]+~network"))
    page.locator("[data-do=close]").first.click()
    viewer.key("ArrowDown")
    viewer.key("Enter")
    page.mouse.click(*viewer.place(0))
    page.wait_for_url(re.compile("network~open0&neuron=0$"))
    settle(page)
    state = "[v.k, v.isByLayer, [...v.open], v.selection?.item, v.least.toPrecision(3)]"
    before, link = viewer.ask(state), page.url
    page.reload()
    settle(page)
    viewer = Viewer(page)
    viewer.until("v.selection?.item === 0")
    assert page.url == link and viewer.ask(state) == before
    page.locator("[data-do=open]").first.click()
    page.wait_for_url(re.compile("view=k64~w0[.0-9]+~network&"))
    settle(page)
    page.go_back()
    page.wait_for_url(link)
    viewer.until("v.open.size === 1 && v.open.has(0)")


def test_neurons_show_what_they_compute_and_the_view_goes_along_to_the_next_network(look, settle):
    viewer = look("small-inrs/000001")
    page = viewer.page
    page.locator("select.colour").select_option("activation")
    viewer.until("v.activations?.tiles.length === 19 * 32 * 32")
    expect(page.get_by_text("x coordinate").first).to_be_visible()
    viewer.ask("v.zoomBy(4)")
    viewer.until("!v.isMoving && v.styleOf(1).look === 2 && v.styleOf(3).look === 3")
    camera = viewer.ask("v.camera.state")
    page.locator("[data-do=close]").first.click()
    page.locator(".st-key-picker-next button").first.click()
    page.wait_for_url("**net=small-inrs%2F000002**")
    settle(page)
    viewer.until("v.key.endsWith('000002') && v.activations")
    assert viewer.ask("v.camera.state") == camera
    assert viewer.ask("[v.open.size, v.colour]") == [0, "activation"]
    page.locator("[data-do=open]").first.click()
    assert viewer.ask("(v.find('[data-do=play]').click(), v.revealed)") == 0
    assert viewer.ask("(v.play(), v.revealed = 1, v.styleOf(3).isHidden)")
    viewer.until("v.revealed === Infinity")


def test_views_are_saved_and_presented_and_a_channel_shows_its_kernels(look, tmp_path):
    viewer = look("small-cnns/00000-000001")
    page = viewer.page
    files = {}
    for kind in ("png", "svg"):
        with page.expect_download() as download:
            page.locator(f"[data-do={kind}]").click()
        files[kind] = tmp_path / f"view.{kind}"
        download.value.save_as(files[kind])
    assert files["png"].read_bytes().startswith(b"\x89PNG")
    viewer.ask("v.walkTo(v.model.units[2].first + 1)")
    pictures = page.locator(".kernels .grid button")
    expect(pictures).to_have_count(4)
    pictures.nth(2).click()
    expect(page.locator(".kernels code")).to_have_text(pictures.nth(2).get_attribute("title"))
    expect(page.locator(".kernels code")).to_have_text(re.compile(r"2\.weight\[1, \d\]"))
    drawing = files["svg"].read_text()
    assert drawing.count("<polyline") == viewer.ask("v.drawn.done") and drawing.count("<circle") == 19
    viewer.key("p")
    expect(page.locator(".bar")).to_be_hidden()
    page.locator(".leave").click()
    expect(page.locator(".bar")).to_be_visible()


def test_a_finger_scrolls_the_page_and_the_keys_are_said(look):
    viewer = look("small-inrs/000001")
    assert viewer.ask("getComputedStyle(v.overlay.canvas).touchAction") == "pan-y"
    assert "8 neurons" in viewer.ask("v.overlay.canvas.getAttribute('aria-label')")
    viewer.page.locator(".overlay").focus()
    viewer.key("ArrowDown")
    assert "input" in viewer.ask("v.find('.live').textContent")


@pytest.mark.parametrize("name", ["grouped keys and rotary positions", "odd shapes"])
def test_the_paths_of_all_edges_are_those_of_the_tensors(visit, settle, tmp_path, name):
    import torch

    from app.graph_view import view_of
    from ngcore.testing import random_network
    from ngcore.upload import export_network

    network = random_network(DAGS[name], seed=1, dtype=torch.float32)
    export_network(network, tmp_path / "network.safetensors")
    page = visit("/network?net=upload:")
    page.locator("input[type=file]").set_input_files(tmp_path / "network.safetensors")
    page.wait_for_url(re.compile("net=upload%3A[0-9a-f]{64}"))
    settle(page)
    viewer = Viewer(page)
    found = viewer.ask(
        "v.model.parts.filter((p) => p.isWeight).flatMap((p) => Array.from({ length: p.held }, (_, i) =>"
        " [...v.model.endsOf(p, p.first + i).map((item) => v.model.nodeOf(item)), v.model.pathOf(p, p.first + i)]))"
    )
    view = view_of(network)
    rows = zip(view.source.tolist(), view.target.tolist(), view.paths(), view.is_weight.tolist(), strict=True)
    assert sorted(map(tuple, found)) == sorted(row[:3] for row in rows if row[3])
    biases = viewer.ask("Array.from({ length: v.model.numItems }, (_, i) => v.model.biasPathOf(i))")
    nodes = viewer.ask("Array.from({ length: v.model.numItems }, (_, i) => v.model.nodeOf(i))")
    assert biases == [view.bias_path(node) for node in nodes]
