"""The bytes of an ONNX file → its graph as `onnx_ir` sees it, once they were surveyed."""

import logging
from collections.abc import Iterable, Iterator
from types import NoneType

import onnx
import onnx_ir
from google.protobuf.message import DecodeError

from ngcore.errors import TooLargeError, UnknownFormatError, UnsupportedNetworkError
from ngcore.text import clean_text
from ngcore.upload.limits import MAX_ONNX_STEPS
from ngcore.upload.onnx_format.wire import survey
from ngcore.upload.weights.buffer import Buffer

OLDEST_OPSET, NEWEST_OPSET = 7, 25
STANDARD_DOMAINS = ("", "ai.onnx")
INLINE_FUNCTIONS = """\
import onnx
import onnx.inliner

model = onnx.inliner.inline_local_functions(onnx.load("model.onnx"))
onnx.save(model, "model-inline.onnx")
"""
PARSER_ERRORS = (DecodeError, ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, RuntimeError)
"""What the libraries raise on damaged models."""

_log = logging.getLogger("onnx_ir")  # it quotes names from the file, which are a stranger's text
_log.addHandler(logging.NullHandler())
_log.propagate = False


def parse(data: bytes) -> tuple[onnx_ir.Graph, int]:
    """The main graph of a model, its nodes sorted, and its opset.

    Raises:
        UploadError: If it is damaged, too large, or made of functions of its own.
    """
    survey(Buffer(data))
    try:
        model = onnx_ir.from_proto(onnx.load_model_from_string(data))
        graph = model.graph
        graph.sort()
    except PARSER_ERRORS as error:
        raise UnknownFormatError("This ONNX file is damaged: its graph does not hold together.") from error
    if not all(isinstance(text, str | NoneType) for text in _texts(graph)):
        raise UnknownFormatError("This ONNX file is damaged: a name in it is no text.")
    if model.functions:
        raise UnsupportedNetworkError(
            f"This ONNX file defines {len(model.functions)} functions of its own, which are not read. Put them in "
            "place, then upload model-inline.onnx.",
            recipe=INLINE_FUNCTIONS,
        )
    if len(graph) > MAX_ONNX_STEPS:
        raise TooLargeError(f"Expected an ONNX graph of at most {MAX_ONNX_STEPS:,} nodes, got {len(graph):,}.")
    return graph, _opset(model.opset_imports.items())


def _texts(graph: onnx_ir.Graph) -> Iterator[object]:
    """All names in a graph, which are bytes where they are not valid."""
    for value in (*graph.inputs, *graph.outputs, *graph.initializers.values()):
        yield value.name
    for node in graph:
        yield from (node.name, node.op_type, node.domain, *node.attributes, *node.metadata_props.values())
        yield from (value.name for value in (*node.inputs, *node.outputs) if value is not None)


def _opset(imports: Iterable[tuple[str, int]]) -> int:
    opset = max((version for domain, version in imports if domain in STANDARD_DOMAINS), default=0)
    if not OLDEST_OPSET <= opset <= NEWEST_OPSET:
        raise UnsupportedNetworkError(
            f"Expected an ONNX file of opset {OLDEST_OPSET} to {NEWEST_OPSET}, got {clean_text(str(opset))}. "
            "onnx.version_converter converts it."
        )
    return opset
