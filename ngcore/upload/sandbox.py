"""Running the reader of pickles in a process without rights, a few at a time; one process for many if asked to."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import IO, Any, Literal

from ngcore.errors import BusyError, TooLargeError, UnknownFormatError, UnsafeFileError, UnsupportedNetworkError
from ngcore.text import clean_text
from ngcore.upload.limits import (
    MAX_PICKLE_ANSWER_BYTES,
    MAX_PICKLE_BYTES,
    MAX_READERS,
    MAX_WAITING_READERS,
    PICKLE_CPU_SECONDS,
    PICKLE_MEMORY_BYTES,
    PICKLE_SECONDS,
)
from ngcore.upload.recipes import TORCH_TO_NPZ
from ngcore.upload.torch_reader import LENGTH_BYTES

# Bare packages in place of the real ones, which import what is installed beside Python.
START = """
import sys, types
for name, path in zip(("ngcore", "ngcore.upload"), sys.argv[1:3]):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = [path]
"""
READ = "from ngcore.upload.torch_reader import main; main()"
SERVE = "from ngcore.upload.torch_reader import serve; serve()"
FOLDERS = [str(folder) for folder in reversed(Path(__file__).resolve().parents[:2])]
ERRORS = {error.__name__: error for error in (TooLargeError, UnknownFormatError, UnsafeFileError)}
MAX_MESSAGE_LENGTH = 500
Wanted = Literal["state_dict", "everything", "legacy"]
_running = threading.BoundedSemaphore(MAX_READERS)
_waiting = threading.BoundedSemaphore(MAX_READERS + MAX_WAITING_READERS)


def describe_pickle(
    pickle: bytes,
    *,
    wanted: Wanted = "state_dict",
    seconds: float = PICKLE_SECONDS,
    cpu_seconds: int = PICKLE_CPU_SECONDS,
    memory_bytes: int = PICKLE_MEMORY_BYTES,
) -> dict[str, Any]:
    """Let a fresh process without rights read the pickle of a torch file.

    The process has no environment, and gives up files, network and other programs before it sees the pickle, as far
    as the system lets it; see `lockdown`. It is killed after `seconds`. `MAX_READERS` run at a time, others wait.

    Args:
        pickle: The structure of a torch file, from a stranger.
        wanted: The tensors of one state dict, "everything", which are those at all depths, or "legacy", the same of the
            head of a file that torch wrote before 1.6.
        seconds: Wall time for all.
        cpu_seconds: Processor time for reading.
        memory_bytes: Address space for reading, beyond what Python itself takes.

    Returns:
        The answer of `torch_reader`, not checked: "held", "nested" and "tensors".

    Raises:
        UploadError: If the pickle is refused, a limit is reached, or too many wait already.
    """
    if os.name != "posix":
        raise UnsafeFileError("Torch files are read on Linux and macOS only, where a process can be limited.")
    if len(pickle) > MAX_PICKLE_BYTES:
        raise TooLargeError(f"Expected a pickle of at most {MAX_PICKLE_BYTES:,} bytes, got {len(pickle):,}.")
    rules = json.dumps({"cpu_seconds": cpu_seconds, "memory_bytes": memory_bytes})
    reader = _reader.get() if wanted == Reader.wanted else None
    with _turn(seconds):
        raw = reader.ask(pickle, rules, seconds) if reader else None
        if raw is None:
            raw = _exchange([wanted, rules], pickle, seconds)
    try:
        answer = json.loads(raw)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise UnsafeFileError("Reading this torch file took too much time or memory, so it was stopped.")
    if "error" in answer:
        error = ERRORS.get(str(answer["error"]), UnsupportedNetworkError)
        message = clean_text(str(answer.get("message")), length=MAX_MESSAGE_LENGTH)
        raise error(message, recipe=TORCH_TO_NPZ if answer.get("has_recipe") else "")
    return answer


@contextlib.contextmanager
def one_reader() -> Iterator[None]:
    """Within the block one process reads the state dicts of many torch files, which saves its start for each.

    It has as few rights as one that reads a single file. Where it dies or takes too long, which is where it has used
    up its time, the pickle is read by a process of its own and the next ones by another that is shared.
    """
    reader = Reader()
    token = _reader.set(reader)
    try:
        yield
    finally:
        _reader.reset(token)
        reader.close()


class Reader:
    """A process without rights that reads one pickle after the other; it is started when the first one comes."""

    wanted: Wanted = "state_dict"

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="ngcore-")
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, pickle: bytes, rules: str, seconds: float) -> bytes | None:
        """The answer about a pickle; None where there was none in time, after which the process is gone."""
        if self._process is None:
            self._process = _start([self.wanted, rules], SERVE, self._folder.name)
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        timer = threading.Timer(seconds, process.kill)
        timer.start()
        try:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(len(pickle).to_bytes(LENGTH_BYTES, "big") + pickle)
                process.stdin.flush()
            length = int.from_bytes(process.stdout.read(LENGTH_BYTES), "big")
            answer = process.stdout.read(length) if 0 < length <= MAX_PICKLE_ANSWER_BYTES else b""
        finally:
            timer.cancel()
        if answer and len(answer) == length:
            return answer
        self._stop()
        return None

    def close(self) -> None:
        """End the process."""
        self._stop()
        self._folder.cleanup()

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            with contextlib.suppress(BrokenPipeError), self._process:
                pass
            self._process = None


_reader: ContextVar[Reader | None] = ContextVar("reader", default=None)


@contextlib.contextmanager
def _turn(seconds: float) -> Iterator[None]:
    """Wait until one of `MAX_READERS` places is free.

    Raises:
        BusyError: If too many wait already, or no place becomes free.
    """
    busy = BusyError("Too many torch files are being read right now. Try again in a minute.")
    if not _waiting.acquire(blocking=False):
        raise busy
    try:
        if not _running.acquire(timeout=seconds):
            raise busy
        try:
            yield
        finally:
            _running.release()
    finally:
        _waiting.release()


def _exchange(arguments: list[str], pickle: bytes, seconds: float) -> bytes:
    """Give the pickle to the process and take its answer, empty if that is too long."""
    with (
        tempfile.TemporaryDirectory(prefix="ngcore-") as folder,
        _start(arguments, READ, folder) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        timer = threading.Timer(seconds, process.kill)
        timer.start()
        try:
            _send(process.stdin, pickle)
            answer = process.stdout.read(MAX_PICKLE_ANSWER_BYTES + 1)
        finally:
            timer.cancel()
            process.kill()
    return answer if len(answer) <= MAX_PICKLE_ANSWER_BYTES else b""


def _start(arguments: list[str], program: str, folder: str) -> "subprocess.Popen[bytes]":
    """Start a process of Python alone, without environment, in a folder."""
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", START + program, *FOLDERS, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={},
        cwd=folder,
        start_new_session=True,
    )


def _send(pipe: IO[bytes], data: bytes) -> None:
    """Write all and close, or give up silently when the process at the other end is gone."""
    with contextlib.suppress(BrokenPipeError):
        pipe.write(data)
    with contextlib.suppress(BrokenPipeError):
        pipe.close()
