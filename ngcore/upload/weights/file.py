"""A file of weights, opened: its tensors by name, what was set aside and why, and what was decided on the way."""

import dataclasses
import hashlib
from functools import cached_property

import torch
from torch import Tensor

from ngcore.errors import TooLargeError
from ngcore.upload.limits import MAX_PARAMETERS
from ngcore.upload.weights.buffer import Buffer
from ngcore.upload.weights.tensor import WeightTensor
from ngcore.upload.weights.tree import natural_key

DIGEST_BLOCK = 1 << 24  # bytes that are hashed in one go


@dataclasses.dataclass(frozen=True)
class Aside:
    """Something in a file that is not shown as a weight.

    Attributes:
        name: Its name, cleaned.
        reason: Why it was set aside, such as "state of the optimiser".
        shape: Its shape; None for what is no tensor.
    """

    name: str
    reason: str
    shape: tuple[int, ...] | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class WeightFile:
    """The weights in a file, of which nothing but the headers is in memory.

    Example:
        >>> import safetensors.torch, torch
        >>> from ngcore.upload.weights import open_weights
        >>> open_weights(safetensors.torch.save({"0.weight": torch.ones(3, 2), "0.bias": torch.ones(3)}))
        WeightFile(safetensors: 2 tensors, 9 numbers)

    Attributes:
        tensors: The weights by their clean names without what wraps them all, in the order of the file. Weight norm,
            spectral norm and scales of whole numbers are folded in.
        aside: What else is in the file.
        notes: What was decided, in plain words.
        metadata: Texts that came with the tensors; nothing of them is trusted.
        is_ordered: Whether the order is the one in which the tensors were saved, and so informative.
        format: Name of the file format.
        size: Bytes of the file.
        filename: What its sender calls it, cleaned.
        buffer: The bytes of the file.
    """

    tensors: dict[str, WeightTensor]
    aside: tuple[Aside, ...]
    notes: tuple[str, ...]
    metadata: dict[str, str]
    is_ordered: bool
    format: str
    size: int
    filename: str
    buffer: Buffer = dataclasses.field(repr=False)

    def __repr__(self) -> str:
        return f"WeightFile({self.format}: {len(self.tensors)} tensors, {self.num_numbers:,} numbers)"

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each tensor by its name."""
        return {name: tensor.shape for name, tensor in self.tensors.items()}

    @property
    def likely_order(self) -> list[str]:
        """Names in the order in which the layers are likely to follow each other.

        It is that of the file; where writers sort names by their letters, layer 2 comes before layer 10 all the same.
        """
        return list(self.tensors) if self.is_ordered else sorted(self.tensors, key=natural_key)

    @property
    def num_numbers(self) -> int:
        """How many numbers all tensors hold."""
        return sum(tensor.size for tensor in self.tensors.values())

    @cached_property
    def sha256(self) -> str:
        """Digest of the file, in hex; reads all of it on first use."""
        digest = hashlib.sha256()
        for start in range(0, self.size, DIGEST_BLOCK):
            digest.update(self.buffer.take(start, min(start + DIGEST_BLOCK, self.size)))
        return digest.hexdigest()

    def state_dict(self) -> dict[str, Tensor]:
        """All tensors as float32, in memory, for readers that make a network of them.

        Raises:
            TooLargeError: If they hold more numbers than a network that is drawn whole may have.
        """
        if self.num_numbers > MAX_PARAMETERS:
            raise TooLargeError(f"Expected at most {MAX_PARAMETERS:,} parameters, got {self.num_numbers:,}.")
        return {name: torch.from_numpy(tensor.array().copy()) for name, tensor in self.tensors.items()}
