"""Safetensors files: the header is read and checked here first, then the library reads the numbers."""

import dataclasses
import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

import safetensors
import safetensors.torch

from ngcore.errors import TooLargeError, UnknownFormatError, UnsafeFileError, UnsupportedNetworkError
from ngcore.text import clean_text
from ngcore.upload.contents import Contents, Format
from ngcore.upload.limits import MAX_HEADER_BYTES, MAX_METADATA_BYTES, Limits
from ngcore.upload.shapes import check_bytes, check_count, check_shapes

ITEM_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}
ENTRY_KEYS = {"dtype", "shape", "data_offsets"}
PREFIX_BYTES = 8  # the length of the header, little-endian


def matches(head: bytes) -> bool:
    """Whether a JSON object starts where a safetensors header does."""
    return head[PREFIX_BYTES : PREFIX_BYTES + 1] == b"{"


def read(data: bytes, limits: Limits) -> Contents:
    """Read all tensors of a safetensors file.

    Raises:
        UploadError: If the file is damaged, too large or not made of plain tensors.
    """
    header, metadata = parse_header(data)
    check_count(len(header))
    entries = {name: parse_entry(name, entry) for name, entry in header.items()}
    for name, entry in entries.items():
        _check_dtype(name, entry.dtype)
    check_shapes({name: entry.shape for name, entry in entries.items()})
    size = len(data) - start_of_numbers(data)
    check_bytes(size, limits)
    check_offsets(entries, size, ITEM_BYTES)
    try:
        tensors = safetensors.torch.load(data)
    except (safetensors.SafetensorError, ValueError, TypeError, KeyError) as error:
        raise _damaged(clean_text(str(error))) from None
    return Contents({name: tensors[name] for name in header}, metadata, is_ordered=False)


@dataclasses.dataclass(frozen=True)
class Entry:
    """A tensor as the header describes it: its shape, its data type, and where its numbers begin and end."""

    shape: tuple[int, ...]
    dtype: str
    begin: int
    end: int


def start_of_numbers(data: bytes) -> int:
    """Where the header ends, by the first bytes of a file."""
    return PREFIX_BYTES + int.from_bytes(data[:PREFIX_BYTES], "little")


def parse_header(data: bytes) -> tuple[dict[str, Any], dict[str, str]]:
    """The entries of the header as JSON, and the texts that come with them.

    Args:
        data: The file, of which no more is needed than the header.

    Raises:
        UploadError: If the header is too long or damaged.
    """
    header = _header(data)
    return header, _metadata(header.pop("__metadata__", {}))


def _header(data: bytes) -> dict[str, Any]:
    length = int.from_bytes(data[:PREFIX_BYTES], "little")
    if length > MAX_HEADER_BYTES:
        raise TooLargeError(f"Expected a safetensors header of at most {MAX_HEADER_BYTES:,} bytes, got {length:,}.")
    raw = data[PREFIX_BYTES : PREFIX_BYTES + length]
    if len(raw) < length:
        raise _damaged(f"its header should have {length:,} bytes and the file ends after {len(raw):,}")
    try:
        header = json.loads(raw.decode("utf-8"), object_pairs_hook=_without_duplicates)
    except UnicodeDecodeError:
        raise _damaged("its header is not UTF-8 text") from None
    except UnsafeFileError:
        raise
    except (ValueError, RecursionError):
        raise _damaged("its header is not JSON") from None
    if not isinstance(header, dict):
        raise _damaged("its header is no JSON object")
    return header


def _without_duplicates(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise UnsafeFileError(f"The safetensors header names {clean_text(key)!r} twice.")
        result[key] = value
    return result


def _metadata(metadata: Any) -> dict[str, str]:
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise _damaged("its metadata are no texts")
    if sum(len(key) + len(value) for key, value in metadata.items()) > MAX_METADATA_BYTES:
        raise TooLargeError(f"Expected at most {MAX_METADATA_BYTES:,} characters of metadata.")
    return metadata


def parse_entry(name: str, entry: Any) -> Entry:
    """The entry of a tensor, its types checked.

    Raises:
        UnknownFormatError: If it is none.
    """
    if not isinstance(entry, dict) or entry.keys() != ENTRY_KEYS:
        raise _damaged(f"the entry of {clean_text(name)!r} does not consist of dtype, shape and data_offsets")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not _are_sizes(shape) or not _are_sizes(offsets) or len(offsets) != 2:
        raise _damaged(f"the shape or the offsets of {clean_text(name)!r} are no whole numbers")
    return Entry(tuple(shape), dtype if isinstance(dtype, str) else str(dtype)[:20], offsets[0], offsets[1])


def _check_dtype(name: str, dtype: str) -> None:
    if dtype not in ITEM_BYTES:
        raise UnsupportedNetworkError(
            f"Expected tensors of {', '.join(ITEM_BYTES)}, got {clean_text(dtype, length=20)!r} in "
            f"{clean_text(name)!r}."
        )


def _are_sizes(values: Any) -> bool:
    return isinstance(values, list) and all(type(value) is int and 0 <= value < 2**63 for value in values)


def check_offsets(entries: Mapping[str, Entry], size: int, items: Mapping[str, int]) -> None:
    """Refuse tensors that overlap, leave gaps, or take other than the bytes of their shapes.

    Args:
        entries: The tensors.
        size: Bytes behind the header.
        items: Bytes per number by data type; of others the number of bytes is not checked.

    Raises:
        UploadError: Naming the first such tensor.
    """
    position = 0
    for name, entry in sorted(entries.items(), key=lambda item: (item[1].begin, item[1].end)):
        if entry.begin != position:
            raise UnsafeFileError(f"The data of {clean_text(name)!r} overlap with others or leave a gap before them.")
        needed = math.prod(entry.shape) * items[entry.dtype] if entry.dtype in items else entry.end - entry.begin
        if entry.end - entry.begin != needed or needed < 0:
            raise _damaged(f"the offsets of {clean_text(name)!r} do not fit its shape")
        position = entry.end
    if position != size:
        raise _damaged(f"its tensors take {position:,} bytes and the file holds {size:,}")


def _damaged(reason: str) -> UnknownFormatError:
    return UnknownFormatError(f"This safetensors file is damaged: {reason}.")


FORMAT = Format("safetensors", matches, read)
