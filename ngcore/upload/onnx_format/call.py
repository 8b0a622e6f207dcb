"""One operation of an ONNX graph, with what its reader needs to know."""

import dataclasses
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import torch

from ngcore.networks.lifting.aten_layers import HANDLERS as ATEN
from ngcore.networks.lifting.layout import UnsupportedError
from ngcore.networks.lifting.nodes import Node
from ngcore.upload.onnx_format.bounded import BoundedGraph

Made = Node | Sequence[Node | None]


@dataclasses.dataclass(frozen=True)
class Call:
    """An operation at work.

    Attributes:
        op: Its name in ONNX.
        graph: The foreign graph that is built.
        reads: What it reads; None where an optional input is missing.
        attrs: Its attributes by name: numbers, texts, lists of these, tensors.
        opset: Version of the standard operators that the file follows.
        path: Of the module that it belongs to.
        num_outputs: How many results it has.
        batch: Samples in the batch while the graph is read.
        literal_batch: Samples in the batch for which the file was written; None where it leaves them open.
    """

    op: str
    graph: BoundedGraph
    reads: tuple[Node | None, ...]
    attrs: dict[str, Any]
    opset: int
    path: str
    num_outputs: int
    batch: int
    literal_batch: int | None

    @property
    def x(self) -> Node:
        """Its first input.

        Raises:
            UnsupportedError: If it has none.
        """
        return self.read(0)

    @property
    def rank(self) -> int:
        """Axes of its first input."""
        return len(self.x.shape)

    def read(self, index: int) -> Node:
        """An input that must be there.

        Raises:
            UnsupportedError: If it is not.
        """
        found = self.optional(index)
        if found is None:
            raise UnsupportedError(f"its input {index} is missing")
        return found

    def optional(self, index: int) -> Node | None:
        """An input, None if it is missing."""
        return self.reads[index] if index < len(self.reads) else None

    def fixed(self, index: int) -> Node:
        """An input that must not depend on the network's own.

        Raises:
            UnsupportedError: If it is missing, or depends on them.
        """
        found = self.read(index)
        if not found.is_constant:
            raise UnsupportedError(f"its input {index} depends on the input")
        return found

    def list(self, name: str, index: int | None = None) -> list[Any] | None:
        """A list of numbers, an attribute of old files and an input of newer ones; None if there is neither.

        Raises:
            UnsupportedError: If it depends on the input of the network, or is no list.
        """
        if name in self.attrs:
            return list(self.attrs[name])
        if index is None or self.optional(index) is None:
            return None
        value = self.fixed(index).value
        assert value is not None
        if value.dim() > 1 or value.numel() > torch.iinfo(torch.int16).max:
            raise UnsupportedError(f"its {name} are no list")
        return list(value.reshape(-1).tolist())

    def number(self, name: str, index: int | None = None, default: float | None = None) -> float | None:
        """A number, an attribute of old files and an input of newer ones.

        Raises:
            UnsupportedError: If it is not fixed.
        """
        found = self.list(name, index) if name not in self.attrs else [self.attrs[name]]
        return float(found[0]) if found else default

    def setting(self, name: str, default: float) -> float:
        """An attribute that is one number."""
        return float(self.attrs.get(name, default))

    def axis(self, value: Any, rank: int | None = None) -> int:
        """An axis counted from the first one.

        Raises:
            UnsupportedError: If there is no such axis.
        """
        count = self.rank if rank is None else rank
        if not -count <= int(value) < max(count, 1):
            raise UnsupportedError(f"there is no axis {value}")
        return int(value) % max(count, 1)

    def apply(self, op: str, *reads: Node | None, **attrs: Any) -> Node:
        """An operation of the foreign graph at the same path."""
        return self.graph.apply(op, *reads, path=self.path, **attrs)

    def aten(self, name: str, /, **given: Any) -> Any:
        """What torch's operation of that name becomes."""
        return ATEN[name](self.graph, SimpleNamespace(**given), self.path)

    def constant(self, value: torch.Tensor, *reads: Node) -> Node:
        """Numbers computed from others."""
        return self.graph.derived(value, reads, self.path)


Operator = Callable[[Call], Made]
"""Turns an operation of ONNX into operations of the foreign graph; raises `UnsupportedError` where there are none."""
