"""The tensors of a torch file at all depths: a process without rights reads the structure, the numbers stay."""

import math
from typing import Any

import numpy as np

from ngcore.errors import UnknownFormatError, UnsupportedNetworkError
from ngcore.upload import torch_format
from ngcore.upload.limits import Limits
from ngcore.upload.recipes import CONVERT, TORCH_TO_NPZ
from ngcore.upload.sandbox import describe_pickle
from ngcore.upload.torch_format import PICKLE, UNLOCKED_NOTE, Described, check_view, described_tensor, view_of
from ngcore.upload.weights.buffer import Buffer
from ngcore.upload.weights.source import Stored, WeightFormat
from ngcore.upload.weights.tensor import STORED_AS, WeightTensor
from ngcore.upload.weights.zipped import ZipEntry, list_entries

REPEATS = "a view that repeats few numbers"


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
    answer = describe_pickle(bytes(pickle.content()) if pickle else b"", everything=True)
    order = ">" if "byteorder" in parts and parts["byteorder"].head(8).strip() == b"big" else "<"
    rows = answer.get("tensors")
    if not isinstance(rows, list):
        raise UnknownFormatError("This torch file is damaged: it does not describe its tensors.")
    described = [described_tensor(row) for row in rows]
    repeating = {one.name: REPEATS for one in described if math.prod(one.shape) > one.numel}
    tensors = {one.name: _tensor(one, parts, order) for one in described if one.name not in repeating}
    notes = () if answer.get("held") else (UNLOCKED_NOTE,)
    return Stored(tensors, {**_aside(answer), **repeating}, notes=notes)


def _aside(answer: dict[str, Any]) -> dict[str, str]:
    aside = answer.get("aside")
    return dict.fromkeys(map(str, aside), "no tensor") if isinstance(aside, list) else {}


def _tensor(described: Described, parts: dict[str, ZipEntry], order: str) -> WeightTensor:
    storage = parts.get(f"data/{described.key}")
    check_view(described, storage.size if storage else None)

    def read() -> np.ndarray:
        assert storage is not None
        return view_of(described, np.frombuffer(storage.content(), order + STORED_AS[described.dtype]))

    return WeightTensor(described.name, described.shape, described.dtype, read)


FORMAT = WeightFormat("torch", torch_format.matches, list_tensors, is_pickle=True)
