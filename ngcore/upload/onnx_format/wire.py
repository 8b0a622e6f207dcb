"""Walks the bytes of an ONNX file before any parser sees them: what it holds and where, every step counted."""

import dataclasses
from collections.abc import Iterator

from ngcore.errors import TooLargeError, UnknownFormatError, UnsafeFileError
from ngcore.text import clean_text
from ngcore.upload.limits import (
    MAX_ONNX_DEPTH,
    MAX_ONNX_FIELDS,
    MAX_ONNX_NODES,
    MAX_STORED_NDIM,
    MAX_STORED_TENSORS,
)
from ngcore.upload.recipes import INLINE_ONNX
from ngcore.upload.weights.buffer import Buffer

DAMAGED = "This ONNX file is damaged: {}."
EXTERNAL = (
    "The numbers of {!r} stand in another file (external data), which is not opened. Save the model with its weights "
    "inside, then upload model-inline.onnx."
)
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5  # wire types of protocol buffers
MODEL_GRAPH, MODEL_FUNCTION = 7, 25
GRAPH_NODE, GRAPH_INITIALIZER, GRAPH_SPARSE = 1, 5, 15
NODE_INPUT, NODE_OUTPUT, NODE_OP, NODE_ATTRIBUTE, FUNCTION_NODE = 1, 2, 4, 5, 7
ATTRIBUTE_TENSORS, ATTRIBUTE_GRAPHS = (5, 10), (6, 11)
DIMS, TYPE, FLOATS, NAME, RAW, DOUBLES, EXTERNAL_DATA, LOCATION = 1, 2, 4, 8, 9, 10, 13, 14
ONNX_FIELD_TAGS = b"\x12\x1a\x22\x28\x32\x3a\x42"  # the fields of a model that may follow its version
MAX_ONNX_VERSION = 20


def matches(head: bytes) -> bool:
    """Whether the first bytes of a file are those of an ONNX model: its version, then another field."""
    return len(head) > 2 and head[0] == 8 and 2 <= head[1] <= MAX_ONNX_VERSION and head[2] in ONNX_FIELD_TAGS


@dataclasses.dataclass(frozen=True)
class Span:
    """A piece of a file."""

    start: int
    stop: int


@dataclasses.dataclass(frozen=True)
class StoredTensor:
    """A tensor as the file describes it.

    Attributes:
        name: Its name; untrusted.
        shape: Its shape as declared.
        type: Number of its data type in ONNX.
        message: Where all of it stands.
        numbers: Where its numbers stand as plain little-endian bytes; None where they are packed in another way.
    """

    name: str
    shape: tuple[int, ...]
    type: int
    message: Span
    numbers: Span | None


@dataclasses.dataclass
class Survey:
    """What an ONNX file holds.

    Attributes:
        tensors: Initialisers and tensors of constants of the main graph, in the order in which nodes first read them.
        num_nodes: Nodes of all graphs.
    """

    tensors: list[StoredTensor]
    num_nodes: int


def survey(buffer: Buffer) -> Survey:
    """Walk a whole model.

    Raises:
        UploadError: If it is damaged, exceeds a limit, or keeps numbers in other files.
    """
    return _Walk(buffer).model()


class _Walk:
    def __init__(self, buffer: Buffer) -> None:
        self.buffer, self.view = buffer, buffer.take(0, len(buffer))
        self.num_fields = self.num_nodes = self.num_tensors = 0
        self.tensors: dict[str, StoredTensor] = {}
        self.used: dict[str, None] = {}

    def model(self) -> Survey:
        for field, kind, value in self.fields(Span(0, len(self.buffer))):
            if field == MODEL_GRAPH:
                self._graph(_as_span(kind, value), depth=0)
            elif field == MODEL_FUNCTION:
                for part, own_kind, inner in self.fields(_as_span(kind, value)):
                    if part == FUNCTION_NODE:
                        self._node(_as_span(own_kind, inner), depth=1)
        order = {name: number for number, name in enumerate(self.used)}
        found = sorted(self.tensors.values(), key=lambda tensor: order.get(tensor.name, len(order)))
        return Survey(found, self.num_nodes)

    def fields(self, span: Span) -> Iterator[tuple[int, int, int | Span]]:
        """The fields of a message: number, wire type, and the number or where the bytes stand."""
        position = span.start
        while position < span.stop:
            self.num_fields += 1
            if self.num_fields > MAX_ONNX_FIELDS:
                raise TooLargeError(f"Expected an ONNX file of at most {MAX_ONNX_FIELDS:,} fields.")
            tag, position = self._varint(position, span.stop)
            field, kind = tag >> 3, tag & 7
            if kind == VARINT:
                value, position = self._varint(position, span.stop)
                yield field, kind, value
                continue
            if kind == BYTES:
                length, position = self._varint(position, span.stop)
            elif kind in (FIXED64, FIXED32):
                length = 8 if kind == FIXED64 else 4
            else:
                raise UnknownFormatError(DAMAGED.format(f"a field of an unknown kind, {kind}"))
            if not field or length > span.stop - position:
                raise UnknownFormatError(DAMAGED.format("a field is longer than what holds it"))
            yield field, kind, Span(position, position + length)
            position += length

    def _varint(self, position: int, stop: int) -> tuple[int, int]:
        value = shift = 0
        while position < stop and shift < 70:
            byte = self.view[position]
            value |= (byte & 127) << shift
            position, shift = position + 1, shift + 7
            if byte < 128:
                return value & (2**64 - 1), position
        raise UnknownFormatError(DAMAGED.format("a number does not end"))

    def _text(self, kind: int, value: int | Span) -> str:
        span = _as_span(kind, value)
        return bytes(self.view[span.start : span.stop]).decode("utf-8", "replace")

    def _graph(self, span: Span, *, depth: int) -> None:
        if depth > MAX_ONNX_DEPTH:
            raise TooLargeError(f"Expected graphs within graphs to a depth of at most {MAX_ONNX_DEPTH}.")
        for field, kind, value in self.fields(span):
            if field == GRAPH_NODE:
                self._node(_as_span(kind, value), depth=depth)
            elif field == GRAPH_INITIALIZER:
                self._tensor(_as_span(kind, value), is_shown=depth == 0)
            elif field == GRAPH_SPARSE:
                self._sparse(_as_span(kind, value))

    def _sparse(self, span: Span) -> None:
        for field, kind, value in self.fields(span):
            if field in (1, 2):
                self._tensor(_as_span(kind, value), is_shown=False)

    def _node(self, span: Span, *, depth: int) -> None:
        self.num_nodes += 1
        if self.num_nodes > MAX_ONNX_NODES:
            raise TooLargeError(f"Expected an ONNX graph of at most {MAX_ONNX_NODES:,} nodes.")
        outputs, attributes, is_constant = [], [], False
        for field, kind, value in self.fields(span):
            if field == NODE_INPUT and depth == 0:
                self.used.setdefault(self._text(kind, value))
            elif field == NODE_OUTPUT:
                outputs.append(self._text(kind, value))
            elif field == NODE_OP:
                is_constant = self._text(kind, value) == "Constant"
            elif field == NODE_ATTRIBUTE:
                attributes.append(_as_span(kind, value))
        name = outputs[0] if is_constant and depth == 0 and outputs else ""
        for attribute in attributes:
            self._attribute(attribute, depth=depth, name=name)

    def _attribute(self, span: Span, *, depth: int, name: str) -> None:
        for field, kind, value in self.fields(span):
            if field in ATTRIBUTE_TENSORS:
                self._tensor(_as_span(kind, value), is_shown=bool(name), name=name)
            elif field in ATTRIBUTE_GRAPHS:
                self._graph(_as_span(kind, value), depth=depth + 1)
            elif field in (22, 23):
                self._sparse(_as_span(kind, value))

    def _tensor(self, span: Span, *, is_shown: bool, name: str = "") -> None:
        self.num_tensors += 1
        if self.num_tensors > MAX_STORED_TENSORS:
            raise TooLargeError(f"Expected an ONNX file of at most {MAX_STORED_TENSORS:,} tensors.")
        shape: list[int] = []
        own_name, data_type, numbers = "", 0, None
        is_external, is_split = False, False
        for field, kind, value in self.fields(span):
            if field == DIMS:
                shape.extend(self._numbers(kind, value))
                self._check_axes(len(shape))
            elif field == TYPE and isinstance(value, int):
                data_type = value
            elif field == NAME:
                own_name = self._text(kind, value)
            elif field in (RAW, FLOATS, DOUBLES):
                is_split = is_split or kind != BYTES or numbers is not None
                numbers = value if isinstance(value, Span) else None
            elif field == EXTERNAL_DATA or (field == LOCATION and value != 0):
                is_external = True
        name = name or own_name
        if is_external:
            raise UnsafeFileError(EXTERNAL.format(clean_text(name)), recipe=INLINE_ONNX)
        if is_shown:
            stored = StoredTensor(name, tuple(shape), data_type, span, None if is_split else numbers)
            self.tensors[name] = stored

    def _check_axes(self, count: int) -> None:
        if count > MAX_STORED_NDIM:
            raise TooLargeError(f"Expected tensors of at most {MAX_STORED_NDIM} axes, got one of more.")

    def _numbers(self, kind: int, value: int | Span) -> list[int]:
        """Whole numbers, one or packed; those that are negative come out larger than any size."""
        if isinstance(value, int):
            return [value]
        position, found = value.start, []
        while kind == BYTES and position < value.stop:
            number, position = self._varint(position, value.stop)
            found.append(number)
            self._check_axes(len(found))
        return found


def _as_span(kind: int, value: int | Span) -> Span:
    if kind != BYTES or isinstance(value, int):
        raise UnknownFormatError(DAMAGED.format("a number where a message belongs"))
    return value
