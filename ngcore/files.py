"""Files: written whole or not at all, read so that whatever is wrong with one becomes an error that names it."""

import contextlib
import errno
import functools
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ngcore.errors import NeuralGraphError, StorageError

HASHES_KEPT = 4096
"""Files whose hashes are remembered."""

LINE_LENGTH = 120
"""Of JSON that people read."""

_TEMPORARY = re.compile(r"\.(?P<name>.+)\.(?P<process>\d+)\.tmp", re.DOTALL)
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
# safetensors and NumPy report a full disk in their own words, without an error number.
_FULL_IN_WORDS = re.compile(r"os error (28|122|27)\)|No space left|quota exceeded|\d+ requested and \d+ written")
_FULL_BELOW = 1 << 16  # bytes left on a disk that is full, whatever the writing library says


def write_atomically(path: Path, write: Callable[[Path], object], *, num_bytes: int | None = None) -> None:
    """Let `write` fill a temporary file beside `path`, flush it to the disk and rename it to `path`.

    Readers see the previous file or the whole new one, whenever the process is killed. The file's mode is that of the
    umask. Temporary files of processes that were killed are removed.

    Args:
        path: The file.
        write: Called with the path of the temporary file.
        num_bytes: How large the file will be, where that is known; said if the disk is full.

    Raises:
        StorageError: If the disk is full.
    """
    _remove_leftovers(path.parent)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with disk_may_be_full(path, num_bytes=num_bytes):
            temporary.touch()
            mode = temporary.stat().st_mode & 0o777
            write(temporary)
            temporary.chmod(mode)  # safetensors takes no notice of the umask
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def disk_may_be_full(path: Path, *, num_bytes: int | None = None) -> Iterator[None]:
    """Say in words that there is no room left for a file, however the library that writes it reports that.

    Raises:
        StorageError: If what is done inside fails because the disk, or the user's share of it, is full.
    """
    try:
        yield
    except Exception as error:
        if not _is_full(error, path.parent):
            raise
        needed = "" if num_bytes is None else f"{num_bytes:,} bytes are needed, "
        free = f"{_free(path.parent):,} are free" if path.parent.is_dir() else "none are free"
        raise StorageError(
            f"Expected room for {path.name} in {path.parent}, got a full disk: {needed}{free}. "
            "Make room and run the same again; what was written before is kept."
        ) from error


def _is_full(error: Exception, folder: Path) -> bool:
    if isinstance(error, OSError) and error.errno in _FULL:
        return True
    if _FULL_IN_WORDS.search(str(error)):
        return True
    return not isinstance(error, NeuralGraphError) and folder.is_dir() and _free(folder) < _FULL_BELOW


def _free(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def _remove_leftovers(folder: Path) -> None:
    """Remove temporary files whose processes are gone."""
    for path in folder.glob(".*.tmp"):
        found = _TEMPORARY.fullmatch(path.name)
        if found and not is_running(int(found["process"])):
            with contextlib.suppress(OSError):
                path.unlink()


def is_running(process: int) -> bool:
    """Whether there is a process of this number on this machine."""
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # another user's
        return True
    return True


@contextlib.contextmanager
def reading(path: Path, kind: type[NeuralGraphError], *, remedy: str) -> Iterator[None]:
    """Turn whatever goes wrong while a file is read into one kind of error, which names the file and what to do.

    Catches every exception: what libraries raise for damaged files is neither documented nor of few kinds.

    Args:
        path: The file that is read inside.
        kind: The error to raise; one of this kind passes as it is.
        remedy: What to do, such as "build the zoo again".
    """
    try:
        yield
    except kind:
        raise
    except (MemoryError, StorageError):
        raise
    except Exception as error:
        raise kind(f"Expected a whole file at {path}, got {_describe(error, path)}; {remedy}.") from error


def _describe(error: Exception, path: Path) -> str:
    if isinstance(error, FileNotFoundError):
        return "none"
    if path.is_dir():
        return "a folder"
    if isinstance(error, OSError) and error.strerror:
        return f"one that can't be read ({error.strerror})"
    return f"a damaged one ({' '.join(str(error).split())[:200] or type(error).__name__})"


def read_json(path: Path, kind: type[NeuralGraphError], *, remedy: str) -> Any:
    """What a JSON file holds; errors are as in `reading`."""
    with reading(path, kind, remedy=remedy):
        return json.loads(path.read_text(encoding="utf-8"))


def sha256_of_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def remembered_sha256(path: Path) -> str:
    """As `sha256_of_file`, computed once a process as long as the file keeps its size and its times."""
    status = path.stat()
    return _sha256(path.resolve(), status.st_size, status.st_mtime_ns, status.st_ctime_ns)


@functools.lru_cache(HASHES_KEPT)
def _sha256(path: Path, size: int, changed: int, status_changed: int) -> str:
    return sha256_of_file(path)


def readable_json(value: Any, *, indent: str = "") -> str:
    """JSON for people and for diffs: what fits into a line, and every list of plain values, stands on one line."""
    line = json.dumps(value, ensure_ascii=False, allow_nan=False)
    if not isinstance(value, dict | list | tuple) or len(indent) + len(line) <= LINE_LENGTH:
        return line
    if not isinstance(value, dict) and not any(isinstance(item, dict | list | tuple) for item in value):
        return line
    inner = indent + "  "
    if isinstance(value, dict):
        names = [f"{json.dumps(name, ensure_ascii=False)}: " for name in value]
        items = [name + readable_json(item, indent=inner) for name, item in zip(names, value.values(), strict=True)]
    else:
        items = [readable_json(item, indent=inner) for item in value]
    start, end = "{}" if isinstance(value, dict) else "[]"
    return f"{start}\n{inner}" + f",\n{inner}".join(items) + f"\n{indent}{end}"


def canonical_json(fields: Mapping[str, Any]) -> bytes:
    """The one spelling of a JSON file: the same fields always give the same bytes."""
    return (json.dumps(fields, indent=2, sort_keys=True) + "\n").encode()
