"""Tensors of ONNX files as torch's, halves and packed numbers in full."""

from typing import Any

import numpy as np
import onnx_ir
import torch
from torch import Tensor

from ngcore.errors import UnknownFormatError, UnsupportedNetworkError
from ngcore.text import clean_text
from ngcore.upload.onnx_format.parsing import PARSER_ERRORS
from ngcore.upload.tensors import is_finite

DTYPES = {
    onnx_ir.DataType.FLOAT: torch.float32,
    onnx_ir.DataType.FLOAT16: torch.float16,
    onnx_ir.DataType.BFLOAT16: torch.bfloat16,
    onnx_ir.DataType.DOUBLE: torch.float64,
    onnx_ir.DataType.BOOL: torch.bool,
    onnx_ir.DataType.INT8: torch.int8,
    onnx_ir.DataType.UINT8: torch.uint8,
    **dict.fromkeys(
        (
            *(onnx_ir.DataType.INT16, onnx_ir.DataType.INT32, onnx_ir.DataType.INT64, onnx_ir.DataType.INT4),
            *(onnx_ir.DataType.UINT16, onnx_ir.DataType.UINT32, onnx_ir.DataType.UINT64, onnx_ir.DataType.UINT4),
        ),
        torch.long,
    ),
}
"""How numbers of each type are held: those of few bits as they are, other whole numbers as the largest."""

HALVES = (torch.float16, torch.bfloat16)


def tensor_of(stored: Any, name: str) -> Tensor:
    """A tensor with the numbers of one in a file.

    Raises:
        UploadError: If it is damaged, of a type without counterpart, or holds NaN.
    """
    dtype = DTYPES.get(stored.dtype)
    if dtype is None:
        raise UnsupportedNetworkError(
            f"Expected numbers in {clean_text(name)!r}, got the type {clean_text(str(stored.dtype))}."
        )
    try:
        array = np.asarray(stored.numpy())
        if dtype == torch.bfloat16:
            tensor = torch.from_numpy(array.view(np.int16).copy()).view(dtype)
        else:
            tensor = torch.from_numpy(array.astype(str(dtype).removeprefix("torch."), copy=True))
    except PARSER_ERRORS as error:
        raise UnknownFormatError(
            f"The tensor {clean_text(name)!r} is damaged: it holds more or fewer numbers than its shape says."
        ) from error
    if dtype.is_floating_point and not is_finite(tensor) and bool(tensor.isnan().any()):
        raise UnsupportedNetworkError(f"Expected finite numbers, got NaN or infinity in {clean_text(name)!r}.")
    return tensor


def in_full(tensor: Tensor) -> Tensor:
    """A tensor in the precision that is computed with."""
    return tensor.to(torch.float32) if tensor.dtype in HALVES else tensor


def attribute_value(attribute: Any, name: str) -> Any:
    """An attribute as a plain value: numbers, texts, lists of these, tensors; None for graphs."""
    value = attribute.value
    if attribute.type == onnx_ir.AttributeType.TENSOR:
        return in_full(tensor_of(value, name))
    if attribute.type in (onnx_ir.AttributeType.GRAPH, onnx_ir.AttributeType.GRAPHS):
        return None
    return value
