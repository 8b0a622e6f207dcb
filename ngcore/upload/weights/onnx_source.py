"""The tensors of an ONNX file: only what describes them is read, their numbers stay where they are."""

import math

import numpy as np

from ngcore.errors import UnknownFormatError
from ngcore.text import clean_text
from ngcore.upload.limits import Limits
from ngcore.upload.onnx_format.wire import StoredTensor, matches, survey
from ngcore.upload.weights.buffer import Buffer
from ngcore.upload.weights.source import NOT_READ, Stored, WeightFormat
from ngcore.upload.weights.tensor import STORED_AS, WeightTensor, item_bytes, numbers

DTYPES = {
    1: "float32",
    2: "uint8",
    3: "int8",
    4: "uint16",
    5: "int16",
    6: "int32",
    7: "int64",
    9: "bool",
    10: "float16",
    11: "float64",
    12: "uint32",
    13: "uint64",
    16: "bfloat16",
    17: "float8_e4m3fn",
    19: "float8_e5m2",
}
OTHER_TYPES = {8: "string", 14: "complex64", 15: "complex128", 18: "float8_e4m3fnuz", 20: "float8_e5m2fnuz"}


def list_tensors(buffer: Buffer, _: Limits) -> Stored:
    """The initialisers and constants of the main graph, in the order in which nodes read them.

    Raises:
        UploadError: If the file is damaged or keeps numbers in other files.
    """
    tensors, aside = {}, {}
    for stored in survey(buffer).tensors:
        if stored.type in DTYPES:
            tensors[stored.name] = _tensor(buffer, stored)
        else:
            aside[stored.name] = NOT_READ.format(OTHER_TYPES.get(stored.type, f"{stored.type} of ONNX"))
    return Stored(tensors, aside)


def _tensor(buffer: Buffer, stored: StoredTensor) -> WeightTensor:
    dtype, count = DTYPES[stored.type], math.prod(stored.shape)
    span = stored.numbers
    if span is None:
        if count > stored.message.stop - stored.message.start:  # packed numbers take a byte at least
            raise _damaged(stored)
        return WeightTensor(stored.name, stored.shape, dtype, lambda: _parsed(buffer, stored))
    if span.stop - span.start != count * item_bytes(dtype):
        raise _damaged(stored)
    return WeightTensor(
        stored.name, stored.shape, dtype, lambda: numbers(buffer.take(span.start, span.stop), dtype, stored.shape)
    )


def _damaged(stored: StoredTensor) -> UnknownFormatError:
    return UnknownFormatError(
        f"The tensor {clean_text(stored.name)!r} is damaged: it holds more or fewer numbers than its shape "
        f"{stored.shape!s:.100} says."
    )


def _parsed(buffer: Buffer, stored: StoredTensor) -> np.ndarray:
    """Numbers that are packed one by one, as stored."""
    import onnx  # takes half a second, and few files need it
    from google.protobuf.message import DecodeError

    try:
        message = onnx.TensorProto.FromString(bytes(buffer.take(stored.message.start, stored.message.stop)))
        array = onnx.numpy_helper.to_array(message)
        return array.view(np.dtype(f"<{STORED_AS[DTYPES[stored.type]]}")).reshape(stored.shape)
    except (DecodeError, ValueError, TypeError, OverflowError) as error:
        raise _damaged(stored) from error


FORMAT = WeightFormat("ONNX", matches, list_tensors)
