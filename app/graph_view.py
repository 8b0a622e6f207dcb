"""A network's neural graph as plain arrays: what the charts draw and the tables list."""

import itertools
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

import ngcore.graph
from ngcore.errors import NeuralGraphError

if TYPE_CHECKING:
    from ngcore.graph import GraphStructure
    from ngcore.networks import Network

MAX_EDGES = 2_000_000  # arrays of 40 MB; beyond that a picture of edges shows nothing
MAX_DRAWN_EDGES = 2_000  # what a browser draws and moves without delay
MAX_DRAWN_NODES = 2_000
KIND_NAMES = {"linear": "linear", "conv2d": "convolution", "norm": "norm", "skip": "skip connection"}


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
        layer: Position of the layer in the network; None for the input.
    """

    name: str
    start: int
    size: int
    role: str
    activation: str
    layer: int | None


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
        block_layers: Position of the layer of each block in the network; None for skips.
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
    block_layers: tuple[int | None, ...]

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
        return np.array([kind != "skip" for kind in self.kinds])[self.block]

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
        layer, kind, kernel = self.block_layers[block], self.kinds[block], self.kernels[block].shape[1:]
        if layer is None:
            return ["skip connection"] * len(sources)
        starts = np.array([column.start for column in self.layers])
        into = (targets - starts[self.node_layer[targets]]).tolist()
        if kind == "norm":
            return [f"{layer}.weight[{i}]" for i in into]
        out_of = ((sources - starts[self.node_layer[sources]]) % self._group_inputs[block]).tolist()
        pairs = zip(into, out_of, strict=True)
        if kind == "linear" and kernel != (1, 1):
            area = kernel[0] * kernel[1]
            return [f"{layer}.weight[{i}, {o * area}:{(o + 1) * area}]" for i, o in pairs]
        return [f"{layer}.weight[{i}, {o}]" for i, o in pairs]

    @cached_property
    def _group_inputs(self) -> tuple[int, ...]:
        """How many neurons each neuron after a block reads, a number a block."""
        targets = (self.target[start:stop] for start, stop in itertools.pairwise(self.block_starts.tolist()))
        return tuple(int((own == own[0]).sum()) for own in targets)

    def bias_path(self, node: int) -> str | None:
        """Where the tensors hold a neuron's bias, such as "2.bias[5]"; None if it has none."""
        layer = self.layers[int(self.node_layer[node])]
        return f"{layer.layer}.bias[{node - layer.start}]" if self.has_bias[node] else None


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
        has_bias=_has_bias(structure),
        source=index[0],
        target=index[1],
        value=np.concatenate(values).astype(float),
        block=np.repeat(np.arange(len(kernels)), [len(block) for block in kernels]),
        kernels=kernels,
        kinds=tuple(block.kind for block in structure.edge_blocks),
        block_layers=tuple(block.layer for block in structure.edge_blocks),
    )


def _signed_size(kernels: np.ndarray) -> np.ndarray:
    if kernels.shape[1:] == (1, 1):
        return kernels[:, 0, 0]
    kernels = kernels.astype(float)  # squares of 1e37 are no float32
    sizes = np.sqrt(np.square(kernels).sum(axis=(1, 2)))
    return np.where(kernels.sum(axis=(1, 2)) < 0, -sizes, sizes)


def _node_layers(structure: "GraphStructure") -> tuple[NodeLayer, ...]:
    names = {"input": "input", "output": "output"}
    return tuple(
        NodeLayer(names.get(b.role, f"layer {number}"), b.start, b.size, b.role, b.activation, b.layer)
        for number, b in enumerate(structure.node_blocks)
    )


def _has_bias(structure: "GraphStructure") -> np.ndarray:
    layers = structure.architecture.layers
    flags = [
        block.layer is not None and "bias" in layers[block.layer].parameter_shapes() for block in structure.node_blocks
    ]
    return np.repeat(flags, [block.size for block in structure.node_blocks])


def activations(network: "Network", x: np.ndarray) -> np.ndarray:
    """What every neuron puts out for one input, after its activation; the mean over positions for maps.

    Args:
        network: A stack whose first network is asked.
        x: The input, of the architecture's input shape.

    Returns:
        (nodes,), in the order of the graph's nodes.
    """
    import torch

    blocks = ngcore.graph.graph_structure(network.architecture).node_blocks
    with torch.inference_mode():
        values = network[:1].values(torch.as_tensor(x, dtype=network.dtype, device=network.device)[None])
    found = []
    for block in blocks:
        responses = values[block.response][0, 0].reshape(block.size, -1)  # neurons, positions
        found.append(responses.mean(dim=1).cpu().numpy())
    return np.concatenate(found)
