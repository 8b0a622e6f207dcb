"""Arrays and a few facts about them as one run of bytes, which a browser reads without copying."""

import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

ALIGNMENT = 8
DTYPES = {"float32": "<f4", "uint32": "<u4", "uint8": "|u1", "int8": "|i1"}


def pack(facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> bytes:
    """Facts and arrays as bytes: the length of the header as uint32, the header as JSON, then the arrays, aligned.

    Args:
        facts: What JSON can hold.
        arrays: Of the kinds in `DTYPES`.

    Example:
        >>> unpack(pack({"a": 1}, {"x": np.zeros(2, np.float32)}))[0]
        {'a': 1}
    """
    parts, table, offset = [], {}, 0
    for name, array in arrays.items():
        data = np.ascontiguousarray(array).astype(DTYPES[array.dtype.name], copy=False).tobytes()
        table[name] = [array.dtype.name, offset, array.size]
        parts += [data, bytes(-len(data) % ALIGNMENT)]
        offset += len(data) + -len(data) % ALIGNMENT
    header = json.dumps({"facts": facts, "arrays": table}, separators=(",", ":"), allow_nan=False).encode()
    header += b" " * (-(len(header) + 4) % ALIGNMENT)
    return b"".join([struct.pack("<I", len(header)), header, *parts])


def unpack(data: bytes) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Facts and flat arrays of bytes that `pack` made."""
    (length,) = struct.unpack_from("<I", data)
    header = json.loads(data[4 : 4 + length])
    arrays = {
        name: np.frombuffer(data, DTYPES[kind], size, 4 + length + offset)
        for name, (kind, offset, size) in header["arrays"].items()
    }
    return header["facts"], arrays
