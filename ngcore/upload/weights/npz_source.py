"""The arrays of an `.npz` file: only their headers are read, those that are not compressed stay where they are."""

import math

import numpy as np

from ngcore.errors import UnknownFormatError, UnsupportedNetworkError
from ngcore.text import clean_text
from ngcore.upload import npz_format
from ngcore.upload.limits import MAX_NPY_HEADER_BYTES, Limits
from ngcore.upload.npz_format import SUFFIX, Header, parse_header
from ngcore.upload.weights.buffer import Buffer
from ngcore.upload.weights.source import NOT_READ, Stored, WeightFormat
from ngcore.upload.weights.tensor import WeightTensor, item_bytes
from ngcore.upload.weights.zipped import ZipEntry, list_entries

DTYPES = {
    "f8": "float64",
    "f4": "float32",
    "f2": "float16",
    "V2": "bfloat16",  # how NumPy writes the bfloat16 of JAX
    "i8": "int64",
    "i4": "int32",
    "i2": "int16",
    "i1": "int8",
    "u8": "uint64",
    "u4": "uint32",
    "u2": "uint16",
    "u1": "uint8",
    "b1": "bool",
}


def list_tensors(buffer: Buffer, limits: Limits) -> Stored:
    """The arrays of an archive that follows the rules of all archives.

    Raises:
        UploadError: If it does not, is damaged, or holds Python objects.
    """
    entries = list_entries(buffer, is_compressible=True, max_bytes=limits.stored_bytes)
    npz_entries = {name: entry for name, entry in entries.items() if name.endswith(SUFFIX)}
    aside = {name: "no array" for name in entries if name not in npz_entries}
    tensors = {}
    for full_name, entry in npz_entries.items():
        name = full_name.removesuffix(SUFFIX)
        header = parse_header(full_name, entry.head(MAX_NPY_HEADER_BYTES + 12))
        if header.kind not in DTYPES:
            aside[name] = NOT_READ.format(header.descr)
            continue
        _check_size(name, header, entry)
        _check_unpacked(name, entry, limits)
        tensors[name] = _tensor(name, header, entry)
    return Stored(tensors, aside)


def _check_size(name: str, header: Header, entry: ZipEntry) -> None:
    needed = math.prod(header.shape) * item_bytes(DTYPES[header.kind])
    if entry.size - header.start != needed:
        raise UnknownFormatError(
            f"The array {clean_text(name)!r} is damaged: shape {header.shape} needs {needed:,} bytes, "
            f"got {entry.size - header.start:,}."
        )


def _check_unpacked(name: str, entry: ZipEntry, limits: Limits) -> None:
    if entry.is_deflated and entry.size > limits.unpacked_bytes:
        raise UnsupportedNetworkError(
            f"Expected compressed arrays of at most {limits.unpacked_bytes:,} bytes, got {entry.size:,} in "
            f"{clean_text(name)!r}. Save it with np.savez, which does not compress."
        )


def _tensor(name: str, header: Header, entry: ZipEntry) -> WeightTensor:
    dtype = DTYPES[header.kind]
    stored = np.dtype(("<u2" if header.kind == "V2" else header.descr).replace("b1", "u1"))

    def read() -> np.ndarray:
        content = entry.content()[header.start :]
        flat = np.frombuffer(content, stored, math.prod(header.shape))
        return flat.reshape(header.shape, order="F" if header.is_fortran else "C")

    return WeightTensor(name, header.shape, dtype, read)


FORMAT = WeightFormat("npz", npz_format.matches, list_tensors)
