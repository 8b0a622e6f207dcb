"""What all tests share: seeds, folders, tiny zoos and models, the running app, and a page that asks no other machine.

Importing ngcore belongs inside tests and fixtures: pytest checks its shapes only if it comes after this file.
"""

import os
import re
import socket
import subprocess
import sys
import time
import types
import urllib.error
import urllib.request
from collections import deque
from pathlib import Path
from threading import Thread

import pytest
from find_browser import HINT, find_browser

REPOSITORY = Path(__file__).resolve().parents[1]

BROWSER_FLAGS = [
    "--no-sandbox",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-dev-shm-usage",
    "--disable-gpu-compositing",
    "--disable-sync",
    "--no-first-run",
]
APP_START_S = 60
PAGE_WAIT_MS = 60_000
SETTLED = '[data-testid="stApp"][data-test-script-state="notRunning"]'
OWN_ADDRESS = re.compile(r"^((https?|wss?)://(127\.0\.0\.1|localhost)[:/]|data:|blob:|about:)")
LOOPBACK = ("127.0.0.1", "::1", "localhost")


def pytest_configure(config):
    """One thread per test process, and nothing but what the repository ships: no zoos or caches of this machine."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.pop("NGCORE_DATA", None)
    os.environ.pop("NGCORE_ZOOS", None)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Mark what drives the browser; keep what shares zoos or a cluster in one process."""
    for item in items:
        if "cluster" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("cluster"))
        if {"browser", "app_server"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.xdist_group(f"browser of {item.path.stem}"))


@pytest.fixture(autouse=True)
def no_unexpected_errors(caplog):
    """Fail where a page hid a fault behind a message; tests that provoke one clear the log."""
    yield
    faults = [record for record in caplog.get_records("call") if record.name == "app.errors"]
    assert not faults, faults[0].getMessage() + f": {faults[0].exc_info[1]!r}"


@pytest.fixture(scope="session", autouse=True)
def own_folders(tmp_path_factory):
    """Let the folders of work, cache and own checkpoints be empty ones of this run."""
    for variable in ("NGCORE_WORK", "NGCORE_CACHE", "NGCORE_CHECKPOINTS"):
        os.environ[variable] = str(tmp_path_factory.mktemp(variable.lower()))


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Refuse every connection that leaves this machine."""
    connect = socket.socket.connect

    def connect_locally(self, address):
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in LOOPBACK:
            raise AssertionError(f"A test tried to reach {address[0]}:{address[1]}; tests use no network.")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect_locally)


@pytest.fixture(autouse=True)
def one_thread():
    """Set torch back to one thread after a test that took more: sums of several threads differ in their last bits."""
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(int(os.environ["OMP_NUM_THREADS"]))


@pytest.fixture
def generator():
    """A torch random generator with a fixed seed."""
    import torch

    return torch.Generator().manual_seed(0)


@pytest.fixture(scope="session")
def pages_folder():
    """The folder of the app's pages, for `AppTest.from_file(pages_folder / "home.py")`."""
    return REPOSITORY / "pages"


@pytest.fixture
def free_port():
    """A port of this machine that nothing listens on."""
    return _find_free_port()


def _find_free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
def app_server():
    """Address of the app, served for this run by its own launcher on a free port."""
    port = _find_free_port()
    command = [sys.executable, "-m", "app.server", "--port", str(port)]
    server = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    log = deque(maxlen=200)
    reader = Thread(target=log.extend, args=(server.stdout,), daemon=True)
    reader.start()
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for_health(address, server, log)
        yield address
    finally:
        server.terminate()
        server.wait(timeout=20)
        reader.join(timeout=5)
        server.stdout.close()


def _wait_for_health(address, server, log):
    """Return once the server answers; fail with its log if it ends or stays silent."""
    deadline = time.monotonic() + APP_START_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    pytest.fail(f"The app did not start within {APP_START_S} s. Its log:\n{''.join(log)}")


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium; its absence is a failure, never a skip."""
    from playwright.sync_api import expect, sync_playwright

    executable = find_browser()
    if executable is None:
        pytest.fail(HINT)
    expect.set_options(timeout=PAGE_WAIT_MS)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=BROWSER_FLAGS)
        yield chromium
        chromium.close()


def is_error(message):
    """Whether a message of the console is an error.

    On an address such as /network, Streamlit first looks for its server below that address and finds none (404).
    A picture that a rerun replaces while it loads is gone too (404 below /media/); `broken_pictures` finds those that
    the page still shows.
    """
    about = f"{message.text} {message.location['url']}"
    return message.type == "error" and not any(part in about for part in ("/_stcore/", "/media/"))


def broken_pictures(page):
    """Addresses of the pictures that the page shows and could not load."""
    return page.evaluate("[...document.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src)")


@pytest.fixture
def page(browser, app_server):
    """A fresh page on the app (`page.goto("/")`); fails on errors in the page and on requests to other hosts."""
    foreign, errors = [], []
    context = browser.new_context(base_url=app_server, viewport={"width": 1280, "height": 900}, accept_downloads=True)
    context.set_default_timeout(PAGE_WAIT_MS)
    context.route(
        lambda url: not OWN_ADDRESS.match(url), lambda route: (foreign.append(route.request.url), route.abort())
    )
    context.on("request", lambda request: None if OWN_ADDRESS.match(request.url) else foreign.append(request.url))
    page = context.new_page()
    page.on("websocket", lambda opened: None if OWN_ADDRESS.match(opened.url) else foreign.append(opened.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on(
        "console",
        lambda message: errors.append(f"{message.text} {message.location['url']}") if is_error(message) else None,
    )
    yield page
    broken = broken_pictures(page)
    context.close()
    assert not broken, f"The page shows pictures that did not load: {broken}"
    assert not foreign, f"The page asked other hosts: {sorted(set(foreign))}"
    assert not errors, f"The page reported errors: {errors}"


@pytest.fixture
def settle():
    """A function `settle(page)` that waits until the app has finished its run."""

    def wait(page):
        page.wait_for_selector(SETTLED, state="attached")

    return wait


@pytest.fixture
def visit(page, settle):
    """A function `visit("/map?net=...")` that opens an address of the app, waits for its run, and returns the page."""

    def open_address(path="/"):
        page.goto(path)
        settle(page)
        return page

    return open_address


@pytest.fixture(scope="session")
def cluster():
    """A Dask cluster of two worker processes of one thread each on this machine; it may start slowly."""
    import dask
    from distributed import LocalCluster

    patience = {"distributed.comm.timeouts.connect": "180s", "distributed.comm.timeouts.tcp": "180s"}
    with dask.config.set(patience), pytest.MonkeyPatch.context() as environment:
        for name, value in patience.items():  # for the workers
            environment.setenv("DASK_" + name.replace(".", "__").upper(), value)
        environment.setitem(sys.modules, "__main__", types.ModuleType("__main__"))  # not a page that a test ran last
        with LocalCluster(n_workers=2, processes=True, threads_per_worker=1, dashboard_address=":0") as cluster:
            yield cluster


@pytest.fixture(scope="session")
def tiny_zoos(tmp_path_factory):
    """A folder with the zoos tiny-inrs and tiny-cnns."""
    from tiny_zoos import write_tiny_zoos

    return write_tiny_zoos(tmp_path_factory.mktemp("zoos"))


@pytest.fixture(scope="session")
def checkpoints(tiny_zoos, tmp_path_factory):
    """A folder with a model of every task; see `write_tiny_checkpoints`."""
    from tiny_checkpoints import write_tiny_checkpoints

    from ngcore.zoo import Zoo

    folder = tmp_path_factory.mktemp("checkpoints")
    return write_tiny_checkpoints(folder, Zoo.open(tiny_zoos / "tiny-inrs"), Zoo.open(tiny_zoos / "tiny-cnns"))
