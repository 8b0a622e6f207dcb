"""A foreign network as a graph of tensor operations: what ONNX files and exported modules are read into first."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ngcore.errors import ArchitectureError, NeuralGraphError
from ngcore.networks.lifting.nodes import Node, Source
from ngcore.networks.lifting.operations import OPERATIONS
from ngcore.networks.lifting.patterns import simplified

VIEWS = ("permute", "reshape", "slice", "expand")


class ForeignGraph:
    """Builds a graph of operations, computing what depends on no input.

    Attributes:
        inputs: The tensors that are given.
        outputs: The tensors that are asked for.
        batch_size: Size of the batch, where no other axis has as many entries; None where that is not known.
        holds_layers: Whether Linear layers of constants stay layers (learned queries), rather than be computed at once
            (weights that are made by other weights).
    """

    def __init__(self, batch_size: int | None = None, *, holds_layers: bool = True) -> None:
        self.batch_size, self.holds_layers = batch_size, holds_layers
        self.inputs: list[Node] = []
        self.outputs: list[Node] = []
        self._made: dict[object, Node] = {}
        self._own: dict[str, Node] = {}

    def input(self, shape: Sequence[int], dtype: torch.dtype, name: str) -> Node:
        """A tensor that is given, with the batch on axis 0."""
        node = Node("input", (), {"name": name}, tuple(shape), dtype)
        self.inputs.append(node)
        return node

    def constant(self, value: Tensor | float, source: Source | None = None, path: str = "") -> Node:
        """Numbers, those of a tensor of the original where `source` says so."""
        tensor = torch.as_tensor(value)
        origins = frozenset((source.name,)) if source else frozenset[str]()
        is_learned = bool(source and source.is_learned)
        node = Node("constant", (), {}, tuple(tensor.shape), tensor.dtype, path, tensor, source, origins, is_learned)
        if source and not source.views:
            self._own[source.name] = node
        return node

    def held(self, node: Node) -> Node:
        """A view of a tensor of the original as operations on all of it."""
        assert node.source is not None
        made = self._held(self._own[node.source.name])
        for op, settings in node.source.views:
            made = self.apply(op, made, path=node.path, **dict(settings))
        return made

    def _held(self, node: Node) -> Node:
        """A constant as a tensor like those that depend on the input."""
        key = ("held", node)
        if key not in self._made:
            self._made[key] = Node("held", (node,), {}, node.shape, node.dtype, node.path)
        return self._made[key]

    def _is_for_samples(self, node: Node, shape: Sequence[int]) -> bool:
        """Whether a constant is repeated for each sample of the batch."""
        own = (1,) * (len(shape) - len(node.shape)) + node.shape
        return any(old == 1 and new == self.batch_size for old, new in zip(own, shape, strict=True))

    def derived(self, value: Tensor, reads: Sequence[Node], path: str = "") -> Node:
        """Numbers that were computed from constants."""
        node = self.constant(value, path=path)
        node.origins = frozenset().union(*(read.origins for read in reads))
        node.is_learned = any(read.is_learned for read in reads)
        return node

    def apply(self, op: str, *reads: Node | None, path: str = "", **attrs: Any) -> Node:
        """The result of an operation; it is computed at once where it depends on no input.

        The same operation on the same tensors is one node, and what several spell out together becomes the one
        operation that it is (see `patterns`).

        Raises:
            ArchitectureError: If the tensors do not fit.
        """
        given = [read for read in reads if read is not None]
        if op == "affine" and attrs.get("factor", 1.0) == 1 and attrs.get("shift", 0.0) == 0:
            return given[0]
        try:
            if op == "expand" and given[0].is_constant and self._is_for_samples(given[0], attrs["shape"]):
                reads = (self._held(given[0]),)
            elif op == "linear" and self.holds_layers and given[0].is_constant and given[1].is_learned:
                reads = (self._held(given[0]), *reads[1:])
            elif given and all(read.is_constant for read in given) and op != "scan":
                return self._folded(op, reads, given, path, attrs)
            shapes = [None if r is None else torch.empty(r.shape, dtype=r.dtype, device="meta") for r in reads]
            made = OPERATIONS[op](*shapes, **attrs)
        except NeuralGraphError:
            raise
        except (RuntimeError, IndexError, TypeError, ValueError) as error:
            got = ", ".join(str(read.shape) for read in given)
            raise ArchitectureError(f"Expected tensors that fit {op} at {path or 'the top'}, got {got}.") from error
        key = (op, reads, repr(sorted(attrs.items())))
        if key not in self._made:
            node = Node(op, reads, attrs, tuple(made.shape), made.dtype, path)
            self._made[key] = node
            self._made[key] = simplified(self, node)
        return self._made[key]

    def _folded(
        self, op: str, reads: Sequence[Node | None], given: Sequence[Node], path: str, attrs: dict[str, Any]
    ) -> Node:
        first = given[0]
        key = (op, *reads, repr(sorted(attrs.items())))
        if op in VIEWS and key in self._made:
            return self._made[key]
        value = OPERATIONS[op](*(None if read is None else read.value for read in reads), **attrs)
        node = self.derived(value, given, path)
        if op in VIEWS and first.source:
            node.source = first.source.seen(op, attrs)
            if not node.source.views and node.source.name in self._own:
                node = self._own[node.source.name]
        if op in VIEWS:
            self._made[key] = node
        return node

    def unknown(self, what: str, shape: Sequence[int], dtype: torch.dtype, reads: Sequence[Node], path: str) -> Node:
        """What an operation makes that has no counterpart here."""
        return Node("unknown", tuple(reads), {"what": what}, tuple(shape), dtype, path)
