"""The app's server as a process of its own, for one Python process and this machine alone."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from ngcore.cli.app import SERVER
from ngcore.errors import ServerError
from ngcore.showing.handover import FOLDER_VARIABLE

HOST = "127.0.0.1"
START_S, STOP_S, PAUSE_S = 60.0, 5.0, 0.1
TRIES = 3  # a free port may be taken before the server has it
LOG = "server.log"
LOG_LINES = 4


class LocalServer:
    """A server that is started at once, and ends with `close`, or with this process however that ends.

    It holds the reading end of a pipe whose other end is here, and stops when that closes.

    Attributes:
        folder: Where networks are handed over; only this user may enter it.
        address: Such as "http://127.0.0.1:40213".

    Args:
        is_framed: Whether pages of this machine, such as notebooks, may show the app in a frame.

    Raises:
        ServerError: If it does not answer; the message quotes the end of its log.
    """

    def __init__(self, *, is_framed: bool = False) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="ngcore-show-"))  # mode 0700
        try:
            self._process, self.address = self._start(is_framed=is_framed)
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise

    @property
    def is_running(self) -> bool:
        """Whether the process is alive."""
        return self._process.poll() is None

    def wait(self) -> None:
        """Wait until the process ends."""
        self._process.wait()

    def close(self) -> None:
        """Stop the process and remove its files; again does nothing."""
        _stop(self._process)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self, *, is_framed: bool) -> tuple["subprocess.Popen[bytes]", str]:
        for _ in range(TRIES):
            port = free_port()
            process = self._launch(port, is_framed=is_framed)
            address = f"http://{HOST}:{port}"
            if _answers(process, address):
                return process, address
            _stop(process)
        log = (self.folder / LOG).read_text(encoding="utf-8", errors="replace").splitlines()
        raise ServerError(f"The app did not start. The end of its log: {' / '.join(log[-LOG_LINES:]) or 'empty'}")

    def _launch(self, port: int, *, is_framed: bool) -> "subprocess.Popen[bytes]":
        arguments = ["--host", HOST, "--port", str(port), *(["--framed"] if is_framed else [])]
        with (self.folder / LOG).open("wb") as log:
            return subprocess.Popen(
                [sys.executable, *SERVER, *arguments],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env={**os.environ, FOLDER_VARIABLE: str(self.folder)},
                start_new_session=True,  # Ctrl+C in a notebook or a shell is not meant for it
            )


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """End a process, by force if it takes long, and close our end of the pipe."""
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()


def free_port() -> int:
    """A port that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _answers(process: "subprocess.Popen[bytes]", address: str) -> bool:
    """Wait until the server answers; not if it ends or takes too long."""
    end = time.monotonic() + START_S
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy would not reach this machine
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError), opener.open(f"{address}/_stcore/health", timeout=START_S) as answer:
            return bool(answer.status == 200)
        time.sleep(PAUSE_S)
    return False
