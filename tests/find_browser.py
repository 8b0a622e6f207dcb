"""Finds the Chromium that the browser tests drive; run as a script, it prints the path or fails with a hint."""

import os
import shutil
import sys
from pathlib import Path

COMMANDS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
HINT = (
    "No Chromium found: install one (Debian: apt install chromium), name one in $NGCORE_BROWSER, or run `make browser`."
)


def find_browser() -> str | None:
    """Path of the browser: `$NGCORE_BROWSER`, an installed one, or the one that playwright fetched; else None."""
    named = os.environ.get("NGCORE_BROWSER")
    if named:
        return named
    installed = next(filter(None, map(shutil.which, COMMANDS)), None)
    return installed or _fetched_by_playwright()


def _fetched_by_playwright() -> str | None:
    """Path of playwright's own Chromium, if it was fetched."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


if __name__ == "__main__":
    found = find_browser()
    if found is None:
        sys.exit(HINT)
    print(f"Browser for the tests: {found}")
