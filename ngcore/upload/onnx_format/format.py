"""ONNX as a format of uploads."""

from ngcore.errors import ArchitectureError, UnsupportedNetworkError
from ngcore.upload.contents import Contents, Format
from ngcore.upload.limits import Limits
from ngcore.upload.onnx_format.wire import matches


def read(data: bytes, limits: Limits) -> Contents:
    """The network in an ONNX file.

    Raises:
        UploadError: If the file is damaged, too large, or holds no network, not even in part.
    """
    from ngcore.upload.onnx_format.parsing import parse  # the libraries take half a second
    from ngcore.upload.onnx_format.reading import read_graph

    graph, opset = parse(data)
    try:
        found = read_graph(graph, opset)
    except ArchitectureError as error:
        raise UnsupportedNetworkError(f"This ONNX file cannot be read as a network: {error}") from error
    return Contents(found.tensors, notes=found.notes, network=found.network)


FORMAT = Format("ONNX", matches, read)
