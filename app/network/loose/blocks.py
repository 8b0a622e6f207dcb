"""Tensors of a file as cards and rows: what is computed for those that show, kept for the next run."""

import numpy as np

from app.byte_cache import remembered
from app.charts.tensor_blocks import Card, Row, kernel_sheet
from app.network.loose.facts import shape_text
from ngcore.upload.weights import Connection, WeightFile, WeightTensor, first_kernels, thumbnail

MAX_CACHE_BYTES = 64 * 1024 * 1024
CARD_SIDE, ROW_SIDE = 48, 12
CARD_KERNELS = 8  # channels of a side of the picture on a card
MAX_KERNEL_SIDE = 32


@remembered(max_bytes=MAX_CACHE_BYTES)
def small_picture(sha256: str, name: str, side: int, _tensor: WeightTensor) -> np.ndarray:
    """The thumbnail of a tensor, kept by the digest of its file and its name."""
    return thumbnail(_tensor, max_side=side)


@remembered(max_bytes=MAX_CACHE_BYTES)
def card_picture(sha256: str, name: str, _tensor: WeightTensor) -> np.ndarray:
    """The picture on the card of a tensor: its first kernels if it has some, else its matrix as a thumbnail."""
    if has_kernels(_tensor):
        return kernel_sheet(first_kernels(_tensor, max_kernels=CARD_KERNELS))
    return thumbnail(_tensor, max_side=CARD_SIDE)


def has_kernels(tensor: WeightTensor) -> bool:
    """Whether the values of a tensor are best seen as small pictures."""
    return len(tensor.shape) == 4 and 1 < max(tensor.shape[2:]) <= MAX_KERNEL_SIDE and 0 not in tensor.shape


def card_of(file: WeightFile, name: str, connections: tuple[Connection, ...]) -> Card:
    """What the card of a tensor shows."""
    tensor, summary = file.tensors[name], file.tensors[name].summary
    mark, is_said = _mark(tensor, connections)
    span = summary.max - summary.min
    return Card(
        name=name,
        facts=facts_of(tensor),
        numbers=(
            f"mean {summary.mean:.3g} · std {summary.std:.3g} · {summary.min:.3g} … {summary.max:.3g} · "
            f"{summary.zeros:.0%} zeros"
        ),
        warning=_warning(tensor),
        mark=mark,
        is_said=is_said,
        thumbnail=card_picture(file.sha256, name, tensor),
        is_kernels=has_kernels(tensor),
        counts=summary.counts,
        zero_bin=-summary.min / span if span > 0 else float(summary.max < 0),
    )


def row_of(file: WeightFile, name: str) -> Row:
    """A tensor in the drawing of connections."""
    tensor = file.tensors[name]
    return Row(name, shape_text(tensor.shape), small_picture(file.sha256, name, ROW_SIDE, tensor))


def facts_of(tensor: WeightTensor) -> str:
    """Shape, type and size in one line."""
    made = f" · {tensor.made_of}" if tensor.made_of else ""
    return f"{shape_text(tensor.shape)} · {tensor.dtype} · {tensor.size:,}{made}"


def _warning(tensor: WeightTensor) -> str:
    summary = tensor.summary
    odd = [f"{summary.num_nan:,} NaN"] if summary.num_nan else []
    odd += [f"{summary.num_infinite:,} infinite"] if summary.num_infinite else []
    return ", ".join(odd)


def _mark(tensor: WeightTensor, connections: tuple[Connection, ...]) -> tuple[str, bool]:
    """What a weight takes the outputs of, and whether somebody said so; nothing for biases and norms."""
    if len(tensor.shape) < 2:
        return "", False
    sources = [connection for connection in connections if connection.target == tensor.name]
    if sources:
        names = ", ".join(connection.source for connection in sources)
        is_said = not any(connection.is_guess for connection in sources)
        return f"after {names}" if is_said else f"after {names}?", is_said
    is_source = any(connection.source == tensor.name for connection in connections)
    return ("" if is_source else "unconnected"), False
