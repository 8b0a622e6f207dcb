"""Which neurons and which edges a neural graph has: derived from the architecture, never from weight values."""

import dataclasses
import functools
import math
from typing import Literal

from ngcore.networks import Activation, ActivationKind, Architecture, BatchNorm, Conv2d, Layer, LayerNorm, Linear

Role = Literal["input", "hidden", "output"]
EdgeKind = Literal["linear", "conv2d", "norm", "skip"]


@dataclasses.dataclass(frozen=True)
class NodeBlock:
    """The neurons (channels) that one layer produces.

    Attributes:
        size: Number of neurons.
        start: Position of the first one among all nodes of the graph.
        role: Whether their order has meaning ("input", "output") or not ("hidden").
        activation: The activation that follows them.
        layer: Position of the layer in the chain; None for the input.
        value: The first value (see `Architecture`) whose channels they are.
        response: The value that holds their activations: after their own activation where one follows.
    """

    size: int
    start: int
    role: Role
    activation: ActivationKind
    layer: int | None
    value: int
    response: int

    @property
    def stop(self) -> int:
        """Position after the last neuron."""
        return self.start + self.size


@dataclasses.dataclass(frozen=True)
class EdgeBlock:
    """The edges between two node blocks: all pairs within each of `groups` groups of neurons.

    One group makes a dense block, as many groups as neurons a diagonal one.

    Attributes:
        source: Index of the node block that the edges leave.
        target: Index of the node block that they enter.
        groups: Number of groups; neurons of different groups are not connected.
        kind: What made them.
        kernel: (height, width) of the kernel that an edge carries; (1, 1) for scalars.
        layer: Position of the layer in the chain; None for a skip.
    """

    source: int
    target: int
    groups: int
    kind: EdgeKind
    kernel: tuple[int, int]
    layer: int | None


@dataclasses.dataclass(frozen=True)
class GraphStructure:
    """The blocks of the neural graph of an architecture.

    Attributes:
        architecture: Where they come from.
        node_blocks: In the order of the forward pass.
        edge_blocks: In the order of their targets; skips after the layers that they bridge.
    """

    architecture: Architecture
    node_blocks: tuple[NodeBlock, ...]
    edge_blocks: tuple[EdgeBlock, ...]

    def row(self, block_index: int, num_rows: int) -> int:
        """Row of a per-layer table for a node block; see `table_row`."""
        return table_row(block_index, len(self.node_blocks), num_rows)

    @property
    def num_nodes(self) -> int:
        """Number of neurons, inputs included."""
        return self.node_blocks[-1].stop

    @functools.cached_property
    def topology(self) -> tuple[tuple[int, ...], tuple[EdgeBlock, ...]]:
        """Sizes of the node blocks, and the edge blocks: graphs that agree in both differ in activations only."""
        return tuple(block.size for block in self.node_blocks), self.edge_blocks

    @functools.cached_property
    def num_edges(self) -> int:
        """Number of edges in one direction."""
        return sum(math.prod(self.edge_shape(block)) for block in self.edge_blocks)

    def edge_shape(self, block: EdgeBlock) -> tuple[int, int, int]:
        """(groups, sources per group, targets per group)."""
        sizes = (self.node_blocks[block.source].size, self.node_blocks[block.target].size)
        return (block.groups, sizes[0] // block.groups, sizes[1] // block.groups)

    @functools.cached_property
    def kernel_size(self) -> tuple[int, int]:
        """The smallest (height, width) that holds every kernel centred."""
        heights, widths = zip(*(block.kernel for block in self.edge_blocks), strict=True)
        return (max(heights), max(widths))

    @functools.cached_property
    def node_width(self) -> int:
        """Numbers a node carries: its bias, and with batch normalisation also running mean and variance."""
        return 3 if any(isinstance(layer, BatchNorm) for layer in self.architecture.layers) else 1


def table_row(position: int, count: int, num_rows: int) -> int:
    """Row of a per-layer table for layer `position` of `count`: the last layer has the last row, deep ones share one.

    With 4 rows and 6 layers: 0, 1, 2, 2, 2, 3.
    """
    return num_rows - 1 if position == count - 1 else min(position, num_rows - 2)


@functools.lru_cache(maxsize=256)
def graph_structure(architecture: Architecture) -> GraphStructure:
    """The blocks of the neural graph of `architecture` (paper, Sec. 2.1 to 2.3).

    Every Linear, Conv2d and norm layer opens a block of nodes. A Linear after Flatten is a convolution whose kernel
    covers the whole map, so its edges carry one number per position. Norms are diagonal blocks, skips too.
    """
    shapes, layers = architecture.shapes, architecture.layers
    opening = [i for i, layer in enumerate(layers) if isinstance(layer, Linear | Conv2d | BatchNorm | LayerNorm)]
    node_blocks: list[NodeBlock] = []
    for number, layer in enumerate([None, *opening]):
        value = 0 if layer is None else layer + 1
        role: Role = "input" if layer is None else "output" if number == len(opening) else "hidden"
        stop = opening[number] if number < len(opening) else len(layers)
        start = node_blocks[-1].stop if node_blocks else 0
        activation, response = _activation_of(layers, value, stop)
        node_blocks.append(NodeBlock(shapes[value][0], start, role, activation, layer, value, response))
    block_of_value = [max(i for i, block in enumerate(node_blocks) if block.value <= v) for v in range(len(shapes))]
    edge_blocks = [_edges_of(architecture, i, number, node_blocks[number].size) for number, i in enumerate(opening)]
    for skip in architecture.skips:
        source, target = block_of_value[skip.source], block_of_value[skip.target]
        groups = min(node_blocks[source].size, node_blocks[target].size)
        edge_blocks.append(EdgeBlock(source, target, groups, "skip", (1, 1), None))
    return GraphStructure(architecture, tuple(node_blocks), tuple(edge_blocks))


def _activation_of(layers: tuple[Layer, ...], value: int, stop: int) -> tuple[ActivationKind, int]:
    """The first activation among layers `value` … `stop` − 1, and the value that it makes."""
    for position in range(value, stop):
        layer = layers[position]
        if isinstance(layer, Activation):
            return layer.function, position + 1
    return "none", value


def _edges_of(architecture: Architecture, position: int, source: int, source_size: int) -> EdgeBlock:
    layer = architecture.layers[position]
    match layer:
        case Conv2d():
            return EdgeBlock(source, source + 1, layer.groups, "conv2d", layer.kernel_size, position)
        case Linear():
            is_vector = layer.in_features == source_size
            kernel = (1, 1) if is_vector else _flattened_map(architecture, position)
            return EdgeBlock(source, source + 1, 1, "linear", kernel, position)
    return EdgeBlock(source, source + 1, source_size, "norm", (1, 1), position)


def _flattened_map(architecture: Architecture, position: int) -> tuple[int, int]:
    """(height, width) of the map that was flattened before the Linear at `position`."""
    _, height, width = next(shape for shape in reversed(architecture.shapes[: position + 1]) if len(shape) == 3)
    return (height, width)
