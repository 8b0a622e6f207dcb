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
from ngcore.upload.limits import MAX_NDIM, MAX_SIDE, MAX_SIZE
from ngcore.upload.onnx_format.bounded import BoundedGraph
from ngcore.upload.onnx_format.call import Call, Operator
from ngcore.upload.onnx_format.elementwise import ELEMENTWISE
from ngcore.upload.onnx_format.folding import ON_NUMBERS, WITHOUT_NUMBERS
from ngcore.upload.onnx_format.moving import MOVING
from ngcore.upload.onnx_format.naming import parameter_names, path_of
from ngcore.upload.onnx_format.parsing import STANDARD_DOMAINS
from ngcore.upload.onnx_format.recurring import RECURRING
from ngcore.upload.onnx_format.tensors import DTYPES, HALVES, attribute_value, in_full, tensor_of
from ngcore.upload.onnx_format.weighing import WEIGHING
from ngcore.upload.onnx_format.windows import WINDOWS
from ngcore.upload.tensors import is_finite

OPERATORS: Mapping[str, Operator] = {
    **ELEMENTWISE,
    **MOVING,
    **WINDOWS,
    **WEIGHING,
    **RECURRING,
    **WITHOUT_NUMBERS,
}
GRAPHS_WITHIN = {"If": "a choice between graphs", "Loop": "a loop", "Scan": "a loop over an axis"}
BATCHES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31)
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
        reader = _Reader(graph, opset, tensors, _Sizes(given, tensors, image, tokens))
        try:
            return reader.read()
        except ArchitectureError as error:
            refusal = refusal or error
            if not reader.sizes.chosen:
                break
    assert refusal is not None
    raise refusal


class _Sizes:
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


class _Reader:
    """Goes through the nodes of a graph."""

    def __init__(self, graph: onnx_ir.Graph, opset: int, tensors: Mapping[str, Tensor], sizes: _Sizes) -> None:
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
