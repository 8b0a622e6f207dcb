"""Tensors as a file gave them → clean names and finite float32 numbers."""

import re
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ngcore.errors import UnsafeFileError, UnsupportedNetworkError
from ngcore.text import clean_text
from ngcore.upload.contents import TensorInfo
from ngcore.upload.modules import COUNTER

MAX_NAMES = 8  # that a note lists
BUFFERS = re.compile(r"(^|\.)(position_ids|attn\.bias|relative_position_index)$")
"""Names of whole numbers that libraries keep beside the weights: positions, masks, places in a table."""
FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def tensor_table(tensors: Mapping[str, Tensor]) -> tuple[TensorInfo, ...]:
    """Name, shape and type of every tensor as the file has them."""
    return tuple(
        TensorInfo(clean_text(name), tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."))
        for name, tensor in tensors.items()
    )


def set_counters_aside(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Tensors without those that are a single whole number, or a buffer of a known name; and the names of these.

    The counters of batch norms stay; they are known to belong to a layer. Where there is nothing else, all stay, so
    that the refusal can name one.
    """
    weights = {
        name: tensor
        for name, tensor in tensors.items()
        if tensor.dtype in FLOATS or name.endswith(COUNTER) or (tensor.dim() > 0 and not BUFFERS.search(name))
    }
    return (weights, [name for name in tensors if name not in weights]) if weights else (dict(tensors), [])


def aside_notes(names: Sequence[str]) -> list[str]:
    """The note on what was set aside as no weight; none if nothing was."""
    if not names:
        return []
    listed = ", ".join(clean_text(name, length=40) for name in names[:MAX_NAMES])
    return [f"Set aside, as it is no weight: {listed}{', …' if len(names) > MAX_NAMES else ''}."]


def clean_tensors(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Float32 tensors under clean names, and notes on what had to be changed.

    Raises:
        UnsafeFileError: If two names are equal but for characters that cannot be seen.
        UnsupportedNetworkError: If a tensor holds whole numbers, NaN, infinity, or numbers too large for float32.
    """
    clean: dict[str, Tensor] = {}
    dtypes: dict[str, None] = {}
    for raw, tensor in tensors.items():
        name = clean_text(raw)
        if name in clean:
            raise UnsafeFileError(f"Two tensors are called {name!r} once characters that cannot be seen are removed.")
        clean[name] = tensor if name.endswith(COUNTER) else _float32(name, tensor)
        if tensor.dtype != torch.float32 and not name.endswith(COUNTER):
            dtypes[str(tensor.dtype).removeprefix("torch.")] = None
    notes = (f"Numbers were converted from {', '.join(dtypes)} to float32.",) if dtypes else ()
    return clean, notes


def is_finite(tensor: Tensor) -> bool:
    """Whether no number is infinite or NaN; a finite sum tells it at once."""
    return bool(tensor.sum().isfinite()) or bool(tensor.isfinite().all())


def _float32(name: str, tensor: Tensor) -> Tensor:
    if tensor.dtype not in FLOATS:
        kind = str(tensor.dtype).removeprefix("torch.")
        raise UnsupportedNetworkError(f"Expected weights as floating-point numbers, got {kind} in {name!r}.")
    converted = tensor.to(torch.float32).contiguous()
    if not bool(torch.isfinite(converted).all()):
        if bool(torch.isfinite(tensor).all()):
            raise UnsupportedNetworkError(f"Expected numbers that float32 can hold, got some too large in {name!r}.")
        raise UnsupportedNetworkError(f"Expected finite numbers, got NaN or infinity in {name!r}.")
    if name.endswith("running_var") and bool((converted < 0).any()):
        raise UnsupportedNetworkError(f"Expected variances of at least 0, got a negative one in {name!r}.")
    return converted
