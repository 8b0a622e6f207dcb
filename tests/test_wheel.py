"""The built wheel, installed elsewhere: what it holds, and that the app and the commands work from any folder."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import venv
import zipfile
from pathlib import Path, PurePosixPath

import numpy as np
import pytest

pytestmark = pytest.mark.xdist_group("wheel")  # one process builds and installs it once

REPOSITORY = Path(__file__).resolve().parents[1]
LARGEST_WHEEL = 130_000_000
START_S = 120
TIMEOUT_S = 300


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, timeout=TIMEOUT_S)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The folder of the commands of a fresh environment: the wheel, and the packages of this one, without ngcore."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True, with_pip=False)
    python = folder / "bin" / "python"
    options = ["--no-deps", "--no-index", "--quiet", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", *options, str(wheel)]
    subprocess.run(command, check=True, capture_output=True, timeout=TIMEOUT_S)
    packages = next(folder.glob("lib/python*/site-packages"))
    packages.joinpath("others.pth").write_text(f"{Path(np.__file__).resolve().parents[1]}\n")
    return folder / "bin"


@pytest.fixture
def elsewhere(tmp_path):
    """An empty folder, and an environment that knows no folder of the source tree."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "NGCORE_CHECKPOINTS")}
    return {"cwd": tmp_path, "env": kept | {"NGCORE_WORK": str(tmp_path / "work"), "NGCORE_CACHE": str(tmp_path / "c")}}


def test_a_wheel_puts_two_packages_and_no_app_into_site_packages(wheel):
    names = {PurePosixPath(name).parts[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {name for name in names if not name.endswith(".dist-info")} == {"ngcore", "ngcore_studio"}


def test_a_wheel_stays_of_a_kind_size(wheel):
    assert wheel.stat().st_size < LARGEST_WHEEL


def test_the_installed_library_is_the_one_of_the_wheel(installed, elsewhere):
    code = "import ngcore.paths; print(ngcore.paths.ASSETS)"
    said = subprocess.run(
        [installed / "python", "-c", code], **elsewhere, capture_output=True, text=True, check=True, timeout=TIMEOUT_S
    )
    assets = Path(said.stdout.strip())
    assert installed.parent in assets.parents and assets.parts[-2:] == ("ngcore_studio", "assets")
    assert (assets / "zoos").is_dir()


def test_an_installed_command_reads_a_network_that_ships(installed, elsewhere):
    command = [installed / "ngcore", "predict", "mnist-inrs/060000", "--model", "mnist-ng-sweep", "--json"]
    said = subprocess.run(command, **elsewhere, capture_output=True, text=True, timeout=TIMEOUT_S)
    assert said.returncode == 0, said.stderr
    assert json.loads(said.stdout)


def test_a_checkpoint_that_was_left_out_says_where_it_is(installed, elsewhere):
    command = [installed / "ngcore", "predict", "mnist-inrs/060000", "--model", "mnist-ng-t"]
    said = subprocess.run(command, **elsewhere, capture_output=True, text=True, timeout=TIMEOUT_S)
    assert said.returncode != 0
    assert "ships with the source tree only" in " ".join(said.stderr.split())


def test_the_installed_app_answers_from_an_empty_folder(installed, elsewhere):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    command = [installed / "ngcore", "app", "--port", address.rsplit(":", 1)[1]]
    with subprocess.Popen(command, **elsewhere, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as server:
        try:
            assert _wait_for(f"{address}/_stcore/health", server) == b"ok"
            assert b"<title>" in _wait_for(address, server)
        finally:
            server.terminate()


def test_every_page_runs_from_the_wheel(installed, elsewhere):
    code = (
        "import sys\n"
        "from ngcore.paths import STUDIO\n"
        "sys.path.insert(0, str(STUDIO))\n"
        "from streamlit.testing.v1 import AppTest\n"
        "import app.preload\n"
        "app.preload.start_preload = lambda: None\n"
        "test = AppTest.from_file(STUDIO / 'app' / 'main.py', default_timeout=120).run()\n"
        "assert not test.exception and not test.error, test\n"
        "for page in sorted((STUDIO / 'pages').glob('*.py')):\n"
        "    test.switch_page(str(page)).run()\n"
        "    assert not test.exception and not test.error, (page, test)\n"
        "    print(page.stem)\n"
    )
    command = [installed / "python", "-c", code]
    said = subprocess.run(command, **elsewhere, capture_output=True, text=True, timeout=TIMEOUT_S)
    assert said.returncode == 0, said.stderr
    assert said.stdout.split() == sorted(page.stem for page in (REPOSITORY / "pages").glob("*.py"))


def _wait_for(address, server):
    """The answer of a server that is starting."""
    deadline = time.monotonic() + START_S
    while True:
        try:
            with urllib.request.urlopen(address, timeout=20) as answer:
                return answer.read()
        except urllib.error.URLError:
            assert server.poll() is None, server.stdout.read()
            assert time.monotonic() < deadline, "The app did not answer in time."
            time.sleep(0.3)
