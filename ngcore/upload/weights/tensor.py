"""One tensor of a file of weights: its numbers stay in the file until they are asked for, and come in blocks."""

import dataclasses
import math
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import Any

import numpy as np
import torch

from ngcore.errors import TooLargeError
from ngcore.text import clean_text
from ngcore.upload.weights.summary import Summary, summarise

STORED_AS = {
    "float64": "f8",
    "float32": "f4",
    "float16": "f2",
    "bfloat16": "u2",
    "float8_e4m3fn": "u1",
    "float8_e5m2": "u1",
    "int64": "i8",
    "int32": "i4",
    "int16": "i2",
    "int8": "i1",
    "uint64": "u8",
    "uint32": "u4",
    "uint16": "u2",
    "uint8": "u1",
    "bool": "u1",
}
"""How the numbers of each data type are stored, as NumPy says it without the byte order."""

FLOATS = frozenset(dtype for dtype in STORED_AS if "float" in dtype)
BLOCK = 1 << 20  # numbers that are looked at in one go; 8 MiB as float64
MAX_ARRAY = 200_000_000  # numbers that `array` holds in memory at once, 800 MB as float32


def item_bytes(dtype: str) -> int:
    """Bytes that one number of a data type takes in a file."""
    return int(STORED_AS[dtype][1:])


@dataclasses.dataclass(frozen=True, eq=False)
class WeightTensor:
    """A named tensor of a file.

    Attributes:
        name: Its name, cleaned of control characters; still a stranger's text, so escape it in HTML.
        shape: Its shape.
        dtype: Data type of what is stored, a key of `STORED_AS`.
        read: Its numbers as they are stored; often a view of the file, which takes no memory.
        made_of: How it was computed, where the file does not hold it as such; empty otherwise.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    read: Callable[[], np.ndarray]
    made_of: str = ""

    @property
    def size(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.shape)

    @property
    def num_bytes(self) -> int:
        """Bytes that its numbers take as stored."""
        return self.size * item_bytes(self.dtype)

    @property
    def is_float(self) -> bool:
        """Whether it holds fractions, as weights do."""
        return self.dtype in FLOATS

    def blocks(self) -> Iterator[np.ndarray]:
        """All numbers in order, as flat float arrays of at most `BLOCK`."""
        if not self.size:
            return
        stored = self.read()
        if stored.flags.c_contiguous:
            pieces: Iterable[Any] = [stored.reshape(-1)]
        else:
            pieces = np.nditer(stored, flags=["external_loop", "buffered"], buffersize=BLOCK, order="C")
        for piece in pieces:
            for start in range(0, piece.size, BLOCK):
                yield decode(piece[start : start + BLOCK], self.dtype)

    def array(self) -> np.ndarray:
        """All numbers as float32, in memory.

        Raises:
            TooLargeError: If they are more than `MAX_ARRAY`.
        """
        if self.size > MAX_ARRAY:
            raise TooLargeError(f"Expected at most {MAX_ARRAY:,} numbers, got {self.size:,} in {self.name!r}.")
        with np.errstate(over="ignore"):
            return decode(self.read(), self.dtype).astype(np.float32).reshape(self.shape)

    @cached_property
    def summary(self) -> Summary:
        """Statistics of all numbers, computed block by block on first use."""
        return summarise(self.blocks)


def decode(stored: np.ndarray, dtype: str) -> np.ndarray:
    """Stored numbers as float32 or float64, whatever holds them exactly (64-bit integers apart)."""
    if dtype == "bfloat16":
        return (stored.astype(np.uint32) << 16).view(np.float32)
    if dtype.startswith("float8"):
        own = torch.from_numpy(stored.astype(np.uint8, order="C", copy=True))
        return own.view(getattr(torch, dtype)).to(torch.float32).numpy()
    if item_bytes(dtype) <= 2 or dtype == "float32":
        return stored.astype(np.float32, copy=False)
    return stored.astype(np.float64, copy=False)


def numbers(buffer: memoryview, dtype: str, shape: tuple[int, ...], *, order: str = "<") -> np.ndarray:
    """A view of stored bytes as an array; the caller knows that there are enough of them."""
    return np.frombuffer(buffer, f"{order}{STORED_AS[dtype]}", math.prod(shape)).reshape(shape)


def clean_name(name: str, taken: set[str]) -> str:
    """A name fit to be shown, with a number behind it where cleaning makes it that of another tensor."""
    clean = shown = clean_text(name)
    count = 1
    while shown in taken:
        count += 1
        shown = f"{clean} ({count})"
    taken.add(shown)
    return shown
