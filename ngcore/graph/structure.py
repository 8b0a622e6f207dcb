"""Which neurons and which edges a neural graph has: derived from the architecture, never from weight values."""

import dataclasses
import functools
import math
from typing import Literal, get_args

from ngcore.networks import ActivationKind, Architecture

Role = Literal["input", "hidden", "output", "position"]
EdgeKind = Literal[
    "linear",
    "conv2d",
    "norm",
    "skip",
    "conv",
    "embedding",
    "constant",
    "recurrent",
    "product",
    "attention",
    "pool",
    "turn",
]
EDGE_KINDS: tuple[EdgeKind, ...] = get_args(EdgeKind)
WeightLayout = Literal["out_in", "in_out", "diagonal"]
Feature = tuple[str, int | None]
"""A parameter that is a feature of neurons, and the index of the first one in it; None where all share one number."""


@dataclasses.dataclass(frozen=True)
class NodeBlock:
    """Neurons (channels) that one layer produces and that no layer takes apart.

    Attributes:
        size: Number of neurons.
        start: Position of the first one among all nodes of the graph.
        role: Whether their order has meaning ("input", "output", the places of a "position" table) or not ("hidden").
        activation: The activation that follows them.
        layer: Name of the step that makes them; None for inputs and for what has no parameters.
        value: The first value (see `Architecture`) among whose channels they are; None where no value holds them.
        response: The value that holds their activations: after their own activation where one follows.
        first: The first of them among the channels of `value`.
        channel: Their first channel in `response`.
        spread: Channels of that value that each of them stands for, above 1 after Flatten.
        parameters: The parameters that their features are, bias first; None where there is none.
        pinned: (number of the step, first of their channels there) of steps to which their places matter.
        alike: Number of the first node block that may stand for them, such as another head of the same layer.
    """

    size: int
    start: int
    role: Role
    activation: ActivationKind
    layer: str | None
    value: int | None
    response: int | None
    first: int = 0
    channel: int = 0
    spread: int = 1
    parameters: tuple[Feature | None, ...] = ()
    pinned: tuple[tuple[int, int], ...] = ()
    alike: int = 0

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
        target: Index of the node block that they enter; at or before the source in recurrences.
        groups: Number of groups; neurons of different groups are not connected.
        kind: What made them.
        kernel: (height, width) of the kernel that an edge carries; (1, 1) for scalars.
        layer: Name of the step; None for what has no parameters.
        parameter: The parameter that they carry; None: all are 1.
        layout: How it is stored.
        rows: Its entries for the targets, (first, one after the last).
        columns: Its entries for the sources, those of one group where there are several.
        interleaved: Channels of a position, where all of them stand side by side in a flattened value; 0 where all
            positions of a channel do.
    """

    source: int
    target: int
    groups: int
    kind: EdgeKind
    kernel: tuple[int, int]
    layer: str | None
    parameter: str | None = None
    layout: WeightLayout = "out_in"
    rows: tuple[int, int] = (0, 0)
    columns: tuple[int, int] = (0, 0)
    interleaved: int = 0


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

    def __hash__(self) -> int:
        return hash(self.architecture)  # which all else follows from; tables by structure are looked up all the time

    @property
    def num_nodes(self) -> int:
        """Number of neurons, inputs included."""
        return self.node_blocks[-1].stop

    @functools.cached_property
    def topology(self) -> tuple[object, ...]:
        """What graphs that run together must agree in; they may differ in activations."""
        edges = tuple((e.source, e.target, e.groups, e.kind, e.kernel) for e in self.edge_blocks)
        return tuple((block.size, block.role) for block in self.node_blocks), edges

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
        heights, widths = zip((1, 1), *(block.kernel for block in self.edge_blocks), strict=True)
        return (max(heights), max(widths))

    @functools.cached_property
    def node_width(self) -> int:
        """Numbers a node carries: its bias, and with batch normalisation also running mean and variance."""
        return max(1, *(len(block.parameters) for block in self.node_blocks))

    @functools.cached_property
    def outputs(self) -> tuple[int, ...]:
        """Indices of the node blocks whose neurons are outputs."""
        return tuple(i for i, block in enumerate(self.node_blocks) if block.role == "output")

    @functools.cached_property
    def inputs(self) -> tuple[int, ...]:
        """Indices of the node blocks whose neurons are inputs."""
        return tuple(i for i, block in enumerate(self.node_blocks) if block.role == "input")

    @functools.cached_property
    def constants(self) -> tuple[str, ...]:
        """Parameters that are on no node and no edge: fixed tables, such as rotary positions and masks."""
        carried = {own[0] for block in self.node_blocks for own in block.parameters if own}
        carried |= {block.parameter for block in self.edge_blocks if block.parameter}
        return tuple(name for name in self.architecture.parameter_shapes if name not in carried)


def table_row(position: int, count: int, num_rows: int) -> int:
    """Row of a per-layer table for layer `position` of `count`: the last layer has the last row, deep ones share one.

    With 4 rows and 6 layers: 0, 1, 2, 2, 2, 3.
    """
    return num_rows - 1 if position == count - 1 else min(position, num_rows - 2)


@functools.lru_cache(maxsize=1024)
def graph_structure(architecture: Architecture) -> GraphStructure:
    """The blocks of the neural graph of `architecture` (paper, Sec. 2.1 to 2.3).

    Every layer of weights and every norm opens a block of nodes; one that is sliced later opens one for each run that
    stays whole. A Linear after Flatten is a convolution whose kernel covers the whole map, so its edges carry one
    number per position. Norms are diagonal blocks, residual sums and products too.
    """
    from ngcore.graph.blocks import build  # the one place that needs it

    return build(architecture)
