"""Measures in a real browser how fast the app is felt: its start, opening it, switching pages, selecting a network.

Run as `make page-speed`; on a machine that does nothing else. It is no test: figures go to a report, not to a limit.
"""

import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from conftest import BROWSER_FLAGS, PAGE_WAIT_MS, REPOSITORY, SETTLED
from find_browser import HINT, find_browser
from playwright.sync_api import Browser, Error, Page, sync_playwright

PAGES = {
    "Network graph": "Network graph",
    "Map": "Map",
    "Compare": "Compare",
    "Predict": "Predict",
    "Draw": "Draw",
    "Edit": "Edit",
    "Blend": "Blend",
    "Leaderboard": "Leaderboard",
    "Home": "Neural graphs",
}
"""Name of each page in the navigation, and its heading."""

ROUNDS = 3

READING_S = 5
"""How long a person looks at the first page before going on; the app gets ready for the other pages meanwhile."""


def main() -> None:
    """Measure and print one line a figure: seconds, the median of a few where it is done more than once."""
    executable = find_browser()
    if executable is None:
        sys.exit(HINT)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=BROWSER_FLAGS)
        port = free_port()
        command = ["make", "--silent", "run", f"PORT={port}"]
        started = time.perf_counter()
        server = subprocess.Popen(
            command, cwd=REPOSITORY, env=own_folders(), stdout=subprocess.DEVNULL, start_new_session=True
        )
        try:
            _measure(browser, f"http://127.0.0.1:{port}", started)
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait(timeout=20)
            browser.close()


def _measure(browser: Browser, address: str, started: float) -> None:
    page = _new_page(browser)
    while True:
        try:
            page.goto(address)
            break
        except Error:  # the server does not listen yet
            time.sleep(0.05)
    _is_ready(page, PAGES["Home"])
    _report("`make run` to the first page", [time.perf_counter() - started])
    time.sleep(READING_S)
    page.context.close()
    times = []
    for _ in range(ROUNDS):
        page = _new_page(browser)
        times.append(_seconds(lambda page=page: _open(page, address)))
        time.sleep(READING_S)
        if len(times) < ROUNDS:
            page.context.close()
    _report("opening the URL", times)
    for what in ("first visit", "later visits"):
        by_page: dict[str, list[float]] = {name: [] for name in PAGES}
        for _ in range(1 if what == "first visit" else ROUNDS):
            for name in PAGES:
                by_page[name].append(_seconds(lambda name=name: _switch(page, name)))
        for name, seconds in by_page.items():
            _report(f"switching to {name}, {what}", seconds)
    for name in ("Network graph", "Predict", "Edit", "Map"):
        _switch(page, name)
        if name != "Map":
            _report(f"selecting a network on {name}", [_seconds(lambda: _select(page)) for _ in range(ROUNDS)])


def _new_page(browser: Browser) -> Page:
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.set_default_timeout(PAGE_WAIT_MS)
    return page


def _open(page: Page, address: str) -> None:
    page.goto(address)
    _is_ready(page, PAGES["Home"])


def _switch(page: Page, name: str) -> None:
    page.get_by_test_id("stSidebarNav").get_by_role("link", name=name).click()
    _is_ready(page, PAGES[name])


def _select(page: Page) -> None:
    shown = page.url
    page.locator(".st-key-picker-next button").first.click()
    page.wait_for_function("shown => location.href !== shown", arg=shown)
    page.wait_for_selector(SETTLED, state="attached")


def _is_ready(page: Page, heading: str) -> None:
    page.get_by_role("heading", name=heading, exact=True).wait_for()
    page.wait_for_selector(SETTLED, state="attached")


def _seconds(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def _report(what: str, seconds: list[float]) -> None:
    print(f"{statistics.median(seconds):6.2f} s  {what}", flush=True)


def own_folders() -> dict[str, str]:
    """An environment in which the app sees what ships and nothing else of this machine."""
    folder = Path(tempfile.mkdtemp())
    own = {name: str(folder / name.lower()) for name in ("NGCORE_WORK", "NGCORE_CACHE", "NGCORE_CHECKPOINTS")}
    return {**os.environ, **own}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
