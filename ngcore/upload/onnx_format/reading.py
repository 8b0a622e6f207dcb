"""An ONNX graph → a foreign graph, operation by operation, and that → a network."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import onnx_ir
import torch
from torch import Tensor

from ngcore.errors import ArchitectureError, TooLargeError, UnsupportedNetworkError
from ngcore.networks import Network
from ngcore.networks.lifting.assembly import Original, lifted
from ngcore.networks.lifting.layout import UnsupportedError
from ngcore.networks.lifting.nodes import Node, Source
from ngcore.networks.lifting.reading import as_chain
from ngcore.text import clean_text
from ngcore.upload.onnx_format.bounded import BoundedGraph
from ngcore.upload.onnx_format.call import Call, Operator
from ngcore.upload.onnx_format.elementwise import ELEMENTWISE
from ngcore.upload.onnx_format.folding import ON_NUMBERS, WITHOUT_NUMBERS
from ngcore.upload.onnx_format.moving import MOVING
from ngcore.upload.onnx_format.naming import parameter_names, path_of
from ngcore.upload.onnx_format.parsing import STANDARD_DOMAINS
from ngcore.upload.onnx_format.recurring import RECURRING
from ngcore.upload.onnx_format.reducing import REDUCING
from ngcore.upload.onnx_format.sizes import InputSizes
from ngcore.upload.onnx_format.tensors import DTYPES, HALVES, attribute_value, in_full, tensor_of
from ngcore.upload.onnx_format.weighing import WEIGHING
from ngcore.upload.onnx_format.windows import WINDOWS
from ngcore.upload.tensors import is_finite

OPERATORS: Mapping[str, Operator] = {
    **ELEMENTWISE,
    **MOVING,
    **REDUCING,
    **WINDOWS,
    **WEIGHING,
    **RECURRING,
    **WITHOUT_NUMBERS,
}
GRAPHS_WITHIN = {"If": "a choice between graphs", "Loop": "a loop", "Scan": "a loop over an axis"}
SIDES = (224, 32, 28, 64, 128, 256, 299, 384)
TOKENS = (16, 32, 64, 128, 77, 512)
"""Sizes that are tried where a file leaves those of images, or of sequences, open."""


@dataclasses.dataclass(frozen=True)
class Read:
    """A network out of an ONNX graph.

    Attributes:
        network: A stack of one, with the record of its origin and what it covers.
        tensors: All tensors of the graph under the names that they have here.
        notes: What was decided, in plain words.
    """

    network: Network
    tensors: dict[str, Tensor]
    notes: tuple[str, ...]


def read_graph(graph: onnx_ir.Graph, opset: int) -> Read:
    """Read a graph as a network.

    Raises:
        UploadError: If it cannot be, not even in part.
        ArchitectureError: If its tensors do not fit each other.
    """
    tensors = {name: tensor_of(value.const_value, name) for name, value in graph.initializers.items()}
    given = [value for value in graph.inputs if value.name not in graph.initializers]
    refusal: ArchitectureError | None = None
    for image, tokens in zip(SIDES, (*TOKENS, *TOKENS[:2]), strict=True):
        reader = _Reader(graph, opset, tensors, InputSizes(given, tensors, image, tokens))
        try:
            return reader.read()
        except ArchitectureError as error:
            refusal = refusal or error
            if not reader.sizes.chosen:
                break
    assert refusal is not None
    raise refusal


class _Reader:
    """Goes through the nodes of a graph."""

    def __init__(self, graph: onnx_ir.Graph, opset: int, tensors: Mapping[str, Tensor], sizes: InputSizes) -> None:
        self.onnx, self.opset, self.tensors, self.sizes = graph, opset, tensors, sizes
        self.graph = BoundedGraph()
        constants = [node.outputs[0].name or "" for node in graph if node.op_type == "Constant" and node.outputs]
        self.names = parameter_names(graph, (*tensors, *constants))
        self.state: dict[str, Tensor] = {}
        self.known: dict[str, Node] = {}
        self.rounded = self.scaled = 0

    def read(self) -> Read:
        """The network."""
        for name, tensor in self.tensors.items():
            self.known[name] = self._constant(name, tensor)
        for value in self.onnx.inputs:
            if value.name not in self.known:
                self.known[value.name or ""] = self._input(value)
        for node in self.onnx:
            self._read(node)
        self.graph.outputs = [self._known(value) for value in self.onnx.outputs]
        if not self.graph.outputs:
            raise UnsupportedNetworkError("Expected a graph with outputs, got one without.")
        learned = frozenset(name for name, tensor in self.state.items() if _is_learned(tensor))
        original = Original(self.state, {}, learned)
        network = as_chain(lifted(self.graph, original, batch_size=self.sizes.batch))
        return Read(network, self.state, tuple(self._notes()))

    def _notes(self) -> Iterator[str]:
        for name, size in self.sizes.chosen.items():
            yield f"The file leaves the size {clean_text(name)!r} open; it was read with {size}."
        if self.scaled:
            yield f"{self.scaled} tensors of whole numbers were multiplied by their scales."
        if self.rounded:
            yield f"Values are not rounded to 8 bits between the layers, as they were in {self.rounded} places."

    def _input(self, value: Any) -> Node:
        dtype = DTYPES.get(value.dtype)
        if dtype is None:
            raise UnsupportedNetworkError(f"Expected numbers as inputs, got {clean_text(str(value.dtype))}.")
        dtype = torch.float32 if dtype in HALVES else dtype
        return self.graph.input(self.sizes.of(value), dtype, clean_text(value.name or ""))

    def _constant(self, name: str, tensor: Tensor) -> Node:
        """A tensor of the file: learned, unless it is whole numbers, or a single number without an axis."""
        shown = self.names[name]
        self.state[shown] = tensor
        source = Source(shown, is_learned=_is_learned(tensor))
        return self.graph.constant(in_full(tensor), source, path=shown.rpartition(".")[0])

    def _known(self, value: Any) -> Node:
        found = self.known.get(value.name or "")
        if found is None:
            raise UnsupportedNetworkError(f"Expected a graph that makes {clean_text(value.name or '')!r}; it does not.")
        return found

    def _read(self, node: Any) -> None:
        outputs = [value for value in node.outputs if value is not None]
        if node.op_type == "Constant" and node.domain in STANDARD_DOMAINS:
            made: Any = self._own_constant(node)
        else:
            made = self._made(node, [value and self._known(value) for value in node.inputs])
        found = [made] if isinstance(made, Node) else list(made)
        for value, result in zip(outputs, found, strict=False):
            if result is not None:
                self.known[value.name or ""] = result

    def _own_constant(self, node: Any) -> Node:
        name = node.outputs[0].name or ""
        for key, attribute in node.attributes.items():
            value = attribute_value(attribute, name)
            if key == "value" and isinstance(value, Tensor):
                return self._constant(name, value) if value.numel() > 1 else self.graph.constant(value)
            if key in ("value_int", "value_ints"):
                return self.graph.constant(torch.tensor(value, dtype=torch.long))
            if key in ("value_float", "value_floats"):
                return self.graph.constant(torch.tensor(value, dtype=torch.float32))
        raise UnsupportedNetworkError(f"Expected numbers in the constant {clean_text(name)!r}.")

    def _made(self, node: Any, reads: list[Node | None]) -> Any:
        """What a node makes: by its operator, by arithmetic where it is fixed, or unknown."""
        path, given = path_of(node), [read for read in reads if read is not None]
        is_fixed = bool(given) and all(read.is_constant for read in given)
        is_own = node.domain in STANDARD_DOMAINS
        plain = ON_NUMBERS.get(node.op_type) if is_fixed and not _is_viewed(node.op_type, given) else None
        operator = (plain or OPERATORS.get(node.op_type)) if is_own else None
        if operator is None:
            return self._unknown(node, given, path, _why(node))
        self._count_scales(node.op_type, is_fixed)
        try:
            return operator(self._call(node, reads, path))
        except UnsupportedError as error:
            return self._unknown(node, given, path, str(error))
        except (RuntimeError, IndexError, TypeError, ValueError, KeyError, OverflowError, ZeroDivisionError) as error:
            if isinstance(error, TooLargeError):
                raise
            raise ArchitectureError(
                f"Expected a {node.op_type} that fits what it reads at {path or 'the top'}, got "
                f"{', '.join(str(read.shape) for read in given)}."
            ) from error

    def _call(self, node: Any, reads: list[Node | None], path: str) -> Call:
        attrs = {key: attribute_value(value, key) for key, value in node.attributes.items()}
        plain = {key: value for key, value in attrs.items() if value is not None}
        batch, literal = self.sizes.batch, self.sizes.literal_batch
        count = len(node.outputs)
        return Call(node.op_type, self.graph, tuple(reads), plain, self.opset, path, count, batch, literal)

    def _count_scales(self, op: str, is_fixed: bool) -> None:
        if op == "DequantizeLinear" and is_fixed:
            self.scaled += 1
        elif op == "QuantizeLinear":
            self.rounded += 1

    def _unknown(self, node: Any, reads: list[Node], path: str, why: str) -> list[Node]:
        """Stand-ins for what a node makes, of the shapes that the file declares."""
        what = node.op_type if node.domain in STANDARD_DOMAINS else f"{node.domain}.{node.op_type}"
        what, found = clean_text(what), []
        for value in node.outputs:
            shape, dtype = self.sizes.of_result(value), DTYPES.get(value.dtype, torch.float32)
            if shape is None or self.sizes.batch not in shape:
                where = f" at {path}" if path else ""
                raise UnsupportedNetworkError(f"Expected operations with a counterpart here, got {what}{where}: {why}.")
            found.append(self.graph.unknown(what, shape, dtype, reads, path))
            found[-1].attrs["why"] = why
        return found


def _is_viewed(op: str, reads: list[Node]) -> bool:
    """Whether an operation on learned numbers is better kept as what it is: sums of fractions have their own rules."""
    return op in ELEMENTWISE and op not in ("Greater", "Where") and all(read.dtype.is_floating_point for read in reads)


def _why(node: Any) -> str:
    if node.domain not in STANDARD_DOMAINS:
        return f"it is of the domain {clean_text(node.domain)}, not of ONNX itself"
    if node.op_type in GRAPHS_WITHIN:
        return f"it is {GRAPHS_WITHIN[node.op_type]}, which is not read"
    return "it has no counterpart here"


def _is_learned(tensor: Tensor) -> bool:
    """Whether a tensor of a file is a parameter: fractions along an axis, and no mask."""
    return tensor.is_floating_point() and tensor.dim() > 0 and tensor.numel() > 0 and is_finite(tensor)
