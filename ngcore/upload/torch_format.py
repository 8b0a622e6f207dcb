"""Torch state dicts (`.pt`, `.pth`): checked operation by operation, then read by a guarded process."""

import io
import zipfile

import torch

from ngcore.errors import UnsafeFileError, UnsupportedNetworkError
from ngcore.upload import safetensors_format
from ngcore.upload.archive import first_name, read_entries
from ngcore.upload.contents import Contents, Format
from ngcore.upload.limits import Limits
from ngcore.upload.pickles import check_pickle
from ngcore.upload.recipes import CONVERT, TORCH_TO_NPZ
from ngcore.upload.sandbox import run_guarded

PICKLE = "data.pkl"
FIRST_SAFE_TORCH = (2, 10)  # earlier ones can be made to run code even by weights_only=True (CVE-2026-24747)
NESTED = "nested"
ORDER_DIGITS = 6  # the guarded process puts the position of a tensor before its name


def matches(head: bytes) -> bool:
    """Whether the first bytes are of a zip archive whose first entry is that of a torch file."""
    name = first_name(head) or ""
    return name.count("/") == 1 and name.endswith(f"/{PICKLE}")


def read(data: bytes, limits: Limits) -> Contents:
    """Read the tensors of a state dict, or of one inside a dict under a usual key.

    The archive is checked by the rules of all archives, its pickle against a list of allowed operations; then both are
    written into a fresh archive, so that no other reader can see it otherwise, and torch reads that one with
    `weights_only=True` in a process of its own with little memory, time and rights. There is no second try.

    Raises:
        UploadError: If a rule is broken, or torch refuses the file.
    """
    if tuple(int(part) for part in torch.__version__.split(".")[:2]) < FIRST_SAFE_TORCH:
        raise UnsafeFileError(
            f"Reading torch files needs torch 2.10 or later, got {torch.__version__}. {CONVERT}",
            recipe=TORCH_TO_NPZ,
        )
    entries = read_entries(data, limits, is_compressible=False)
    folder = (first_name(data) or "").split("/")[0]
    parts = {name.removeprefix(f"{folder}/"): content for name, content in entries.items()}
    if "constants.pkl" in parts:
        raise UnsupportedNetworkError(
            f"This is a TorchScript program (torch.jit.save), not a state dict. {CONVERT}",
            recipe=TORCH_TO_NPZ,
        )
    check_pickle(parts.get(PICKLE, b""))
    contents = safetensors_format.read(run_guarded(_fresh_archive(parts), limits), limits)
    nested = contents.metadata.get(NESTED)
    notes = (f"The weights were taken from the entry {nested!r} of the file.",) if nested else ()
    tensors = {name[ORDER_DIGITS:]: contents.tensors[name] for name in sorted(contents.tensors)}
    return Contents(tensors, notes=notes)


def _fresh_archive(parts: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in parts.items():
            if name in (PICKLE, "byteorder", "version") or name.startswith("data/"):
                archive.writestr(f"archive/{name}", content)
    return buffer.getvalue()


FORMAT = Format("torch", matches, read, is_pickle=True)
