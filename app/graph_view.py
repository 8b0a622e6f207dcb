"""A network's neural graph as plain arrays: what the charts draw and the tables list."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

import ngcore.graph
from app.block_map import BlockMap, block_map
from app.edge_paths import edge_paths
from ngcore.errors import NeuralGraphError

if TYPE_CHECKING:
    from ngcore.graph import EdgeBlock, GraphStructure, NodeBlock
    from ngcore.networks import Network

MAX_EDGES = 2_000_000  # arrays of 40 MB; beyond that a picture of edges shows nothing
MAX_DRAWN_EDGES = 2_000  # what a browser draws and moves without delay
MAX_DRAWN_NODES = 2_000
MAX_STRUCTURAL_EDGES = 600  # drawn edges without weights: skips, products, pools
MAX_PART_EDGES = 200_000  # that a part of a network holds; of larger blocks the strongest ones


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
        depth: Which column of the drawing they stand in.
        label: A short name where the whole that it is part of is named; else the name.
        has_values: Whether the forward pass holds what they put out, as it does not for the scores of attention.
    """

    name: str
    start: int
    size: int
    role: str
    activation: str
    layer: str | None
    bias: tuple[str, int] | None = None
    depth: int = 0
    label: str = ""
    has_values: bool = True


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
        blocks: The edge blocks, whose sources and targets are numbers of layers of this view.
        num_left_out: Weights between these neurons that the view does not hold, the weakest of large blocks.
        rest: Their total size.
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
    num_left_out: int = 0
    rest: float = 0.0

    @property
    def num_weights(self) -> int:
        """Number of edges that stand for parameters, those left out included."""
        return len(self.order) + self.num_left_out

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
        """Numbers of the `count` strongest edges, and of skip connections and others without weight."""
        others = np.flatnonzero(~self.is_weight)
        kept = np.linspace(0, len(others) - 1, min(len(others), MAX_STRUCTURAL_EDGES)).round().astype(int)
        return np.concatenate([self.order[:count], others[kept]])

    def strongest_of_layers(self, count: int) -> np.ndarray:
        """As `strongest`, but the same number of each edge block, so that no layer is left without."""
        sizes = [
            len(kernels) if block.parameter else 0 for kernels, block in zip(self.kernels, self.blocks, strict=True)
        ]
        own_block = self.block[self.order]
        kept = [self.order[own_block == i][:share] for i, share in enumerate(shares(sizes, count))]
        return np.concatenate([*kept, self.strongest(0)])

    def share(self, count: int) -> float:
        """Which part of the total |weight| the `count` strongest edges have."""
        sizes = np.abs(self.value[self.order])
        total = float(sizes.sum()) + self.rest
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
        source, target = self.layers[own.source], self.layers[own.target]
        places = (sources - source.start).tolist(), (targets - target.start).tolist()
        return edge_paths(own, *places, per_group=source.size // own.groups)

    def bias_path(self, node: int) -> str | None:
        """Where the tensors hold a neuron's bias, such as "2.bias[5]"; None if it has none."""
        layer = self.layers[int(self.node_layer[node])]
        return f"{layer.bias[0]}[{node - layer.start + layer.bias[1]}]" if layer.bias else None


def shares(counts: Sequence[int], budget: int) -> list[int]:
    """How many edges of each layer are sent: the same number for all, except that small layers are kept whole.

    Example:
        >>> shares([10, 1000, 1000], 410)
        [10, 200, 200]
    """
    found, left = [0] * len(counts), budget
    for position, number in enumerate(sorted(range(len(counts)), key=lambda i: counts[i])):
        found[number] = min(counts[number], left // (len(counts) - position))
        left -= found[number]
    return found


def view_of(network: "Network") -> GraphView:
    """The neural graph of one network as arrays.

    Raises:
        TooManyEdgesError: If there are more than `MAX_EDGES` edges.
    """
    structure = ngcore.graph.graph_structure(network.architecture)
    if structure.num_edges > MAX_EDGES:
        raise TooManyEdgesError(
            f"This network has {structure.num_edges:,} weights as edges; up to {MAX_EDGES:,} are drawn. Look at its "
            "blocks one by one instead."
        )
    return _view(network, range(len(structure.node_blocks)), MAX_EDGES)


def part_of(network: "Network", blocks: Sequence[int]) -> GraphView:
    """Some node blocks of a network and the edges between them, the strongest ones where there are very many.

    Args:
        network: A stack whose first network is shown.
        blocks: Numbers of node blocks of its graph, in order.
    """
    return _view(network, blocks, MAX_PART_EDGES)


def _view(network: "Network", blocks: Sequence[int], max_edges: int) -> GraphView:
    structure = ngcore.graph.graph_structure(network.architecture)
    layers = _node_layers(structure, block_map(network.architecture), blocks)
    place = {block: number for number, block in enumerate(blocks)}
    chosen = [edge for edge in structure.edge_blocks if edge.source in place and edge.target in place]
    own = tuple(replace(edge, source=place[edge.source], target=place[edge.target]) for edge in chosen)
    one = network[:1].detach().to("cpu")
    limit = max(1, max_edges // max(len(own), 1)) if max_edges < MAX_EDGES else max_edges
    parts = [
        _held(kernels[0].flatten(0, 2).numpy(), structure.edge_shape(edge), limit)
        for edge, kernels in zip(chosen, ngcore.graph.edge_kernels(one, chosen), strict=True)
    ]
    nodes = ngcore.graph.node_features(one)[0, :, 0].numpy()
    counts = [len(part.value) for part in parts]
    return GraphView(
        layers=layers,
        bias=np.concatenate(
            [nodes[slice(structure.node_blocks[b].start, structure.node_blocks[b].stop)] for b in blocks]
        ),
        has_bias=np.repeat([layer.bias is not None for layer in layers], [layer.size for layer in layers]),
        source=_joined([part.source + layers[edge.source].start for part, edge in zip(parts, own, strict=True)], int),
        target=_joined([part.target + layers[edge.target].start for part, edge in zip(parts, own, strict=True)], int),
        value=_joined([part.value for part in parts], float),
        block=np.repeat(np.arange(len(own)), counts),
        kernels=tuple(part.kernels for part in parts),
        kinds=tuple(edge.kind for edge in own),
        blocks=own,
        num_left_out=sum(part.num_left_out for part, edge in zip(parts, own, strict=True) if edge.parameter),
        rest=sum(part.rest for part, edge in zip(parts, own, strict=True) if edge.parameter),
    )


def _joined(parts: list[np.ndarray], kind: type) -> np.ndarray:
    return np.concatenate([np.zeros(0, kind), *parts]).astype(kind, copy=False)


class _Held(NamedTuple):
    """Edges of a block that a view holds, neurons counted from 0 in their node blocks."""

    source: np.ndarray
    target: np.ndarray
    value: np.ndarray
    kernels: np.ndarray
    num_left_out: int
    rest: float


def _held(kernels: np.ndarray, shape: tuple[int, int, int], limit: int) -> _Held:
    """The strongest `limit` edges of a block, in their order.

    Args:
        kernels: (edges, height, width).
        shape: (groups, sources per group, targets per group).
        limit: How many are kept.
    """
    value = _signed_size(kernels)
    kept = np.arange(len(value))
    if len(value) > limit:
        kept = np.sort(np.argpartition(-np.abs(value), limit)[:limit])
    groups, sources, targets = np.unravel_index(kept, shape)
    rest = (
        float(np.abs(value).sum(dtype=float) - np.abs(value[kept]).sum(dtype=float)) if len(kept) < len(value) else 0.0
    )
    return _Held(
        groups * shape[1] + sources,
        groups * shape[2] + targets,
        value[kept],
        kernels[kept] if len(kept) < len(value) else kernels,
        len(value) - len(kept),
        max(rest, 0.0),
    )


def _signed_size(kernels: np.ndarray) -> np.ndarray:
    if kernels.shape[1:] == (1, 1):
        return kernels[:, 0, 0]
    kernels = kernels.astype(float)  # squares of 1e37 are no float32
    sizes = np.sqrt(np.square(kernels).sum(axis=(1, 2)))
    return np.where(kernels.sum(axis=(1, 2)) < 0, -sizes, sizes)


def _node_layers(structure: "GraphStructure", units: BlockMap, blocks: Sequence[int]) -> tuple[NodeLayer, ...]:
    found, start = [], 0
    for number in blocks:
        block, unit = structure.node_blocks[number], units.units[units.of_block[number]]
        name = unit.name if len(unit.blocks) == 1 else f"{unit.name}, part {unit.blocks.index(number) + 1}"
        depth = units.depth[units.of_block[number]]
        has_values = block.response is not None
        found.append(
            NodeLayer(
                name,
                start,
                block.size,
                block.role,
                block.activation,
                block.layer,
                _bias_of(block),
                depth,
                unit.label,
                has_values,
            )
        )
        start += block.size
    return tuple(found)


def _bias_of(block: "NodeBlock") -> tuple[str, int] | None:
    first = block.parameters[0] if block.parameters else None
    return None if first is None else (first[0], first[1] or 0)


def activations(network: "Network", inputs: Sequence[np.ndarray]) -> np.ndarray:
    """What every neuron puts out for one input, after its activation; the mean over positions for maps.

    Args:
        network: A stack whose first network is asked.
        inputs: For each input of the architecture an array of its shape; tokens are whole numbers without an axis of
            channels.

    Returns:
        (nodes,), in the order of the graph's nodes; 0 where `NodeLayer.has_values` is not true.
    """
    import torch

    one = network[:1]
    tensors = [torch.as_tensor(x, device=network.device)[None] for x in inputs]
    tensors = [x.to(network.dtype) if x.is_floating_point() else x for x in tensors]
    structure = ngcore.graph.graph_structure(network.architecture)
    with torch.inference_mode():
        values = one.values(*tensors)
    return torch.cat([own[0, 0] for own in ngcore.graph.node_responses(structure, values)]).cpu().numpy()
