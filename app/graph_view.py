"""A network's neural graph as plain arrays: what the charts draw and the tables list."""

import itertools
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

import ngcore.graph
from ngcore.errors import NeuralGraphError

if TYPE_CHECKING:
    from ngcore.graph import EdgeBlock, GraphStructure, NodeBlock
    from ngcore.networks import Network

MAX_EDGES = 2_000_000  # arrays of 40 MB; beyond that a picture of edges shows nothing
MAX_DRAWN_EDGES = 2_000  # what a browser draws and moves without delay
MAX_DRAWN_NODES = 2_000
KIND_NAMES = {"linear": "linear", "conv2d": "convolution", "norm": "norm", "skip": "skip connection"}
EDGES_WITHOUT_WEIGHT = {"skip": "skip connection"}


class TooManyEdgesError(NeuralGraphError):
    """A network of more edges than a picture can show."""


@dataclass(frozen=True)
class NodeLayer:
    """Neurons that stand in one column.

    Attributes:
        name: Such as "input" or "layer 2".
        start: Number of the first one.
        size: How many there are.
        role: "input", "hidden" or "output".
        activation: The function that follows them.
        layer: Name of the layer in the network; None for the input.
        bias: Where the tensors hold the bias of the first of them: the tensor and the index; None: they have none.
    """

    name: str
    start: int
    size: int
    role: str
    activation: str
    layer: str | None
    bias: tuple[str, int] | None = None


@dataclass(frozen=True)
class Edge:
    """One edge of the graph, with the kernel that it carries (1 × 1 for a plain weight)."""

    number: int
    source: int
    target: int
    value: float
    kernel: np.ndarray
    path: str


@dataclass(frozen=True)
class GraphView:
    """The neural graph of one network.

    An edge of a kernel has the kernel's norm as size and the sign of its sum; a plain weight is its own value.

    Attributes:
        layers: The columns of neurons.
        bias: (nodes,).
        has_bias: (nodes,) whether the neuron has one.
        source: (edges,) node numbers.
        target: (edges,) node numbers.
        value: (edges,) signed sizes; 1 for skip connections.
        block: (edges,) which block an edge belongs to.
        kernels: One array a block, (edges of the block, height, width).
        kinds: One kind a block: "linear", "conv2d", "norm" or "skip".
        blocks: The edge blocks of the graph.
    """

    layers: tuple[NodeLayer, ...]
    bias: np.ndarray
    has_bias: np.ndarray
    source: np.ndarray
    target: np.ndarray
    value: np.ndarray
    block: np.ndarray
    kernels: tuple[np.ndarray, ...]
    kinds: tuple[str, ...]
    blocks: "tuple[EdgeBlock, ...]"

    @property
    def num_nodes(self) -> int:
        """Number of neurons."""
        return len(self.bias)

    @cached_property
    def node_layer(self) -> np.ndarray:
        """(nodes,) which column each neuron stands in."""
        return np.repeat(np.arange(len(self.layers)), [layer.size for layer in self.layers])

    @cached_property
    def is_weight(self) -> np.ndarray:
        """(edges,) whether an edge stands for a parameter; skip connections do not."""
        return np.array([block.parameter is not None for block in self.blocks])[self.block]

    @cached_property
    def order(self) -> np.ndarray:
        """Numbers of the edges that stand for parameters, the strongest first."""
        weights = np.flatnonzero(self.is_weight)
        return weights[np.argsort(-np.abs(self.value[weights]), kind="stable")]

    @cached_property
    def block_starts(self) -> np.ndarray:
        """Number of the first edge of each block."""
        return np.cumsum([0, *(len(kernels) for kernels in self.kernels)])

    def node_name(self, node: int) -> str:
        """A neuron's name, such as "layer 2 · 17"."""
        layer = self.layers[int(self.node_layer[node])]
        return f"{layer.name} · {node - layer.start}"

    def strongest(self, count: int) -> np.ndarray:
        """Numbers of the `count` strongest edges, and of all skip connections."""
        return np.concatenate([self.order[:count], np.flatnonzero(~self.is_weight)])

    def share(self, count: int) -> float:
        """Which part of the total |weight| the `count` strongest edges have."""
        sizes = np.abs(self.value[self.order])
        total = float(sizes.sum())
        return float(sizes[:count].sum()) / total if total else 1.0

    def edges_of(self, node: int, *, incoming: bool) -> np.ndarray:
        """Numbers of the edges into (out of) a neuron, the strongest first."""
        mine = np.flatnonzero((self.target if incoming else self.source) == node)
        return mine[np.argsort(-np.abs(self.value[mine]), kind="stable")]

    def edge(self, number: int) -> Edge:
        """One edge with all that is known of it."""
        block = int(self.block[number])
        source, target = int(self.source[number]), int(self.target[number])
        kernel = self.kernels[block][number - self.block_starts[block]]
        (path,) = self._paths(block, self.source[[number]], self.target[[number]])
        return Edge(number, source, target, float(self.value[number]), kernel, path)

    def paths(self) -> list[str]:
        """Where the tensors hold each edge, such as "2.weight[5, 3]"."""
        bounds = itertools.pairwise(self.block_starts.tolist())
        parts = (self._paths(i, self.source[a:b], self.target[a:b]) for i, (a, b) in enumerate(bounds))
        return list(itertools.chain.from_iterable(parts))

    def _paths(self, block: int, sources: np.ndarray, targets: np.ndarray) -> list[str]:
        """Where the tensors hold edges of one block."""
        own = self.blocks[block]
        if own.parameter is None:
            return [EDGES_WITHOUT_WEIGHT.get(own.kind, own.kind)] * len(sources)
        starts = np.array([column.start for column in self.layers])
        into = (targets - starts[self.node_layer[targets]] + own.rows[0]).tolist()
        if own.layout == "diagonal":
            return [f"{own.parameter}[{i}]" for i in into]
        out_of = (sources - starts[self.node_layer[sources]]) % self._group_inputs[block]
        area = own.kernel[0] * own.kernel[1]
        if own.layout == "in_out":
            return [f"{own.parameter}[{o}, {i}]" for i, o in zip(into, (out_of + own.columns[0]).tolist(), strict=True)]
        if own.kind == "linear" and area > 1 and not own.interleaved:
            first = (out_of * area + own.columns[0]).tolist()
            return [f"{own.parameter}[{i}, {o}:{o + area}]" for i, o in zip(into, first, strict=True)]
        first = (out_of + own.columns[0] // area).tolist()
        step = f"::{own.interleaved}" if own.interleaved else ""
        return [f"{own.parameter}[{i}, {o}{step}]" for i, o in zip(into, first, strict=True)]

    @cached_property
    def _group_inputs(self) -> tuple[int, ...]:
        """How many neurons each neuron after a block reads, a number a block."""
        targets = (self.target[start:stop] for start, stop in itertools.pairwise(self.block_starts.tolist()))
        return tuple(int((own == own[0]).sum()) for own in targets)

    def bias_path(self, node: int) -> str | None:
        """Where the tensors hold a neuron's bias, such as "2.bias[5]"; None if it has none."""
        layer = self.layers[int(self.node_layer[node])]
        return f"{layer.bias[0]}[{node - layer.start + layer.bias[1]}]" if layer.bias else None


def view_of(network: "Network") -> GraphView:
    """The neural graph of one network as arrays.

    Raises:
        TooManyEdgesError: If there are more than `MAX_EDGES` edges.
    """
    structure = ngcore.graph.graph_structure(network.architecture)
    if structure.num_edges > MAX_EDGES:
        raise TooManyEdgesError(
            f"This network has {structure.num_edges:,} weights as edges; up to {MAX_EDGES:,} are drawn. Look at its "
            "weights layer by layer instead."
        )
    one = network[:1].detach().to("cpu")
    index = ngcore.graph.block_edge_index(structure).numpy()
    kernels = tuple(
        block_kernels[0].flatten(0, 2).numpy() for block_kernels in ngcore.graph.edge_kernels(one)
    )  # edges, h, w
    values = [_signed_size(block_kernels) for block_kernels in kernels]
    nodes = ngcore.graph.node_features(one)[0, :, 0].numpy()
    return GraphView(
        layers=_node_layers(structure),
        bias=nodes,
        has_bias=np.repeat([bool(_bias_of(b)) for b in structure.node_blocks], [b.size for b in structure.node_blocks]),
        source=index[0],
        target=index[1],
        value=np.concatenate(values).astype(float),
        block=np.repeat(np.arange(len(kernels)), [len(block) for block in kernels]),
        kernels=kernels,
        kinds=tuple(block.kind for block in structure.edge_blocks),
        blocks=structure.edge_blocks,
    )


def _signed_size(kernels: np.ndarray) -> np.ndarray:
    if kernels.shape[1:] == (1, 1):
        return kernels[:, 0, 0]
    kernels = kernels.astype(float)  # squares of 1e37 are no float32
    sizes = np.sqrt(np.square(kernels).sum(axis=(1, 2)))
    return np.where(kernels.sum(axis=(1, 2)) < 0, -sizes, sizes)


def _node_layers(structure: "GraphStructure") -> tuple[NodeLayer, ...]:
    names = {"input": "input", "output": "output", "position": "positions"}
    return tuple(
        NodeLayer(
            names.get(block.role, f"layer {number}"),
            block.start,
            block.size,
            block.role,
            block.activation,
            block.layer,
            _bias_of(block),
        )
        for number, block in enumerate(structure.node_blocks)
    )


def _bias_of(block: "NodeBlock") -> tuple[str, int] | None:
    first = block.parameters[0] if block.parameters else None
    return None if first is None else (first[0], first[1] or 0)


def activations(network: "Network", x: np.ndarray) -> np.ndarray:
    """What every neuron puts out for one input, after its activation; the mean over positions for maps.

    Args:
        network: A stack whose first network is asked.
        x: The input, of the architecture's input shape.

    Returns:
        (nodes,), in the order of the graph's nodes.
    """
    import torch

    structure = ngcore.graph.graph_structure(network.architecture)
    with torch.inference_mode():
        values = network[:1].values(torch.as_tensor(x, dtype=network.dtype, device=network.device)[None])
    return torch.cat([own[0, 0] for own in ngcore.graph.node_responses(structure, values)]).cpu().numpy()
