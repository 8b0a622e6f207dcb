"""Zip archives that stay in the file: where each entry stands, and its bytes when they are asked for."""

import dataclasses
import io
import zipfile
import zlib
from typing import Any

from ngcore.errors import TooLargeError, UnknownFormatError
from ngcore.text import clean_text
from ngcore.upload.archive import MAGIC, NAME_AT, NAME_LENGTH_AT, READ_ERRORS, check_entries
from ngcore.upload.limits import MAX_DIRECTORY_BYTES, MAX_STORED_TENSORS
from ngcore.upload.weights.buffer import Buffer


@dataclasses.dataclass(frozen=True)
class ZipEntry:
    """An entry of an archive.

    Attributes:
        name: Its name.
        size: Bytes it holds.
        start: Where they start in the file, as stored.
        packed: Bytes it takes in the file.
        is_deflated: Whether it is compressed.
        buffer: The file.
    """

    name: str
    size: int
    start: int
    packed: int
    is_deflated: bool
    buffer: Buffer

    def head(self, count: int) -> bytes:
        """Its first bytes, at most `count`."""
        return bytes(self._inflated(min(count, self.size)) if self.is_deflated else self.content()[:count])

    def content(self) -> memoryview:
        """All its bytes; a view of the file where it is not compressed.

        Raises:
            UnknownFormatError: If they are damaged.
        """
        if self.is_deflated:
            return memoryview(self._inflated(self.size))
        return self.buffer.take(self.start, self.start + self.size)

    def _inflated(self, count: int) -> bytes:
        packed = self.buffer.take(self.start, self.start + self.packed)
        try:
            content = zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, max(count, 1))[:count]
        except zlib.error:
            content = b""
        if len(content) != count:
            raise UnknownFormatError(f"This archive is damaged: {clean_text(self.name)!r} cannot be read.")
        return content


def list_entries(buffer: Buffer, *, is_compressible: bool, max_bytes: int) -> dict[str, ZipEntry]:
    """The entries of an archive that follows the rules, by name, with none of them read.

    Args:
        buffer: The archive.
        is_compressible: Whether deflated entries are allowed besides stored ones.
        max_bytes: Limit on the bytes of all entries, unpacked.

    Raises:
        UploadError: If a rule is broken or the archive is damaged.
    """
    try:
        with zipfile.ZipFile(_Reader(buffer)) as archive:
            infos = archive.infolist()
    except TooLargeError:
        raise
    except READ_ERRORS:
        raise UnknownFormatError("This archive is damaged: its list of entries cannot be read.") from None
    if len(infos) > MAX_STORED_TENSORS:
        raise TooLargeError(f"Expected an archive of at most {MAX_STORED_TENSORS:,} entries, got {len(infos):,}.")
    check_entries(infos, is_compressible=is_compressible, max_bytes=max_bytes)
    return {info.filename: _entry(info, buffer) for info in infos}


def _entry(info: zipfile.ZipInfo, buffer: Buffer) -> ZipEntry:
    head = bytes(buffer.take(info.header_offset, info.header_offset + NAME_AT))
    is_deflated = info.compress_type == zipfile.ZIP_DEFLATED
    if not head.startswith(MAGIC) or (not is_deflated and info.file_size != info.compress_size):
        raise UnknownFormatError(f"This archive is damaged: {clean_text(info.filename)!r} cannot be read.")
    lengths = (head[NAME_LENGTH_AT : NAME_LENGTH_AT + 2], head[NAME_LENGTH_AT + 2 : NAME_AT])
    start = info.header_offset + NAME_AT + sum(int.from_bytes(length, "little") for length in lengths)
    buffer.take(start, start + info.compress_size)
    return ZipEntry(info.filename, info.file_size, start, info.compress_size, is_deflated, buffer)


class _Reader(io.RawIOBase):
    """A buffer as the file that `zipfile` wants, of which it never gets more than a list of entries may take."""

    def __init__(self, buffer: Buffer) -> None:
        self._buffer, self._at = buffer, 0

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (0, self._at, len(self._buffer))[whence]
        if self._at < 0:
            raise OSError("before the start")
        return self._at

    def read(self, size: int = -1) -> Any:
        stop = len(self._buffer) if size < 0 else min(self._at + size, len(self._buffer))
        if stop - self._at > MAX_DIRECTORY_BYTES:
            raise TooLargeError(
                f"Expected a list of entries of at most {MAX_DIRECTORY_BYTES:,} bytes, got {stop - self._at:,}."
            )
        content = bytes(self._buffer.take(min(self._at, stop), stop))
        self._at = max(self._at, stop)
        return content
