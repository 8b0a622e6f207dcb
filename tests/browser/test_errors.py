"""Errors of callbacks, which no page can catch: a message, a way back, and the traceback in the server's log alone."""

import subprocess
import sys

import pytest

PAGE = """
import streamlit as st

from ngcore.errors import DataError

def refuse():
    raise DataError("Expected *tea*, got milk.")

def break_down():
    raise KeyError("secret leaves")

st.title("Kitchen")
st.button("Refuse", on_click=refuse)
st.button("Break", on_click=break_down)
"""
SERVE = """
import pathlib, sys
from app import server
server.ENTRY = pathlib.Path(sys.argv[1])
server.serve(port=int(sys.argv[2]))
"""


@pytest.fixture
def kitchen(tmp_path, free_port, browser):
    """A page whose callbacks raise, served as the app is, in a browser; and the server's log."""
    entry, log = tmp_path / "kitchen.py", tmp_path / "log.txt"
    entry.write_text(PAGE, encoding="utf-8")
    with log.open("w", encoding="utf-8") as stream:
        command = [sys.executable, "-c", SERVE, str(entry), str(free_port)]
        server = subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT)
        page = browser.new_page()
        try:
            _open(page, f"http://127.0.0.1:{free_port}", server)
            yield page, log
        finally:
            page.close()
            server.terminate()
            server.wait(timeout=20)


def _open(page, address, server):
    from playwright.sync_api import Error

    for _ in range(300):
        try:
            page.goto(address)
        except Error:
            assert server.poll() is None
            page.wait_for_timeout(200)
        else:
            page.get_by_role("heading", name="Kitchen").wait_for()
            return


def test_an_error_of_a_callback_is_a_message_with_a_way_back(kitchen):
    page, log = kitchen
    page.get_by_role("button", name="Refuse").click()
    page.get_by_text("Expected *tea*, got milk.").wait_for()
    page.get_by_role("button", name="Back to the page").click()
    page.get_by_role("button", name="Break").click()
    page.get_by_text("that should not have (KeyError)").wait_for()
    shown = page.inner_text("body")
    assert "secret leaves" not in shown and "Traceback" not in shown
    page.get_by_role("button", name="Back to the page").click()
    page.get_by_role("heading", name="Kitchen").wait_for()
    logged = log.read_text(encoding="utf-8")
    assert "KeyError" in logged and "'secret leaves'" in logged
