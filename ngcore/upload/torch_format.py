"""Torch state dicts (`.pt`, `.pth`): a process without rights reads the structure, the numbers are taken as bytes."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ngcore.errors import UnknownFormatError, UnsafeFileError, UnsupportedNetworkError
from ngcore.text import clean_text
from ngcore.upload.archive import first_name, read_entries
from ngcore.upload.contents import Contents, Format
from ngcore.upload.limits import Limits
from ngcore.upload.recipes import CONVERT, TORCH_TO_NPZ
from ngcore.upload.sandbox import describe_pickle
from ngcore.upload.shapes import check_bytes, check_count, check_shapes
from ngcore.upload.unpickle import STORAGE_DTYPES

PICKLE = "data.pkl"
DTYPES = {name: getattr(torch, name) for name in STORAGE_DTYPES.values()}
MAX_INTEGER = 2**63
UNLOCKED_NOTE = (
    "This system cannot take all rights from the process that reads torch files (no Landlock, no seccomp); it ran "
    "with little memory and time, and without an environment."
)


def matches(head: bytes) -> bool:
    """Whether the first bytes are of a zip archive whose first entry is that of a torch file."""
    name = first_name(head) or ""
    return name.count("/") == 1 and name.endswith(f"/{PICKLE}")


def read(data: bytes, limits: Limits) -> Contents:
    """Read the tensors of a state dict, or of one inside a dict under a usual key.

    The archive is checked by the rules of all archives. Its pickle goes to a process without rights, which compares
    it with a list of allowed operations and describes the tensors in it without running anything. Each description
    is checked here before the numbers of the tensor are taken from the archive.

    Raises:
        UploadError: If a rule is broken or the file is damaged.
    """
    entries = read_entries(data, limits, is_compressible=False)
    folder = (first_name(data) or "").split("/")[0]
    parts = {name.removeprefix(f"{folder}/"): content for name, content in entries.items()}
    if "constants.pkl" in parts:
        raise UnsupportedNetworkError(
            f"This is a TorchScript program (torch.jit.save), not a state dict. {CONVERT}",
            recipe=TORCH_TO_NPZ,
        )
    answer = describe_pickle(parts.get(PICKLE, b""))
    storages = {name.removeprefix("data/"): part for name, part in parts.items() if name.startswith("data/")}
    is_big_endian = parts.get("byteorder", b"little").strip() == b"big"
    tensors = read_tensors(answer, storages, limits, is_big_endian=is_big_endian)
    return Contents(tensors, notes=_notes(answer), aside=_aside(answer))


def _notes(answer: Mapping[str, Any]) -> tuple[str, ...]:
    nested = clean_text(str(answer.get("nested", "")))
    notes = [f"The weights were taken from the entry {nested!r} of the file."] if nested else []
    return (*notes, *([] if answer.get("held") else [UNLOCKED_NOTE]))


def _aside(answer: Mapping[str, Any]) -> tuple[str, ...]:
    aside = answer.get("aside")
    return tuple(map(str, aside)) if isinstance(aside, list) else ()


@dataclasses.dataclass(frozen=True)
class Described:
    """A tensor as the reading process describes it, its numbers in range."""

    name: str
    dtype: str
    key: str
    numel: int
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_tensors(
    answer: Mapping[str, Any], storages: Mapping[str, bytes], limits: Limits, *, is_big_endian: bool = False
) -> dict[str, Tensor]:
    """The tensors that an answer of the reading process describes, in their order.

    Args:
        answer: From `describe_pickle`; trusted no more than the file.
        storages: Bytes of each storage by its key.
        limits: Limits on the bytes of all tensors.
        is_big_endian: The order of the bytes in the storages.

    Raises:
        UploadError: If a tensor does not lie within its storage, or a limit is exceeded.
    """
    rows = answer.get("tensors")
    if not isinstance(rows, list):
        raise _damaged("it does not describe its tensors")
    check_count(len(rows))
    described = [described_tensor(row) for row in rows]
    check_shapes({tensor.name: tensor.shape for tensor in described})
    check_bytes(sum(math.prod(t.shape) * DTYPES[t.dtype].itemsize for t in described), limits)
    return {tensor.name: _tensor(tensor, storages, is_big_endian=is_big_endian) for tensor in described}


def described_tensor(row: Any) -> Described:
    """A row of the answer of the reading process, its types checked.

    Raises:
        UnknownFormatError: If it is none.
    """
    if not isinstance(row, list) or len(row) != 7:
        raise _damaged("a tensor in it is not described in full")
    name, dtype, key, numel, offset, shape, strides = row
    are_texts = all(isinstance(text, str) for text in (name, dtype, key)) and dtype in DTYPES
    if not are_texts or not isinstance(shape, list) or not isinstance(strides, list) or len(shape) != len(strides):
        raise _damaged("a tensor in it is not described in full")
    if not all(type(number) is int and 0 <= number < MAX_INTEGER for number in (numel, offset, *shape, *strides)):
        raise _damaged(f"the shape of {clean_text(name)!r} holds something else than whole numbers")
    return Described(name, dtype, key, numel, offset, tuple(shape), tuple(strides))


def _tensor(described: Described, storages: Mapping[str, bytes], *, is_big_endian: bool) -> Tensor:
    """A contiguous copy of a view of a storage."""
    dtype = DTYPES[described.dtype]
    content = storages.get(described.key)
    check_view(described, None if content is None else len(content))
    numbers = np.frombuffer(content or b"", f"{'>' if is_big_endian else '<'}i{dtype.itemsize}")
    own = torch.from_numpy(view_of(described, numbers).astype(f"i{dtype.itemsize}", order="C", copy=True))
    return own != 0 if dtype is torch.bool else own.view(dtype)


def check_view(described: Described, num_bytes: int | None) -> None:
    """Refuse a tensor that does not lie within its storage.

    Args:
        described: The tensor.
        num_bytes: Size of its storage; None if the file has none.

    Raises:
        UploadError: If it reaches beyond.
    """
    shown, needed = clean_text(described.name), described.numel * DTYPES[described.dtype].itemsize
    if num_bytes != needed:
        found = "none" if num_bytes is None else f"{num_bytes:,}"
        raise _damaged(f"{shown!r} needs {needed:,} bytes of numbers, got {found}")
    steps = [(size - 1) * stride for size, stride in zip(described.shape, described.strides, strict=True)]
    if described.offset + sum(steps) >= described.numel and 0 not in described.shape:
        raise UnsafeFileError(f"The numbers of {shown!r} reach beyond what the file holds for them.")


def view_of(described: Described, numbers: np.ndarray) -> np.ndarray:
    """A tensor as a view of the numbers of its storage, for which `check_view` holds."""
    if 0 in described.shape:
        return np.empty(described.shape, numbers.dtype)
    strides = [stride if size > 1 else 0 for size, stride in zip(described.shape, described.strides, strict=True)]
    return np.lib.stride_tricks.as_strided(
        numbers[described.offset :], described.shape, [stride * numbers.itemsize for stride in strides], writeable=False
    )


def _damaged(reason: str) -> UnknownFormatError:
    return UnknownFormatError(f"This torch file is damaged: {reason}.")


FORMAT = Format("torch", matches, read, is_pickle=True)
