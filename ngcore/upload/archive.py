"""Zip archives from strangers: the rules that one must keep before an entry is read."""

import collections
import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Sequence

from ngcore.errors import TooLargeError, UnknownFormatError, UnsafeFileError
from ngcore.text import clean_text
from ngcore.upload.limits import MAX_RATIO_FREE_BYTES, MAX_ZIP_ENTRIES, MAX_ZIP_RATIO, Limits

MAGIC = b"PK\x03\x04"
CENTRAL_ENTRY = b"PK\x01\x02"
NAME_LENGTH_AT = 26  # offsets in the header of the first entry
NAME_AT = 30
ENCRYPTED_FLAG = 0x1
DOS_ATTRIBUTE_BITS = 16  # the Unix mode stands above them
READ_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
    NotImplementedError,
)


def first_name(head: bytes) -> str | None:
    """Name of the first entry of a zip archive by its first bytes, None if they are of no zip archive."""
    if not head.startswith(MAGIC) or len(head) < NAME_AT:
        return None
    length = int.from_bytes(head[NAME_LENGTH_AT : NAME_LENGTH_AT + 2], "little")
    return head[NAME_AT : NAME_AT + length].decode("utf-8", errors="replace")


def read_entries(data: bytes, limits: Limits, *, is_compressible: bool) -> dict[str, bytes]:
    """All entries of an archive that follows the rules, by name.

    Refused are archives with encrypted entries, links, absolute or climbing names, names that occur twice, too many
    entries, and more bytes than the limits allow or than honest data would compress to.

    Args:
        data: The archive.
        limits: Limits on the bytes of all entries.
        is_compressible: Whether deflated entries are allowed besides stored ones.

    Raises:
        UploadError: If a rule is broken or the archive is damaged.
    """
    if data.count(CENTRAL_ENTRY) > MAX_ZIP_ENTRIES:
        raise TooLargeError(f"Expected an archive of at most {MAX_ZIP_ENTRIES:,} entries, got more.")
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except READ_ERRORS:
        raise UnknownFormatError("This archive is damaged: its list of entries cannot be read.") from None
    with archive:
        infos = archive.infolist()
        check_entries(infos, is_compressible=is_compressible, max_bytes=limits.tensor_bytes)
        return {info.filename: _read_entry(archive, info) for info in infos}


def check_entries(infos: Sequence[zipfile.ZipInfo], *, is_compressible: bool, max_bytes: int) -> None:
    """Refuse an archive whose list of entries breaks a rule.

    Raises:
        UploadError: Naming the first entry that does.
    """
    _check_names([info.filename for info in infos])
    for info in infos:
        _check_entry(info, is_compressible=is_compressible)
    _check_sizes(infos, max_bytes)


def _check_names(names: list[str]) -> None:
    for name in names:
        parts = name.split("/")
        if (
            not name
            or name.startswith("/")
            or ".." in parts
            or "\\" in name
            or (name[0].isalpha() and name[1:2] == ":")
        ):
            raise UnsafeFileError(f"Expected names inside the archive, got {clean_text(name)!r}, which may lead out.")
    twice = [name for name, count in collections.Counter(names).items() if count > 1]
    if twice:
        raise UnsafeFileError(f"The archive names {clean_text(min(twice))!r} twice.")


def _check_entry(info: zipfile.ZipInfo, *, is_compressible: bool) -> None:
    name = clean_text(info.filename)
    if info.flag_bits & ENCRYPTED_FLAG:
        raise UnsafeFileError(f"Expected plain entries, got the encrypted {name!r}.")
    if stat.S_ISLNK(info.external_attr >> DOS_ATTRIBUTE_BITS):
        raise UnsafeFileError(f"Expected plain entries, got the link {name!r}.")
    allowed = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) if is_compressible else (zipfile.ZIP_STORED,)
    if info.compress_type not in allowed:
        kinds = "stored or deflated" if is_compressible else "stored"
        raise UnsafeFileError(f"Expected {kinds} entries, got compression method {info.compress_type} of {name!r}.")


def _check_sizes(infos: Sequence[zipfile.ZipInfo], max_bytes: int) -> None:
    total, packed = sum(info.file_size for info in infos), sum(info.compress_size for info in infos)
    if total > max_bytes:
        raise TooLargeError(f"Expected an archive of at most {max_bytes:,} bytes unpacked, got {total:,}.")
    if total > max(MAX_RATIO_FREE_BYTES, MAX_ZIP_RATIO * packed):
        raise UnsafeFileError(f"The archive grows from {packed:,} to {total:,} bytes, as only a zip bomb does.")


def _read_entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """The bytes of an entry, never more than it declares."""
    try:
        with archive.open(info) as file:
            content = file.read(info.file_size)
    except READ_ERRORS:
        content = None
    if content is None or len(content) != info.file_size:
        raise UnknownFormatError(f"This archive is damaged: {clean_text(info.filename)!r} cannot be read.")
    return content
