"""Walks through the app in many browser sessions at once: errors and memory without bound fail, times are reported.

Run as `make sessions`, on a machine that does nothing else. It is no test: times go to a report, not to a limit.
"""

import argparse
import asyncio
import statistics
import subprocess
import sys
import time
import urllib.request
from collections import defaultdict
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager

import psutil
from conftest import BROWSER_FLAGS, REPOSITORY, SETTLED, is_error
from find_browser import HINT, find_browser
from page_speed import PAGES, free_port, own_folders
from playwright.async_api import Browser, Error, Page, async_playwright

PATIENCE_MS = 300_000
SECONDS_TO_START = 60
FAULTS = '[data-testid="stException"], [data-testid="stAlertContentError"]'
WITH_PICKER = ("Network graph", "Predict", "Edit", "Blend")
MOST_BYTES = 4 << 30
"""The server's memory at which a run fails: libraries, the models of all pages, and caches, each with a bound."""


class Report:
    """What the sessions met: seconds by kind of step, faults in words."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self.faults: list[str] = []

    async def timed(self, kind: str, step: Awaitable[None]) -> None:
        """Wait for a step and note how long it took."""
        started = time.perf_counter()
        await step
        self.seconds[kind].append(time.perf_counter() - started)

    def print_times(self) -> None:
        """One line per kind of step."""
        for kind, seconds in self.seconds.items():
            late = statistics.quantiles(seconds, n=20)[-1] if len(seconds) > 1 else seconds[0]
            print(
                f"{statistics.median(seconds):6.2f} s median, {late:6.2f} s for 19 of 20: {kind} ({len(seconds)} times)"
            )


async def walk(browser: Browser, address: str, number: int, rounds: int, report: Report) -> None:
    """One session: all pages, some rounds, each in an order of its own; another network where a page chooses one."""
    context = await browser.new_context(viewport={"width": 1280, "height": 900})
    page = await context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.on("pageerror", lambda error: report.faults.append(f"session {number}: {error}"))
    page.on("console", lambda said: report.faults.append(f"session {number}: {said.text}") if is_error(said) else None)
    names = list(PAGES)
    names = names[number % len(names) :] + names[: number % len(names)]
    where = "the start"
    try:
        await report.timed("opening the app", open_app(page, address))
        for where in names * rounds:
            await report.timed("switching pages", switch(page, where))
            if where in WITH_PICKER:
                await report.timed("selecting a network", select_next(page))
            if said := await page.locator(FAULTS).all_inner_texts():
                report.faults.append(f"session {number}, {where}: {said}")
    except Error as error:
        report.faults.append(f"session {number}, {where}: {error.message.splitlines()[0]}")
    await context.close()


async def open_app(page: Page, address: str) -> None:
    """Open the first page."""
    await page.goto(address)
    await is_ready(page, "Home")


async def switch(page: Page, name: str) -> None:
    """Go to a page by the navigation."""
    await page.get_by_test_id("stSidebarNav").get_by_role("link", name=name, exact=True).click()
    await is_ready(page, name)


async def select_next(page: Page) -> None:
    """Select the network after the one that is selected."""
    shown = page.url
    await page.locator(".st-key-picker-next button").first.click()
    await page.wait_for_function("shown => location.href !== shown", arg=shown)
    await page.wait_for_selector(SETTLED, state="attached")


async def is_ready(page: Page, name: str) -> None:
    """Wait until a page is there and its run has ended."""
    await page.get_by_role("heading", name=PAGES[name], exact=True).wait_for()
    await page.wait_for_selector(SETTLED, state="attached")


async def visit_together(executable: str, address: str, sessions: int, rounds: int) -> Report:
    """All sessions at once, in one browser."""
    report = Report()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=BROWSER_FLAGS)
        await asyncio.gather(*(walk(browser, address, number, rounds, report) for number in range(sessions)))
        await browser.close()
    return report


@contextmanager
def server() -> Iterator[tuple[str, psutil.Process]]:
    """The app, served for this run: its address and its process."""
    port = free_port()
    command = [sys.executable, "-m", "app.server", "--port", str(port)]
    process = subprocess.Popen(command, cwd=REPOSITORY, env=own_folders(), stdout=subprocess.DEVNULL)
    try:
        yield f"http://127.0.0.1:{port}", psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(timeout=20)


def wait_for(address: str) -> None:
    """Return once the server answers."""
    for _ in range(SECONDS_TO_START * 10):
        try:
            urllib.request.urlopen(f"{address}/_stcore/health").close()
            return
        except OSError:
            time.sleep(0.1)
    sys.exit(f"The app did not answer within {SECONDS_TO_START} s.")


async def largest_memory(process: psutil.Process, work: Awaitable[Report]) -> tuple[Report, int]:
    """What the work gives, and the most bytes of memory that the process had meanwhile, looked at every second."""
    task, most = asyncio.ensure_future(work), 0
    while not task.done():
        most = max(most, process.memory_info().rss)
        await asyncio.wait([task], timeout=1)
    return task.result(), most


def main() -> None:
    """Run all sessions and print what they met; exit with 1 for faults, or for more memory than the bound."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=20, help="at once (default: 20)")
    parser.add_argument("--rounds", type=int, default=2, help="through all pages, in each session (default: 2)")
    chosen = parser.parse_args()
    executable = find_browser()
    if executable is None:
        sys.exit(HINT)
    with server() as (address, process):
        wait_for(address)
        visit = visit_together(executable, address, chosen.sessions, chosen.rounds)
        report, most = asyncio.run(largest_memory(process, visit))
        left = process.memory_info().rss
    report.print_times()
    print(
        f"{most / 2**20:,.0f} MB of memory in the server at most, {left / 2**20:,.0f} MB after the sessions were closed"
    )
    print(f"{len(report.faults)} faults in {chosen.sessions} sessions", *report.faults, sep="\n")
    if report.faults or most > MOST_BYTES:
        sys.exit(1)


if __name__ == "__main__":
    main()
