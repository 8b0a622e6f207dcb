"""What a network costs, from its architecture alone, so that nothing too large is ever built or run."""

import dataclasses
import math

from ngcore.errors import TooLargeError
from ngcore.networks.architecture import Architecture
from ngcore.networks.layers import BatchNorm, Conv2d, LayerNorm, Linear, Shape

FLOAT_BYTES = 4
MEBI = 1024 * 1024
MAX_FORWARD_BYTES = 1024 * MEBI
"""Values of one forward pass; half of what the smallest machine that runs the app has."""

MAX_MULTIPLY_ADDS = 50_000_000_000
"""Multiply-adds of one action: 2 to 10 seconds on two cores, by how well the shapes suit them."""


@dataclasses.dataclass(frozen=True)
class Cost:
    """Memory and work of a network in float32.

    Attributes:
        num_edges: Edges of its neural graph, in one direction.
        parameter_bytes: Its parameters.
        graph_bytes: Features of its neural graph, where every kernel is padded to the largest of the network.
        value_bytes: All values of a forward pass, and two more of the largest while its layer runs.
        multiply_adds: Work of a forward pass; a layer without weights counts one for each value it computes.
    """

    num_edges: int
    parameter_bytes: int
    graph_bytes: int
    value_bytes: int
    multiply_adds: int


def cost_of(architecture: Architecture, *, num_inputs: int = 1) -> Cost:
    """The cost of one network, and of a forward pass of `num_inputs` inputs through it."""
    values = [math.prod(shape) for shape in architecture.shapes]
    edges, kernels = _edges(architecture)
    area = max((height for height, _ in kernels), default=1) * max((width for _, width in kernels), default=1)
    nodes = _num_nodes(architecture) * (3 if any(isinstance(layer, BatchNorm) for layer in architecture.layers) else 1)
    return Cost(
        num_edges=edges,
        parameter_bytes=FLOAT_BYTES * architecture.num_parameters,
        graph_bytes=FLOAT_BYTES * (edges * area + nodes),
        value_bytes=FLOAT_BYTES * num_inputs * (sum(values) + 2 * max(values)),
        multiply_adds=num_inputs * _multiply_adds(architecture),
    )


def check_cost(
    architecture: Architecture,
    *,
    num_inputs: int = 1,
    max_bytes: int | None = MAX_FORWARD_BYTES,
    max_multiply_adds: int = MAX_MULTIPLY_ADDS,
) -> None:
    """Refuse a forward pass that would take too much memory or time.

    Args:
        architecture: The network's.
        num_inputs: Inputs that are run at once, times networks of a stack.
        max_bytes: Memory of its values; None where they are run in parts.
        max_multiply_adds: Its work.

    Raises:
        TooLargeError: If it exceeds a limit; says what, how much, and what to do.
    """
    cost = cost_of(architecture, num_inputs=num_inputs)
    inputs = "one input" if num_inputs == 1 else f"{num_inputs:,} inputs"
    advice = "Use a smaller network." if num_inputs == 1 else "Use fewer inputs or a smaller network."
    if max_bytes is not None and cost.value_bytes > max_bytes:
        raise TooLargeError(
            f"Running this network on {inputs} would take {in_mebibytes(cost.value_bytes)} of memory; at most "
            f"{in_mebibytes(max_bytes)} are allowed. {advice}"
        )
    if cost.multiply_adds > max_multiply_adds:
        raise TooLargeError(
            f"Running this network on {inputs} would take {in_billions(cost.multiply_adds)} multiply-adds; at most "
            f"{in_billions(max_multiply_adds)} are allowed. {advice}"
        )


def inputs_that_fit(
    architecture: Architecture,
    count: int,
    *,
    max_bytes: int = MAX_FORWARD_BYTES,
    max_multiply_adds: int | None = MAX_MULTIPLY_ADDS,
) -> int:
    """How many of `count` inputs can be run at once, at least one.

    Args:
        architecture: The network's.
        count: Number of inputs.
        max_bytes: Memory of the values.
        max_multiply_adds: Work; None where all inputs are run in the end.
    """
    each = cost_of(architecture)
    by_memory = min(count, max_bytes // each.value_bytes)
    by_work = by_memory if max_multiply_adds is None else max_multiply_adds // max(1, each.multiply_adds)
    return max(1, min(by_memory, by_work))


def in_mebibytes(count: int) -> str:
    """A number of bytes for people, rounded up."""
    return f"{math.ceil(count / MEBI):,} MiB"


def in_billions(count: int) -> str:
    """A large number for people."""
    return f"{count / 1e9:,.1f} billion"


def _multiply_adds(architecture: Architecture) -> int:
    """Work of one input."""
    total = 0
    for layer, after in zip(architecture.layers, architecture.shapes[1:], strict=True):
        match layer:
            case Linear():
                total += layer.in_features * layer.out_features
            case Conv2d():
                total += math.prod(after) * (layer.in_channels // layer.groups) * math.prod(layer.kernel_size)
            case _:
                total += math.prod(after)
    return total + sum(math.prod(architecture.shapes[skip.target]) for skip in architecture.skips)


def _edges(architecture: Architecture) -> tuple[int, list[Shape]]:
    """Number of edges of the neural graph, and the (height, width) of the kernels that they carry."""
    edges, kernels = 0, []
    neurons, grid = [architecture.input_shape[0]], architecture.input_shape[1:]  # of the block that each value is in
    for layer, after in zip(architecture.layers, architecture.shapes[1:], strict=True):
        grid = after[1:] if len(after) == 3 else grid
        count = neurons[-1]
        match layer:
            case Linear():
                kernels.append((1, 1) if layer.in_features == count else grid)
                edges += count * layer.out_features
                count = layer.out_features
            case Conv2d():
                kernels.append(layer.kernel_size)
                edges += layer.in_channels * layer.out_channels // layer.groups
                count = layer.out_channels
            case BatchNorm() | LayerNorm():
                count = layer.num_features
                edges += count
        neurons.append(count)
    return edges + sum(max(neurons[skip.source], neurons[skip.target]) for skip in architecture.skips), kernels


def _num_nodes(architecture: Architecture) -> int:
    """Neurons of the neural graph: the input's, and one block for each layer with parameters."""
    shapes = zip(architecture.layers, architecture.shapes[1:], strict=True)
    return architecture.input_shape[0] + sum(after[0] for layer, after in shapes if layer.parameter_shapes())
