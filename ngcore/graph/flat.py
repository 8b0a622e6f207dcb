"""The flat layout: neural graphs of any architectures in one batch, as sorted edge lists."""

import dataclasses
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ngcore.errors import ShapeMismatchError
from ngcore.graph.neural_graph import NeuralGraph
from ngcore.graph.structure import GraphStructure

if TYPE_CHECKING:
    from torch_geometric.data import Data


@dataclasses.dataclass(frozen=True)
class FlatGraph:
    """Several neural graphs as one list of nodes and one list of edges, the edges sorted by their targets.

    Attributes:
        structures: One for each stack of graphs.
        counts: Graphs in each stack.
        kernel_size: (height, width) that the kernels are padded to.
        node_features: (nodes, d_node), graph after graph.
        edge_features: (edges, d_edge).
        edge_index: (2, edges) sources and targets.
        edge_order: (edges,) position of each edge in the block layout's order, graph after graph, block after block.
    """

    structures: tuple[GraphStructure, ...]
    counts: tuple[int, ...]
    kernel_size: tuple[int, int]
    node_features: Float[Tensor, "nodes d_node"]
    edge_features: Float[Tensor, "edges d_edge"]
    edge_index: Int[Tensor, "2 edges"]
    edge_order: Int[Tensor, " edges"]

    def __len__(self) -> int:
        return sum(self.counts)


def block_edge_index(structure: GraphStructure) -> Int[Tensor, "2 edges"]:
    """Sources and targets of the edges of one graph, block after block, each in (group, source, target) order."""
    parts = []
    for block in structure.edge_blocks:
        groups, sources, targets = structure.edge_shape(block)
        group = torch.arange(groups)[:, None, None]
        source = structure.node_blocks[block.source].start + group * sources + torch.arange(sources)[:, None]
        target = structure.node_blocks[block.target].start + group * targets + torch.arange(targets)
        parts.append(torch.stack([t.expand(groups, sources, targets).flatten() for t in (source, target)]))
    return torch.cat(parts, dim=1)


def to_flat(graphs: NeuralGraph | Sequence[NeuralGraph]) -> FlatGraph:
    """Put stacks of neural graphs, of one or several architectures, into one flat batch.

    Raises:
        ShapeMismatchError: If their kernels are padded to different sizes.
    """
    graphs = [graphs] if isinstance(graphs, NeuralGraph) else list(graphs)
    sizes = {graph.kernel_size for graph in graphs}
    if len(sizes) != 1:
        raise ShapeMismatchError(
            f"Expected kernels padded to one size, got {sorted(sizes)}; pass kernel_size to to_graph."
        )
    width = max(graph.node_features.shape[2] for graph in graphs)
    nodes = [
        torch.nn.functional.pad(g.node_features, (0, width - g.node_features.shape[2])).flatten(0, 1) for g in graphs
    ]
    edges = [join_edges(graph.edge_features) for graph in graphs]
    index = flat_edge_index([graph.structure for graph in graphs], [len(graph) for graph in graphs])
    order = index[1].argsort(stable=True).to(nodes[0].device)
    return FlatGraph(
        structures=tuple(graph.structure for graph in graphs),
        counts=tuple(len(graph) for graph in graphs),
        kernel_size=sizes.pop(),
        node_features=torch.cat(nodes),
        edge_features=torch.cat(edges)[order],
        edge_index=index.to(order.device)[:, order],
        edge_order=order,
    )


def flat_edge_index(structures: Sequence[GraphStructure], counts: Sequence[int]) -> Int[Tensor, "2 edges"]:
    """Sources and targets of all edges of stacks of graphs, graph after graph, each in block order."""
    parts, start = [], 0
    for structure, count in zip(structures, counts, strict=True):
        offsets = start + structure.num_nodes * torch.arange(count)
        parts.append((block_edge_index(structure)[:, None] + offsets[:, None]).flatten(1))  # 2, graphs · edges
        start += structure.num_nodes * count
    return torch.cat(parts, dim=1)


def from_flat(flat: FlatGraph) -> list[NeuralGraph]:
    """Inverse of `to_flat`: the stacks of neural graphs in the block layout."""
    edges = torch.empty_like(flat.edge_features)
    edges[flat.edge_order] = flat.edge_features
    num_nodes = [s.num_nodes * count for s, count in zip(flat.structures, flat.counts, strict=True)]
    num_edges = [s.num_edges * count for s, count in zip(flat.structures, flat.counts, strict=True)]
    stacks = zip(flat.structures, flat.counts, flat.node_features.split(num_nodes), edges.split(num_edges), strict=True)
    return [_stack(structure, count, nodes, rows, flat.kernel_size) for structure, count, nodes, rows in stacks]


def _stack(
    structure: GraphStructure, count: int, nodes: Tensor, edges: Tensor, kernel_size: tuple[int, int]
) -> NeuralGraph:
    node_features = nodes.unflatten(0, (count, -1))[..., : structure.node_width]  # networks, nodes, d_node
    return NeuralGraph(structure, node_features, tuple(split_edges(edges, structure, count)), kernel_size)


def join_edges(blocks: Sequence[Tensor]) -> Tensor:
    """Edge values in blocks as rows (edges, …), graph by graph and block by block; see `NeuralGraph.edge_features`."""
    rows = torch.cat([block.flatten(1, 3) for block in blocks], dim=1)  # networks, edges, …
    return rows.flatten(0, 1)


def split_edges(rows: Tensor, structure: GraphStructure, count: int) -> list[Tensor]:
    """Inverse of `join_edges` for `count` graphs of one structure."""
    shapes = [structure.edge_shape(block) for block in structure.edge_blocks]
    stacked = rows.unflatten(0, (count, -1))  # networks, edges, …
    parts = stacked.split([math.prod(shape) for shape in shapes], dim=1)
    return [part.unflatten(1, shape) for part, shape in zip(parts, shapes, strict=True)]


def to_pyg(graph: NeuralGraph) -> "list[Data]":
    """One torch_geometric `Data` a network: `x`, `edge_index`, `edge_attr`, `node_layer` and `edge_block`."""
    from torch_geometric.data import Data

    structure = graph.structure
    layer = torch.cat([torch.full((block.size,), i) for i, block in enumerate(structure.node_blocks)])
    index, block = block_edge_index(structure), _edge_blocks(structure)
    edges = torch.cat([features.flatten(1, 3) for features in graph.edge_features], dim=1)  # networks, edges, d
    rows = zip(graph.node_features, edges, strict=True)
    return [Data(x=x, edge_index=index, edge_attr=e, node_layer=layer, edge_block=block) for x, e in rows]


def _edge_blocks(structure: GraphStructure) -> Int[Tensor, " edges"]:
    """Which edge block each edge of `block_edge_index` belongs to."""
    sizes = [math.prod(structure.edge_shape(block)) for block in structure.edge_blocks]
    return torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))


def from_pyg(graphs: "Sequence[Data]", structure: GraphStructure, kernel_size: tuple[int, int]) -> NeuralGraph:
    """Inverse of `to_pyg`; edges may be in any order.

    Args:
        graphs: Graphs of one architecture.
        structure: The structure that they share.
        kernel_size: (height, width) that their kernels are padded to.

    Raises:
        ShapeMismatchError: If a graph has other nodes or edges than the structure says.
    """
    expected = torch.cat((block_edge_index(structure), _edge_blocks(structure)[None]))
    position = {edge: i for i, edge in enumerate(map(tuple, expected.T.tolist()))}
    rows = []
    for graph in graphs:
        own = list(map(tuple, torch.cat((graph.edge_index, graph.edge_block[None])).T.tolist()))
        if len(graph.x) != structure.num_nodes or sorted(own) != sorted(position):
            raise ShapeMismatchError(
                f"Expected {structure.num_nodes} nodes and the {structure.num_edges} edges of "
                f"{structure.architecture.name}, got {len(graph.x)} nodes and {len(own)} edges."
            )
        edges = torch.empty_like(graph.edge_attr)
        edges[torch.tensor([position[edge] for edge in own])] = graph.edge_attr
        rows.append(edges)
    nodes = torch.cat([graph.x for graph in graphs])
    return _stack(structure, len(rows), nodes, torch.cat(rows), kernel_size)
