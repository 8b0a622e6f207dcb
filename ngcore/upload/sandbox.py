"""Running the reader of torch files in a process with little memory, time and rights."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import IO

from ngcore.errors import TooLargeError, UnsafeFileError, UnsupportedNetworkError, UploadError
from ngcore.upload.limits import (
    MAX_HEADER_BYTES,
    MAX_TENSORS,
    TORCH_CPU_SECONDS,
    TORCH_MEMORY_BYTES,
    TORCH_OPEN_FILES,
    TORCH_SECONDS,
    Limits,
)
from ngcore.upload.text import clean_text

READER = Path(__file__).with_name("torch_reader.py")
ERRORS: dict[bytes, type[UploadError]] = {b"S": UnsafeFileError, b"U": UnsupportedNetworkError, b"L": TooLargeError}
TENSORS = b"T"


def run_guarded(
    archive: bytes,
    limits: Limits,
    *,
    seconds: float = TORCH_SECONDS,
    cpu_seconds: int = TORCH_CPU_SECONDS,
    memory_bytes: int = TORCH_MEMORY_BYTES,
) -> bytes:
    """Let a fresh process turn a checked torch archive into safetensors bytes.

    The process has no environment, an empty folder of its own, may write no file, and is killed after `seconds`.

    Args:
        archive: A torch file that passed all other checks.
        limits: Limits on the tensors in it.
        seconds: Wall time for all, the start of torch included.
        cpu_seconds: Processor time for reading.
        memory_bytes: Address space for reading, beyond what torch itself takes.

    Raises:
        UploadError: If torch refuses the file or a limit is reached.
    """
    if os.name != "posix":
        raise UnsafeFileError("Torch files are read on Linux and macOS only, where a process can be limited.")
    rules = {
        "paths": [os.path.abspath(path) for path in sys.path if path and os.path.isdir(path)],
        "tensor_bytes": limits.tensor_bytes,
        "tensors": MAX_TENSORS,
        "cpu_seconds": cpu_seconds,
        "memory_bytes": memory_bytes,
        "open_files": TORCH_OPEN_FILES,
    }
    answer = _exchange(json.dumps(rules), archive, seconds, limits.tensor_bytes + MAX_HEADER_BYTES)
    if answer[:1] == TENSORS:
        return answer[1:]
    if answer[:1] in ERRORS:
        raise ERRORS[answer[:1]](clean_text(answer[1:].decode("utf-8", errors="replace"), length=400))
    raise UnsafeFileError("Reading this torch file took too much time or memory, so it was stopped.")


def _exchange(rules: str, archive: bytes, seconds: float, max_bytes: int) -> bytes:
    """Give the archive to the process and take at most `max_bytes` of its answer."""
    command = [sys.executable, "-I", str(READER), rules]
    with (
        tempfile.TemporaryDirectory(prefix="ngcore-") as folder,
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            cwd=folder,
            start_new_session=True,
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        timer = threading.Timer(seconds, process.kill)
        timer.start()
        try:
            _send(process.stdin, archive)
            answer = process.stdout.read(max_bytes + 1)
        finally:
            timer.cancel()
            process.kill()
    return answer if len(answer) <= max_bytes else b""


def _send(pipe: IO[bytes], data: bytes) -> None:
    """Write all and close, or give up silently when the process at the other end is gone."""
    with contextlib.suppress(BrokenPipeError):
        pipe.write(data)
    with contextlib.suppress(BrokenPipeError):
        pipe.close()
