"""Datasets of HDF5 files: shape, data type, and where the numbers stand, in one piece or in compressed chunks."""

import dataclasses
import math
import zlib
from collections.abc import Callable, Sequence

import numpy as np

from ngcore.errors import TooLargeError, UnsafeFileError
from ngcore.upload.limits import MAX_STORED_NDIM
from ngcore.upload.weights.hdf5_objects import (
    DATASPACE,
    DATATYPE,
    EXTERNAL,
    FILTERS,
    LAYOUT,
    UNDEFINED,
    Hdf5,
    Message,
    damaged,
    number,
)
from ngcore.upload.weights.tensor import STORED_AS

INTEGER, FLOAT = 0, 1  # classes of data types
FLOATS = {(2, 5): "float16", (2, 8): "bfloat16", (4, 8): "float32", (8, 11): "float64"}  # by bytes, exponent bits
DEFLATE, SHUFFLE, CHECKSUM = 1, 2, 3
COMPACT, CONTIGUOUS, CHUNKED = 0, 1, 2
CHECKSUM_BYTES = 4


class NotRead(Exception):  # noqa: N818 - no failure: it says why a dataset is set aside
    """Why a dataset is no tensor that is read."""


@dataclasses.dataclass(frozen=True)
class Dataset:
    """A dataset of plain numbers.

    Attributes:
        shape: Its shape.
        dtype: Its data type, a key of `STORED_AS`.
        read: Its numbers as they are stored.
    """

    shape: tuple[int, ...]
    dtype: str
    read: Callable[[], np.ndarray]


def read_dataset(file: Hdf5, messages: Sequence[Message], *, max_unpacked: int) -> Dataset:
    """A dataset by the messages of its header.

    Args:
        file: The file.
        messages: The header.
        max_unpacked: Bytes that a dataset in chunks may have in memory.

    Raises:
        NotRead: If it holds something else than plain numbers, or in a way that is not read.
        UploadError: If it is damaged, declares more than the file holds, or refers to other files.
    """
    by_kind = {message.kind: message for message in messages}
    if EXTERNAL in by_kind:
        raise UnsafeFileError("A dataset of this HDF5 file refers to another file on the machine that reads it.")
    if any(by_kind[kind].is_shared for kind in (DATASPACE, DATATYPE, FILTERS) if kind in by_kind):
        raise NotRead("described elsewhere in the file, in a way that is not read")
    shape = _shape(by_kind[DATASPACE].content)
    dtype, order = _dtype(by_kind[DATATYPE].content)
    stored = np.dtype(order + STORED_AS[dtype])
    layout = by_kind[LAYOUT].content
    if number(layout, 0, 1) not in (3, 4):
        raise NotRead("stored in a way of HDF5 before 1.6.3, which is not read")
    match number(layout, 1, 1):
        case kind if kind in (COMPACT, CONTIGUOUS):
            return Dataset(shape, dtype, _whole(file, layout, kind, shape, stored))
        case kind if kind == CHUNKED and number(layout, 0, 1) == 3:
            filters = _filters(by_kind[FILTERS].content) if FILTERS in by_kind else []
            if math.prod(shape) * stored.itemsize > max_unpacked:
                raise TooLargeError(f"Expected datasets in chunks of at most {max_unpacked:,} bytes, got more.")
            return Dataset(shape, dtype, _chunked(file, layout, filters, shape, stored))
    raise NotRead("stored in a way that is not read")


def _shape(content: bytes) -> tuple[int, ...]:
    version, rank = number(content, 0, 1), number(content, 1, 1)
    if version not in (1, 2) or rank > MAX_STORED_NDIM or (version == 2 and number(content, 3, 1) == 2):
        raise NotRead("of no shape, or of more axes than are read")
    start = 8 if version == 1 else 4
    return tuple(number(content, start + 8 * axis, 8) for axis in range(rank))


def _dtype(content: bytes) -> tuple[str, str]:
    """The data type, and "<" or ">"."""
    kind, bits, size = number(content, 0, 1) & 15, number(content, 1, 3), number(content, 4, 4)
    order = ">" if bits & 1 else "<"
    if kind == INTEGER and size in (1, 2, 4, 8) and number(content, 10, 2) == 8 * size:
        return f"{'' if bits & 8 else 'u'}int{8 * size}", order
    if kind == FLOAT and not bits & 0x40:
        dtype = FLOATS.get((size, number(content, 13, 1)))
        if dtype:
            return dtype, order
    raise NotRead("not of plain numbers")


def _whole(file: Hdf5, layout: bytes, kind: int, shape: tuple[int, ...], stored: np.dtype) -> Callable[[], np.ndarray]:
    """A reader of numbers that stand in one piece."""
    needed = math.prod(shape) * stored.itemsize
    if kind == COMPACT:
        content: bytes | memoryview = layout[4 : 4 + number(layout, 2, 2)]
    else:
        address = number(layout, 2, 8)
        if needed and address == UNDEFINED:
            raise NotRead("declared, and never written")
        if number(layout, 10, 8) < needed:
            raise damaged("a dataset declares more numbers than it holds")
        content = file.take(address, needed) if needed else b""
    if len(content) < needed:
        raise damaged("a dataset declares more numbers than it holds")
    return lambda: np.frombuffer(content, stored, math.prod(shape)).reshape(shape)


def _filters(content: bytes) -> list[tuple[int, int]]:
    """Number and first parameter of each filter, in the order in which they were applied.

    Raises:
        NotRead: If one of them is of another kind than deflate, shuffle and checksum.
    """
    version, count = number(content, 0, 1), number(content, 1, 1)
    at = 8 if version == 1 else 2
    found = []
    for _ in range(count):
        kind, at = number(content, at, 2), at + 2
        has_name = version == 1 or kind >= 256
        name_length = number(content, at, 2) if has_name else 0
        at += 2 if has_name else 0
        values = number(content, at + 2, 2)
        at += 4 + (name_length + 7) // 8 * 8 if version == 1 else 4 + name_length
        found.append((kind, number(content, at, 4) if values else 0))
        at += 4 * (values + values % 2) if version == 1 else 4 * values
    if any(kind not in (DEFLATE, SHUFFLE, CHECKSUM) for kind, _ in found):
        raise NotRead("compressed in a way that is not read")
    return found


def _chunked(
    file: Hdf5, layout: bytes, filters: Sequence[tuple[int, int]], shape: tuple[int, ...], stored: np.dtype
) -> Callable[[], np.ndarray]:
    """A reader of numbers that stand in chunks; the chunks are found now, and read when the numbers are."""
    rank = number(layout, 2, 1) - 1
    if rank != len(shape):
        raise damaged("the chunks of a dataset have other axes than itself")
    sides = tuple(number(layout, 11 + 4 * axis, 4) for axis in range(rank))
    num_bytes = math.prod(sides) * stored.itemsize
    if not all(sides) or num_bytes > max(2 * math.prod(shape) * stored.itemsize, 1 << 20):
        raise damaged("the chunks of a dataset are larger than itself")
    chunks = []
    for address, key in file.leaves(number(layout, 3, 8), kind=1, key_size=8 + 8 * (rank + 1)):
        start = tuple(number(key, 8 + 8 * axis, 8) for axis in range(rank))
        if any(at >= size or at % side for at, size, side in zip(start, shape, sides, strict=True)):
            raise damaged("a chunk lies outside its dataset")
        chunks.append((start, file.take(address, number(key, 0, 4)), number(key, 4, 4)))
    if len({start for start, _, _ in chunks}) < len(chunks):
        raise damaged("two chunks lie at the same place")

    def read() -> np.ndarray:
        values = np.zeros(shape, stored)
        for start, packed, mask in chunks:
            content = _unfiltered(packed, filters, mask, num_bytes, stored.itemsize)
            chunk = np.frombuffer(content, stored).reshape(sides)
            area = tuple(slice(at, at + side) for at, side in zip(start, sides, strict=True))
            target = values[area]
            target[...] = chunk[tuple(slice(0, size) for size in target.shape)]
        return values

    return read


def _unfiltered(packed: memoryview, filters: Sequence[tuple[int, int]], mask: int, num_bytes: int, item: int) -> bytes:
    """The bytes of a chunk before its filters were applied; a bit of `mask` says which were not."""
    content = bytes(packed)
    for position in reversed(range(len(filters))):
        kind, size = filters[position]
        if mask >> position & 1:
            continue
        if kind == CHECKSUM:
            content = content[:-CHECKSUM_BYTES]
        elif kind == SHUFFLE:
            size = size or item
            if len(content) % size:
                raise damaged("a chunk cannot be unpacked")
            content = np.frombuffer(content, np.uint8).reshape(size, -1).T.tobytes()
        else:
            content = _inflated(content, num_bytes + CHECKSUM_BYTES)
    if len(content) != num_bytes:
        raise damaged("a chunk cannot be unpacked")
    return content


def _inflated(packed: bytes, limit: int) -> bytes:
    try:
        return zlib.decompressobj().decompress(packed, limit)
    except zlib.error:
        raise damaged("a chunk cannot be unpacked") from None
