"""What a network costs, from its architecture alone, so that nothing too large is ever built or run."""

import dataclasses
import math

from ngcore.errors import TooLargeError
from ngcore.networks.architecture import Architecture
from ngcore.networks.layers import (
    Add,
    Attend,
    BatchNorm,
    ChannelPool,
    Constant,
    Convolution,
    Embedding,
    Linear,
    Multiply,
    Recurrence,
    Shape,
    TransposedConvolution,
    Turn,
)

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
    total, shapes = 0, architecture.shapes
    for number, step in enumerate(architecture.steps):
        layer, after = step.layer, shapes[architecture.num_inputs + number]
        match layer:
            case Linear():
                total += layer.in_features * math.prod(after)
            case TransposedConvolution():
                before = math.prod(shapes[step.reads[0]])
                total += before * (layer.out_channels // layer.groups) * math.prod(layer.kernel_size)
            case Convolution():
                total += math.prod(after) * (layer.in_channels // layer.groups) * math.prod(layer.kernel_size)
            case Recurrence():
                total += layer.num_gates * (layer.input_size + layer.hidden_size) * math.prod(after)
            case Attend():
                tokens = shapes[step.reads[1]][1]
                total += tokens * (math.prod(shapes[step.reads[0]]) + math.prod(after))
            case _:
                total += math.prod(after)
    return total


def _edges(architecture: Architecture) -> tuple[int, list[Shape]]:
    """Number of edges of the neural graph, and the (height, width) of the kernels that they carry."""
    edges, kernels = 0, []
    neurons, grids = _neurons(architecture)
    for number, step in enumerate(architecture.steps):
        layer, made = step.layer, architecture.num_inputs + number
        read = [neurons[value] for value in step.reads]
        count = neurons[made]
        match layer:
            case Linear():
                kernels.append((1, 1) if layer.in_features == read[0] else grids[step.reads[0]])
                edges += read[0] * layer.out_features
            case Convolution():
                *first, last = layer.kernel_size
                kernels.append((math.prod(first), last))
                edges += layer.in_channels * layer.out_channels // layer.groups
            case Recurrence():
                edges += layer.num_gates * layer.hidden_size * (layer.input_size + layer.hidden_size + 2)
            case Attend():
                edges += 2 * read[0] + read[1] + read[2] + count
            case Embedding():
                edges += math.prod(layer.parameter_shapes()["weight"])
            case Constant():
                edges += math.prod(layer.shape) if layer.is_learned and len(layer.shape) > 1 else 0
            case Turn() | ChannelPool() if count != read[0]:
                edges += read[0] * count
            case Add() | Multiply():
                edges += sum(max(count, own) for own in read[isinstance(layer, Add) :])
            case _ if layer.flow == "norm":
                edges += count
    return edges, kernels


def _neurons(architecture: Architecture) -> tuple[list[int], list[Shape]]:
    """Neurons of the block that each value is in, and the (height, width) of the map that they were flattened from."""
    neurons = [shape[0] for shape in architecture.input_shapes]
    grids = [_grid(shape) for shape in architecture.input_shapes]
    for step, shape in zip(architecture.steps, architecture.shapes[architecture.num_inputs :], strict=True):
        count = shape[0]
        match step.layer.flow:
            case "keep" | "spread":
                count = neurons[step.reads[0]]
            case "join" | "add":
                read = [neurons[value] for value in step.reads]
                count = sum(read) if step.layer.flow == "join" else read[-1]
        neurons.append(count)
        grids.append(_grid(shape) if len(shape) > 1 or not step.reads else grids[step.reads[-1]])
    return neurons, grids


def _grid(shape: Shape) -> Shape:
    return (math.prod(shape[1:-1]), shape[-1]) if len(shape) > 1 else (1, 1)


def _num_nodes(architecture: Architecture) -> int:
    """Neurons of the neural graph: the inputs', and those of each layer that makes new ones."""
    total = sum(shape[0] for shape in architecture.input_shapes)
    for step, shape in zip(architecture.steps, architecture.shapes[architecture.num_inputs :], strict=True):
        match step.layer:
            case Recurrence():
                total += (step.layer.num_gates + 3) * shape[0]
            case Attend():
                total += architecture.shapes[step.reads[0]][0] + step.layer.num_heads + shape[0]
            case Constant():
                total += shape[0] + step.layer.num_positions
            case _ if step.layer.flow in ("mix", "norm", "multiply", "turn", "reduce"):
                total += shape[0]
    return total
