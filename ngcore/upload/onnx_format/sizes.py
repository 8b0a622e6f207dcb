"""The sizes of the inputs of an ONNX graph: as the file says them, and chosen where it leaves them open."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ngcore.errors import TooLargeError, UnsupportedNetworkError
from ngcore.text import clean_text
from ngcore.upload.limits import MAX_NDIM, MAX_SIDE, MAX_SIZE

BATCHES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31)


class InputSizes:
    """The sizes of inputs: as the file says them, and chosen where it leaves them open.

    Attributes:
        batch: Samples in the batch while the graph is read.
        literal_batch: Samples for which the file was written, if it says so.
        chosen: Sizes that the file leaves open, by the names that it gives them.
    """

    def __init__(self, inputs: list[Any], tensors: Mapping[str, Tensor], image: int, tokens: int) -> None:
        self.image, self.tokens = image, tokens
        self.chosen: dict[str, int] = {}
        self.shapes = {value.name: _declared(value) for value in inputs}
        first = {shape[0] for shape in self.shapes.values()}
        fixed = {size for size in first if isinstance(size, int)}
        self.literal_batch = fixed.pop() if len(fixed) == 1 else None
        self._batch_name = next((size for size in first if isinstance(size, str)), None)
        sizes = {n for shape in self.shapes.values() for n in shape[1:] if isinstance(n, int)}
        sizes |= {n for tensor in tensors.values() for n in tensor.shape}
        free = (n for n in BATCHES if all(size % n for size in sizes))
        is_open = self.literal_batch in (None, 1)
        self.batch = next(free, 37) if is_open else int(self.literal_batch or 1)

    def of(self, value: Any) -> tuple[int, ...]:
        """The shape of an input."""
        shape = self.shapes[value.name]
        rest = [self._size(n, len(shape)) for n in shape[1:]]
        limit = MAX_SIZE if len(shape) < 4 else MAX_SIDE
        if len(shape) > MAX_NDIM or any(n > limit for n in rest):
            raise TooLargeError(f"Expected inputs of moderate size, got shape {shape!s:.100}.")
        return (self.batch, *rest)

    def of_result(self, value: Any) -> tuple[int, ...] | None:
        """The shape of another tensor as the file declares it; None if it does not, or with names of its own."""
        if value.shape is None:
            return None
        found: list[int] = []
        for place, dim in enumerate(value.shape):
            size = _plain(dim)
            if isinstance(size, int):
                found.append(self.batch if place == 0 and size == self.literal_batch else size)
            elif size == self._batch_name:
                found.append(self.batch)
            elif size in self.chosen:
                found.append(self.chosen[size])
            else:
                return None
        return tuple(found) if all(0 < n <= MAX_SIZE for n in found) else None

    def _size(self, size: int | str, rank: int) -> int:
        if isinstance(size, int):
            return size
        if size == self._batch_name:
            return self.batch
        return self.chosen.setdefault(size, self.image if rank > 3 else self.tokens)


def _declared(value: Any) -> list[int | str]:
    """The shape of an input as the file declares it; names where sizes are open."""
    if value.shape is None or not len(value.shape):
        raise UnsupportedNetworkError(
            f"Expected inputs with an axis for the batch, got none declared for {clean_text(value.name or '')!r}."
        )
    shape = [_plain(dim) for dim in value.shape]
    shape = [f"axis {axis}" if dim == "" else dim for axis, dim in enumerate(shape)]
    if any(isinstance(dim, int) and dim < 1 for dim in shape):
        raise UnsupportedNetworkError(f"Expected inputs with entries, got shape {shape!s:.100}.")
    return shape


def _plain(dim: Any) -> int | str:
    return dim if isinstance(dim, int) else str(dim.value or "")
