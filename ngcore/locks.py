"""One process at a time: a lock that is gone with its process, and a clear word for whoever comes second."""

import contextlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import filelock

from ngcore.errors import InUseError


@contextlib.contextmanager
def only_one(folder: Path, work: str) -> Iterator[None]:
    """Keep others from doing the same in a folder meanwhile.

    The lock is the operating system's, so it ends with its process, however that ends. Its files lie beside the folder:
    `.<name>.lock`, and who holds it in `.<name>.lock.json`.

    Args:
        folder: What is worked on; need not exist yet.
        work: What is done there, such as "a build of mnist-inrs".

    Raises:
        InUseError: If another process, or another part of this one, is at work there.
    """
    folder = folder.absolute()
    folder.parent.mkdir(parents=True, exist_ok=True)
    path = folder.with_name(f".{folder.name}.lock")
    holder = path.with_suffix(".lock.json")
    lock = filelock.FileLock(path)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout as error:
        raise InUseError(
            f"Expected {folder} free for {work}, got {_describe(holder)} at work there. "
            "Wait until it is done, or stop it and run the same again."
        ) from error
    try:
        started = time.strftime("%Y-%m-%d %H:%M:%S")
        holder.write_text(json.dumps({"work": work, "process": os.getpid(), "started": started}), encoding="utf-8")
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _describe(holder: Path) -> str:
    """Who holds the lock, in words."""
    try:
        fields = json.loads(holder.read_text(encoding="utf-8"))
        return f"{fields['work']} (process {fields['process']}, since {fields['started']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
