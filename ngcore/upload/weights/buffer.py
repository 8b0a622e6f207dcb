"""The bytes of a file, in memory or on disk, of which no more is touched than is looked at."""

import mmap
import os
import weakref
from pathlib import Path

from ngcore.errors import UnknownFormatError


class Buffer:
    """Bytes that are taken piece by piece, each checked to lie within.

    A file is mapped into memory. Reading a mapped file that somebody has shortened would kill the process, so its size
    and time are compared before every piece.

    Args:
        source: The bytes, or the path of a file that stays as it is.
    """

    def __init__(self, source: bytes | Path) -> None:
        self._stamp: tuple[int, int] | None = None
        if isinstance(source, bytes):
            self._view = memoryview(source)
            return
        self._file = os.open(source, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        weakref.finalize(self, os.close, self._file)
        self._stamp = self._now()
        self._view = memoryview(mmap.mmap(self._file, 0, access=mmap.ACCESS_READ) if self._stamp[0] else b"")

    def __len__(self) -> int:
        return len(self._view)

    def take(self, start: int, stop: int) -> memoryview:
        """The bytes from `start` to before `stop`, without a copy.

        Raises:
            UnknownFormatError: If they do not lie within, or the file was changed.
        """
        if not 0 <= start <= stop <= len(self._view):
            raise UnknownFormatError("This file is damaged: it refers to bytes beyond its end.")
        if self._stamp is not None and self._now() != self._stamp:
            raise UnknownFormatError("The file was changed while it was open. Open it again.")
        return self._view[start:stop]

    def head(self, count: int) -> bytes:
        """The first bytes, at most `count`."""
        return bytes(self.take(0, min(count, len(self))))

    def _now(self) -> tuple[int, int]:
        status = os.fstat(self._file)
        return status.st_size, status.st_mtime_ns
