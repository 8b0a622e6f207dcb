"""The tensors of a torch file at all depths: a process without rights reads the structure, the numbers stay."""

import functools
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ngcore.errors import UnknownFormatError, UnsupportedNetworkError
from ngcore.upload import torch_format
from ngcore.upload.limits import MAX_PICKLE_BYTES, Limits
from ngcore.upload.recipes import CONVERT, TORCH_TO_NPZ
from ngcore.upload.refused import LEGACY_TORCH
from ngcore.upload.sandbox import describe_pickle
from ngcore.upload.torch_format import PICKLE, UNLOCKED_NOTE, Described, check_view, described_tensor, view_of
from ngcore.upload.weights.buffer import Buffer
from ngcore.upload.weights.source import Stored, WeightFormat
from ngcore.upload.weights.tensor import STORED_AS, WeightTensor, item_bytes
from ngcore.upload.weights.zipped import list_entries

REPEATS = "a view that repeats few numbers"
COUNT_BYTES = 8  # how many numbers a storage of a legacy file has, before these
Storage = tuple[int, Callable[[], memoryview]]  # bytes of a storage, and what takes them


def list_tensors(buffer: Buffer, limits: Limits) -> Stored:
    """The tensors of a file that torch wrote, by paths such as "model.state_dict.0.weight".

    Raises:
        UploadError: If the archive or the pickle breaks a rule, or a tensor does not lie within its storage.
    """
    entries = list_entries(buffer, is_compressible=False, max_bytes=limits.stored_bytes)
    folder = next((name.partition("/")[0] for name in entries if name.endswith(f"/{PICKLE}")), "")
    parts = {name.removeprefix(f"{folder}/"): entry for name, entry in entries.items()}
    if "constants.pkl" in parts:
        raise UnsupportedNetworkError(
            f"This is a TorchScript program (torch.jit.save), not a state dict. {CONVERT}",
            recipe=TORCH_TO_NPZ,
        )
    pickle = parts.get(PICKLE)
    answer = describe_pickle(bytes(pickle.content()) if pickle else b"", wanted="everything")
    order = ">" if "byteorder" in parts and parts["byteorder"].head(8).strip() == b"big" else "<"
    storages = {name.removeprefix("data/"): part for name, part in parts.items() if name.startswith("data/")}
    return _stored(
        answer, _described(answer), {key: (part.size, part.content) for key, part in storages.items()}, order
    )


def list_legacy_tensors(buffer: Buffer, _: Limits) -> Stored:
    """The tensors of a file that torch wrote before 1.6, or when it was asked to.

    Raises:
        UploadError: If a pickle breaks a rule, or a tensor does not lie within its storage.
    """
    answer = describe_pickle(buffer.head(MAX_PICKLE_BYTES), wanted="legacy")
    described = _described(answer)
    items = {one.key: item_bytes(one.dtype) for one in described}
    at, keys = answer.get("end"), answer.get("keys")
    if type(at) is not int or not isinstance(keys, list) or not set(items) <= set(keys):
        raise UnknownFormatError("This torch file is damaged: it does not say where its numbers stand.")
    storages: dict[str, Storage] = {}
    for key in keys:
        count = int.from_bytes(buffer.take(at, at + COUNT_BYTES), "little")
        start, at = at + COUNT_BYTES, at + COUNT_BYTES + count * items.get(key, 1)
        buffer.take(start, at)
        storages[key] = (at - start, functools.partial(buffer.take, start, at))
    return _stored(answer, described, storages, "<")


def _described(answer: dict[str, Any]) -> list[Described]:
    rows = answer.get("tensors")
    if not isinstance(rows, list):
        raise UnknownFormatError("This torch file is damaged: it does not describe its tensors.")
    return [described_tensor(row) for row in rows]


def _stored(answer: dict[str, Any], described: list[Described], storages: Mapping[str, Storage], order: str) -> Stored:
    repeating = {one.name: REPEATS for one in described if math.prod(one.shape) > one.numel}
    tensors = {one.name: _tensor(one, storages, order) for one in described if one.name not in repeating}
    notes = () if answer.get("held") else (UNLOCKED_NOTE,)
    return Stored(tensors, {**_aside(answer), **repeating}, notes=notes)


def _aside(answer: dict[str, Any]) -> dict[str, str]:
    aside = answer.get("aside")
    return dict.fromkeys(map(str, aside), "no tensor") if isinstance(aside, list) else {}


def _tensor(described: Described, storages: Mapping[str, Storage], order: str) -> WeightTensor:
    storage = storages.get(described.key)
    check_view(described, storage[0] if storage else None)

    def read() -> np.ndarray:
        assert storage is not None
        return view_of(described, np.frombuffer(storage[1](), order + STORED_AS[described.dtype]))

    return WeightTensor(described.name, described.shape, described.dtype, read)


FORMAT = WeightFormat("torch", torch_format.matches, list_tensors, is_pickle=True)
LEGACY_FORMAT = WeightFormat(
    "legacy torch", lambda head: head.startswith(LEGACY_TORCH), list_legacy_tensors, is_pickle=True
)
