"""Limits on declared shapes, checked before a byte of a tensor is read."""

import math
from collections.abc import Mapping

from ngcore.errors import TooLargeError, UnsupportedNetworkError
from ngcore.networks import Architecture
from ngcore.networks.cost import check_cost, cost_of, in_mebibytes
from ngcore.text import clean_text
from ngcore.upload.limits import MAX_NDIM, MAX_PARAMETERS, MAX_TENSORS, Limits

Shape = tuple[int, ...]


def check_shapes(shapes: Mapping[str, Shape]) -> None:
    """Refuse tensors that are too many, too large, of too many axes, or empty.

    Raises:
        TooLargeError: If a limit is exceeded.
        UnsupportedNetworkError: If there is no tensor, or one without elements.
    """
    if not shapes:
        raise UnsupportedNetworkError("Expected a file with the weights of a network, got one without any tensor.")
    check_count(len(shapes))
    for name, shape in shapes.items():
        if len(shape) > MAX_NDIM:
            raise TooLargeError(
                f"Expected tensors of at most {MAX_NDIM} axes, got {len(shape)} in {clean_text(name)!r}."
            )
        if math.prod(shape) == 0:
            raise UnsupportedNetworkError(f"Expected tensors with elements, got shape {shape} of {clean_text(name)!r}.")
    total = sum(math.prod(shape) for shape in shapes.values())
    if total > MAX_PARAMETERS:
        raise TooLargeError(f"Expected at most {MAX_PARAMETERS:,} parameters, got {_number(total)}.")


def check_count(count: int) -> None:
    """Refuse more tensors than a table can show."""
    if count > MAX_TENSORS:
        raise TooLargeError(f"Expected at most {MAX_TENSORS:,} tensors, got {count:,}.")


def check_bytes(total: int, limits: Limits) -> None:
    """Refuse more bytes of tensors than the limits allow."""
    if total > limits.tensor_bytes:
        raise TooLargeError(f"Expected at most {limits.tensor_bytes:,} bytes of tensors, got {_number(total)}.")


def check_graph(shapes: Mapping[str, Shape], limits: Limits) -> None:
    """Refuse weights whose neural graph would not fit, by their shapes alone.

    Raises:
        TooLargeError: If the graph would have too many nodes or edges.
    """
    weights = [shape for shape in shapes.values() if len(shape) in (2, 4)]
    nodes = sum(shape[0] for shape in weights) + max((shape[1] for shape in weights[:1]), default=0)
    edges = sum(shape[0] * shape[1] for shape in weights)
    for count, limit, what in ((nodes, limits.graph_nodes, "nodes"), (edges, limits.graph_edges, "edges")):
        if count > limit:
            raise TooLargeError(f"Expected a neural graph of at most {limit:,} {what}, got {count:,}.")


def check_architecture(architecture: Architecture, limits: Limits) -> None:
    """Refuse a network that would cost too much to look at or to run once, before it is built.

    Raises:
        TooLargeError: If its graph or a forward pass of one input would be too large.
    """
    cost = cost_of(architecture)
    if cost.num_edges > limits.graph_edges:  # skips are edges, too
        raise TooLargeError(
            f"Expected a neural graph of at most {limits.graph_edges:,} edges, got {_number(cost.num_edges)}."
        )
    if cost.graph_bytes > limits.graph_bytes:
        raise TooLargeError(
            f"Expected a neural graph of at most {in_mebibytes(limits.graph_bytes)}, got "
            f"{in_mebibytes(cost.graph_bytes)}: every kernel is padded to the largest of the network."
        )
    check_cost(architecture, max_bytes=limits.value_bytes, max_multiply_adds=limits.multiply_adds)


def _number(value: int) -> str:
    """A number that may have been made to have a million digits."""
    return f"{value:,}" if value < 10**18 else "more than 10^18"
