"""Untrusted bytes → their named tensors: the entry point for files of weights, and the order of its checks."""

import contextlib
import dataclasses
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from ngcore.errors import TooLargeError, UnknownFormatError, UnsafeFileError, UnsupportedNetworkError, UploadError
from ngcore.text import clean_text
from ngcore.upload.checkpoints import unwrap
from ngcore.upload.folding import Fold, find_folds, fold_notes, fold_parts
from ngcore.upload.limits import (
    LOCAL,
    MAX_STORED_NDIM,
    MAX_STORED_NUMBERS,
    MAX_STORED_TENSORS,
    PUBLIC,
)
from ngcore.upload.recipes import CONVERT, TORCH_TO_NPZ
from ngcore.upload.refused import REFUSED
from ngcore.upload.weights import hdf5_source, npz_source, onnx_source, pt2_source, safetensors_source, torch_source
from ngcore.upload.weights.buffer import Buffer
from ngcore.upload.weights.file import Aside, WeightFile
from ngcore.upload.weights.quantised import apply_scales
from ngcore.upload.weights.source import Stored, WeightFormat
from ngcore.upload.weights.tensor import WeightTensor, clean_name

FORMATS: tuple[WeightFormat, ...] = (
    safetensors_source.FORMAT,
    npz_source.FORMAT,
    torch_source.FORMAT,
    torch_source.LEGACY_FORMAT,
    hdf5_source.KERAS_FORMAT,
    hdf5_source.FORMAT,
    onnx_source.FORMAT,
    pt2_source.FORMAT,
)
HEAD_BYTES = 4_096
WHOLE_NUMBERS = "whole numbers, no weights"
_log = logging.getLogger(__name__)


def open_weights(source: bytes | Path, *, filename: str = "", public: bool = False) -> WeightFile:
    """Open any file of weights, whether or not a network can be made of them.

    Only what describes the tensors is read; their numbers are read when they are asked for. Of a path the file is
    mapped into memory, so that files larger than memory can be opened.

    Args:
        source: The whole file, or its path.
        filename: What its sender calls it; shown, and not used otherwise.
        public: Whether strangers may upload; limits are lower then, and torch files are not read at all.

    Raises:
        UploadError: If it is no file of weights, is damaged, or breaks a rule.
        OSError: If there is no such file, or it may not be read.
    """
    limits = PUBLIC if public else LOCAL
    name = filename or (source.name if isinstance(source, Path) else "")
    size = source.stat().st_size if isinstance(source, Path) else len(source)
    if not size:
        raise UnknownFormatError("Expected a file of weights, got an empty one.")
    if size > limits.stored_bytes:
        raise TooLargeError(f"Expected a file of at most {limits.stored_bytes:,} bytes, got {size:,}.")
    buffer = Buffer(source)
    with _only_refusals():
        weight_format = find_format(buffer.head(HEAD_BYTES))
        if weight_format.is_pickle and not limits.allows_pickle:
            raise UnsafeFileError(f"Torch files are not read on a public server. {CONVERT}", recipe=TORCH_TO_NPZ)
        stored = weight_format.list_tensors(buffer, limits)
        _check(stored.tensors)
        return _assemble(stored, weight_format.name, buffer, clean_text(name))


@contextlib.contextmanager
def _only_refusals() -> Iterator[None]:
    """Turn every error that no reader foresaw into a refusal; the log keeps it, and tests fail on it."""
    try:
        yield
    except UploadError:
        raise
    except Exception:
        _log.exception("A file could not be opened for a reason that no reader foresaw.")
        raise UnknownFormatError("This file is damaged, or of a kind that is not known here.") from None


def find_format(head: bytes) -> WeightFormat:
    """The format whose files start like `head`.

    Raises:
        UnknownFormatError: If there is none, or one that holds no weights that are read; the message says what to do.
    """
    for weight_format in FORMATS:
        if weight_format.matches(head):
            return weight_format
    for refused in REFUSED:
        if refused.matches(head):
            raise refused.error
    names = ", ".join(weight_format.name for weight_format in FORMATS)
    raise UnknownFormatError(f"Expected a file of one of the formats {names}, got one that starts like none of them.")


def _check(tensors: dict[str, WeightTensor]) -> None:
    """Refuse tensors that are too many, too large or of too many axes."""
    if not tensors:
        raise UnsupportedNetworkError("Expected a file with weights, got one without any tensor.")
    if len(tensors) > MAX_STORED_TENSORS:
        raise TooLargeError(f"Expected at most {MAX_STORED_TENSORS:,} tensors, got {len(tensors):,}.")
    for name, tensor in tensors.items():
        if len(tensor.shape) > MAX_STORED_NDIM:
            raise TooLargeError(
                f"Expected tensors of at most {MAX_STORED_NDIM} axes, got {len(tensor.shape)} in {clean_text(name)!r}."
            )
    total = sum(tensor.size for tensor in tensors.values())
    if total > MAX_STORED_NUMBERS:
        shown = f"{total:,}" if total < 10**18 else "more than 10^18"
        raise TooLargeError(f"Expected at most {MAX_STORED_NUMBERS:,} numbers, got {shown}.")


def _assemble(stored: Stored, format_name: str, buffer: Buffer, filename: str) -> WeightFile:
    """Unwrap, fold, scale and set aside, in this order."""
    shapes = {name: tensor.shape for name, tensor in stored.tensors.items()}
    found = unwrap(shapes)
    aside = [Aside(clean_text(name), reason) for name, reason in stored.aside.items()]
    aside += [Aside(clean_text(name), reason, shapes[name]) for name, reason in found.aside.items()]
    taken: set[str] = set()
    tensors = {}
    for raw, name in found.names.items():
        shown = clean_name(name, taken)
        tensors[shown] = dataclasses.replace(stored.tensors[raw], name=shown)
    tensors, folds = _folded(tensors)
    tensors, scales = apply_scales(tensors)
    aside += [Aside(name, reason) for name, reason in scales.items()]
    weights = {name: tensor for name, tensor in tensors.items() if tensor.is_float and tensor.size} or tensors
    aside += [Aside(name, _reason(tensor), tensor.shape) for name, tensor in tensors.items() if name not in weights]
    wrapper = [f"The weights stand under {clean_text(found.prefix)!r} in the file."] if found.prefix else []
    return WeightFile(
        tensors=weights,
        aside=tuple(aside),
        notes=(*stored.notes, *wrapper, *fold_notes(folds), *_scale_notes(tensors)),
        metadata=dict(stored.metadata),
        is_ordered=stored.is_ordered,
        format=format_name,
        size=len(buffer),
        filename=filename,
        buffer=buffer,
    )


def _reason(tensor: WeightTensor) -> str:
    if not tensor.size:
        return "holds no numbers"
    return "counter of a batch norm" if tensor.name.endswith("num_batches_tracked") else WHOLE_NUMBERS


def _scale_notes(tensors: dict[str, WeightTensor]) -> list[str]:
    scaled = sum(" times " in tensor.made_of for tensor in tensors.values())
    return [f"{scaled} tensors of small numbers were multiplied by their scales."] if scaled else []


def _folded(tensors: dict[str, WeightTensor]) -> tuple[dict[str, WeightTensor], list[Fold]]:
    """Tensors with each weight that is kept in parts as a whole, where its first part stood."""
    folds = find_folds({name: tensor.shape for name, tensor in tensors.items() if tensor.is_float})
    by_part = {part: fold for fold in folds for part in fold.parts}
    whole: dict[str, WeightTensor] = {}
    for name, tensor in tensors.items():
        fold = by_part.get(name)
        if fold is None:
            whole[name] = tensor
        elif fold.target not in whole:
            read = _reader(fold, [tensors[part] for part in fold.parts])
            whole[fold.target] = WeightTensor(fold.target, fold.shape, "float32", read, made_of=fold.kind)
    return whole, folds


def _reader(fold: Fold, parts: list[WeightTensor]) -> Callable[[], np.ndarray]:
    return lambda: fold_parts(fold, [part.array() for part in parts])
