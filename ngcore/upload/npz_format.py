"""NumPy archives: headers are matched by a pattern and numbers taken as bytes, so that nothing is ever unpickled."""

import dataclasses
import math
import re

import numpy as np
import torch

from ngcore.errors import UnknownFormatError, UnsafeFileError, UnsupportedNetworkError
from ngcore.text import clean_text
from ngcore.upload.archive import first_name, read_entries
from ngcore.upload.contents import Contents, Format
from ngcore.upload.limits import MAX_NPY_HEADER_BYTES, Limits
from ngcore.upload.shapes import check_count, check_shapes

SUFFIX = ".npy"
MAGIC = b"\x93NUMPY"
LENGTH_BYTES = {1: 2, 2: 4, 3: 4}  # by the major version of the header
# No part can give back what it has taken, so that no header takes more than one look at each letter.
HEADER = re.compile(
    r"\{'descr': '([<>|=]?+[A-Za-z][0-9]{0,4}+)', 'fortran_order': (True|False), 'shape': \(([0-9, ]*+)\),? ?\} *+\n?"
)
MAX_DIGITS = 10  # of a size; longer ones are beyond every limit
DTYPES = {"f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "b1"}


def matches(head: bytes) -> bool:
    """Whether the first bytes are of a zip archive whose first entry is a NumPy array."""
    return (first_name(head) or "").endswith(SUFFIX)


def read(data: bytes, limits: Limits) -> Contents:
    """Read all arrays of an `.npz` file.

    Raises:
        UploadError: If the archive breaks a rule, is damaged, or holds anything but plain numbers.
    """
    entries = read_entries(data, limits, is_compressible=True)
    check_count(len(entries))
    headers = {name.removesuffix(SUFFIX): parse_header(name, entry) for name, entry in entries.items()}
    for name, header in headers.items():
        _check_dtype(header.descr, clean_text(name + SUFFIX))
    check_shapes({name: header.shape for name, header in headers.items()})
    arrays = zip(headers.items(), entries.values(), strict=True)
    return Contents({name: _tensor(name, header, entry) for (name, header), entry in arrays})


@dataclasses.dataclass(frozen=True)
class Header:
    """What stands before the numbers of an array.

    Attributes:
        descr: The data type, such as "<f4".
        is_fortran: Whether columns come first.
        shape: Its shape.
        start: Where the numbers start.
    """

    descr: str
    is_fortran: bool
    shape: tuple[int, ...]
    start: int

    @property
    def kind(self) -> str:
        """The data type without its byte order."""
        return self.descr.lstrip("<>|=")


def parse_header(name: str, entry: bytes) -> Header:
    """The header of an array in an archive.

    Args:
        name: Its name in the archive.
        entry: Its bytes, of which no more is needed than the header.

    Raises:
        UploadError: If it is no array, one of Python objects, or damaged.
    """
    shown = clean_text(name)
    if not name.endswith(SUFFIX) or not entry.startswith(MAGIC) or len(entry) < 12 or entry[6] not in LENGTH_BYTES:
        raise UnsupportedNetworkError(f"Expected an archive of NumPy arrays only, got {shown!r}.")
    start = 8 + LENGTH_BYTES[entry[6]]
    length = int.from_bytes(entry[8:start], "little")
    if length > min(MAX_NPY_HEADER_BYTES, len(entry) - start):
        raise UnknownFormatError(f"The array {shown!r} is damaged: its header is cut off or too long.")
    match = HEADER.fullmatch(entry[start : start + length].decode("latin-1"))
    if match is None:
        raise UnsafeFileError(f"Expected a plain array, got a header of {shown!r} that describes something else.")
    descr, order, sizes = match.groups()
    header = Header(descr, order == "True", _shape(sizes, shown), start + length)
    if header.kind == "O":
        raise UnsafeFileError(
            f"The array {shown!r} holds Python objects, which could run code when read. "
            "Save numbers only: np.savez(path, **{name: array.astype('float32')})."
        )
    return header


def _shape(sizes: str, shown: str) -> tuple[int, ...]:
    """The shape of an array from what stands between the brackets, such as "3, 4" or "3,"."""
    parts = [part.strip() for part in sizes.removesuffix(",").split(",")] if sizes else []
    if not all(part.isdecimal() and len(part) <= MAX_DIGITS for part in parts):
        raise UnsafeFileError(f"Expected a plain array, got a header of {shown!r} that describes something else.")
    return tuple(int(part) for part in parts)


def _check_dtype(descr: str, shown: str) -> None:
    if descr.lstrip("<>|=") not in DTYPES:
        raise UnsupportedNetworkError(f"Expected arrays of {', '.join(sorted(DTYPES))}, got {descr!r} in {shown!r}.")


def _tensor(name: str, header: Header, entry: bytes) -> torch.Tensor:
    dtype, shape = np.dtype(header.descr), header.shape
    count = math.prod(shape)
    if len(entry) - header.start != count * dtype.itemsize:
        raise UnknownFormatError(
            f"The array {clean_text(name)!r} is damaged: shape {shape} needs {count * dtype.itemsize:,} bytes, "
            f"got {len(entry) - header.start:,}."
        )
    array = np.frombuffer(entry, dtype, count, offset=header.start).reshape(
        shape, order="F" if header.is_fortran else "C"
    )
    return torch.from_numpy(array.astype(dtype.newbyteorder("="), order="C", copy=True))


FORMAT = Format("npz", matches, read)
