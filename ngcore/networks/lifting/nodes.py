"""The tensors of a foreign graph, and where their numbers come from."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from ngcore.networks.lifting.operations import OPERATIONS


@dataclasses.dataclass(frozen=True)
class Source:
    """Where numbers come from: a tensor of the original, looked at in another way.

    Attributes:
        name: Its name in the original state dict (or file).
        views: Permutes, reshapes, slices and repeats, each (operation, settings), that lead from it to the numbers.
        is_learned: Whether it is a parameter, not a buffer.
    """

    name: str
    views: tuple[tuple[str, tuple[tuple[str, Any], ...]], ...] = ()
    is_learned: bool = True

    def seen(self, op: str, attrs: Mapping[str, Any]) -> "Source":
        """The same after another view."""
        if op == "permute" and self.views and self.views[-1][0] == "permute":
            before: tuple[int, ...] = dict(self.views[-1][1])["order"]
            both = tuple(before[axis] for axis in attrs["order"])
            rest = dataclasses.replace(self, views=self.views[:-1])
            return rest if both == tuple(range(len(both))) else rest.seen(op, {"order": both})
        fixed = tuple((key, tuple(v) if isinstance(v, list | tuple) else v) for key, v in sorted(attrs.items()))
        return dataclasses.replace(self, views=(*self.views, (op, fixed)))

    def view(self, tensor: Tensor) -> Tensor:
        """Look at a tensor of the original's shape in the same way."""
        for op, attrs in self.views:
            tensor = OPERATIONS[op](tensor, **dict(attrs))
        return tensor


@dataclasses.dataclass(eq=False)
class Node:
    """One tensor of a foreign graph.

    Attributes:
        op: What makes it: a key of `OPERATIONS`, "input", "constant", or "unknown".
        reads: Tensors that it is made of; None where an optional one is missing.
        attrs: Settings by name.
        shape: With the batch.
        path: Of the module that made it ("encoder.layers.0"); of unknown ones also what they are.
        value: Its numbers, where they depend on no input.
        source: Where these come from, if they are a view of one tensor of the original.
        origins: Names of all tensors of the original that they were computed from.
        is_learned: Whether one of these is a parameter.
    """

    op: str
    reads: tuple["Node | None", ...]
    attrs: dict[str, Any]
    shape: tuple[int, ...]
    dtype: torch.dtype
    path: str = ""
    value: Tensor | None = None
    source: Source | None = None
    origins: frozenset[str] = frozenset()
    is_learned: bool = False

    @property
    def is_constant(self) -> bool:
        """Whether it depends on no input."""
        return self.value is not None

    @property
    def number(self) -> float | None:
        """Its value, if it is one fixed number."""
        if self.value is None or self.is_learned or self.value.numel() != 1:
            return None
        return float(self.value)

    def operand(self, index: int) -> "Node | None":
        """What it reads at a place, None where there is nothing."""
        return self.reads[index] if index < len(self.reads) else None


@runtime_checkable
class Graph(Protocol):
    """What recognising patterns needs of a `ForeignGraph`."""

    def apply(self, op: str, *reads: Node | None, path: str = "", **attrs: Any) -> Node:
        """The result of an operation."""

    def constant(self, value: Tensor | float) -> Node:
        """Numbers."""


def first_line(error: Exception) -> str:
    """The kind of an error and the first line of what it says."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else 'no message'}"[:300]
