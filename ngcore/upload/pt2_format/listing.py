"""What an archive of `torch.export` says about its tensors."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from ngcore.errors import TooLargeError, UnknownFormatError, UnsafeFileError
from ngcore.text import clean_text
from ngcore.upload.archive import first_name
from ngcore.upload.limits import MAX_HEADER_BYTES
from ngcore.upload.torch_format import DTYPES, MAX_INTEGER, Described
from ngcore.upload.weights.buffer import Buffer
from ngcore.upload.weights.zipped import ZipEntry, list_entries

FOLDERS = {"data/weights/": "model_weights_config.json", "data/constants/": "model_constants_config.json"}
SCALAR_TYPES = {
    1: "uint8",
    2: "int8",
    3: "int16",
    4: "int32",
    5: "int64",
    6: "float16",
    7: "float32",
    8: "float64",
    12: "bool",
    13: "bfloat16",
    29: "float8_e4m3fn",
    30: "float8_e5m2",
}
"""Data types by the numbers that torch's serialised programs give them."""


def matches(head: bytes) -> bool:
    """Whether the first bytes are of an archive whose first entry is that of an exported program."""
    _, _, entry = (first_name(head) or "").partition("/")
    return entry.startswith((*FOLDERS, "models/")) or entry == "archive_format"


@dataclasses.dataclass(frozen=True)
class Listing:
    """The tensors of an archive.

    Attributes:
        tensors: Each as a view of a storage; its key is the name of an entry.
        learned: Names of parameters.
        aside: For the name of what is not read why it is not.
    """

    tensors: tuple[Described, ...]
    learned: frozenset[str]
    aside: Mapping[str, str]


def entries_of(buffer: Buffer, max_bytes: int) -> dict[str, ZipEntry]:
    """The entries of an archive by their names within its folder.

    Raises:
        UploadError: If a rule of archives is broken.
    """
    entries = list_entries(buffer, is_compressible=False, max_bytes=max_bytes)
    return {name.partition("/")[2]: entry for name, entry in entries.items()}


def parsed(entry: ZipEntry, max_bytes: int = MAX_HEADER_BYTES) -> dict[str, Any]:
    """An entry of JSON.

    Raises:
        UploadError: If it is too long, or none.
    """
    if entry.size > max_bytes:
        raise TooLargeError(
            f"Expected at most {max_bytes:,} bytes of JSON in {clean_text(entry.name)!r}, got {entry.size:,}."
        )
    try:
        found = json.loads(bytes(entry.content()))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise damaged(f"{clean_text(entry.name)!r} is no JSON object")
    return found


def damaged(reason: str) -> UnknownFormatError:
    """The refusal of a damaged archive."""
    return UnknownFormatError(f"This exported program is damaged: {reason}.")


def listed(parts: Mapping[str, ZipEntry]) -> Listing:
    """All tensors that an archive describes.

    Raises:
        UploadError: If a description does not hold together.
    """
    found: list[Described] = []
    learned, aside = set(), {}
    names: set[str] = set()
    for folder, listing in FOLDERS.items():
        config = parsed(parts[folder + listing]).get("config") if folder + listing in parts else {}
        if not isinstance(config, dict):
            raise damaged("it does not describe its tensors")
        for name, row in config.items():
            if name in names:
                raise UnsafeFileError(f"Two tensors are called {clean_text(name)!r}.")
            names.add(name)
            if not isinstance(row, dict) or row.get("use_pickle") or row.get("tensor_meta") is None:
                aside[name] = "pickled, and so not read"
                continue
            tensor = _described(name, folder, row, parts)
            if isinstance(tensor, str):
                aside[name] = tensor
                continue
            found.append(tensor)
            learned |= {name} if row.get("is_param") is True else set()
    return Listing(tuple(found), frozenset(learned), aside)


def _described(name: str, folder: str, row: Mapping[str, Any], parts: Mapping[str, ZipEntry]) -> Described | str:
    """A tensor as a view of a storage, or why it is not read."""
    meta, path = row["tensor_meta"], row.get("path_name")
    entry = parts.get(f"{folder}{path}")
    if not isinstance(meta, dict) or entry is None:
        raise damaged(f"it holds no numbers for {clean_text(name)!r}")
    kind = meta.get("dtype")
    dtype = SCALAR_TYPES.get(kind) if isinstance(kind, int) else None
    if dtype not in DTYPES or dtype is None:
        return f"numbers of type {clean_text(str(kind))} of torch, which are not read"
    shape, strides = (_numbers(meta.get(key), name) for key in ("sizes", "strides"))
    (offset,) = _numbers([meta.get("storage_offset")], name)
    count, rest = divmod(entry.size, DTYPES[dtype].itemsize)
    if rest or len(shape) != len(strides):
        raise damaged(f"the numbers of {clean_text(name)!r} do not fit their type")
    return Described(name, dtype, f"{folder}{path}", count, offset, shape, strides)


def _numbers(values: Any, name: str) -> tuple[int, ...]:
    """Whole numbers of a list such as [{"as_int": 2}]."""
    listed_values = values if isinstance(values, list) else [None]
    found = [value.get("as_int") if isinstance(value, dict) else None for value in listed_values]
    if not all(type(number) is int and 0 <= number < MAX_INTEGER for number in found):
        raise damaged(f"the shape of {clean_text(name)!r} holds something else than whole numbers")
    return tuple(number for number in found if number is not None)
