"""Measures in a real browser how fast the viewer of graphs draws: moving 50,000 edges, and a million at rest.

Run as `make graph-speed`; on a machine that does nothing else. It is no test: figures go to a report, not to a limit.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from conftest import BROWSER_FLAGS, PAGE_WAIT_MS, REPOSITORY, SETTLED
from find_browser import HINT, find_browser
from page_speed import free_port, own_folders
from playwright.sync_api import Error, Page, sync_playwright

MOVING = (160, 128, 128, 96, 10)
"""An MLP of 50,112 edges."""

RESTING = (784, 784, 512, 10)
"""An MLP of 1,021,184 edges, of which the strongest 1,000,000 are drawn."""

READY = ".graph-viewer[data-ready=yes]"
PAN_MS = 4_000

PAN = """async (element, ms) => {
  const v = element.ngcoreGraph;
  const [began, frames] = [performance.now(), v.frames];
  while (performance.now() - began < ms) {
    v.moveBy(3, 1);
    await new Promise((done) => requestAnimationFrame(done));
  }
  return { frames: (1000 * (v.frames - frames)) / (performance.now() - began), edges: v.drawn.done };
}"""


def main() -> None:
    """Measure and print one line a figure."""
    executable = find_browser()
    if executable is None:
        sys.exit(HINT)
    port = free_port()
    command = ["make", "--silent", "run", f"PORT={port}"]
    server = subprocess.Popen(
        command, cwd=REPOSITORY, env=own_folders(), stdout=subprocess.DEVNULL, start_new_session=True
    )
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=executable, args=BROWSER_FLAGS)
            page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
            page.set_default_timeout(PAGE_WAIT_MS)
            _measure(page, f"http://127.0.0.1:{port}")
            browser.close()
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(timeout=20)


def _measure(page: Page, address: str) -> None:
    folder = Path(tempfile.mkdtemp())
    _open(page, address, _write(folder, MOVING))
    _draw_all(page, 50_112)
    found = page.locator(".graph-viewer").first.evaluate(PAN, PAN_MS)
    print(
        f"{found['frames']:6.1f} frames a second  panning 50,112 edges, {found['edges']:,} of them drawn while moving"
    )
    _open(page, address, _write(folder, RESTING))
    started = time.perf_counter()
    _draw_all(page, 1_000_000)
    print(
        f"{time.perf_counter() - started:6.1f} s  drawing 1,000,000 edges, from the click to the last one", flush=True
    )


def _write(folder: Path, sizes: tuple[int, ...]) -> Path:
    import torch

    from ngcore.networks import mlp
    from ngcore.testing import random_network
    from ngcore.upload import export_network

    file = folder / f"{'-'.join(map(str, sizes))}.safetensors"
    export_network(random_network(mlp(sizes), seed=1, dtype=torch.float32), file)
    return file


def _open(page: Page, address: str, file: Path) -> None:
    while True:
        try:
            page.goto(f"{address}/network?net=upload:")
            break
        except Error:  # the server does not listen yet
            time.sleep(0.1)
    page.locator("input[type=file]").set_input_files(file)
    page.wait_for_url("**net=upload%3A*")
    page.wait_for_selector(SETTLED, state="attached")
    page.locator(READY).wait_for()


def _draw_all(page: Page, count: int) -> None:
    page.locator("[data-do=more]").click()
    page.locator(f".graph-viewer[data-ready=yes][data-drawn='{count}']").wait_for()


if __name__ == "__main__":
    main()
