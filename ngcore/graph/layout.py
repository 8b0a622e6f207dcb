"""The few operations that message passing needs, in the block layout and in the flat layout.

A value of the nodes is one tensor; a value of the edges is a list of tensors. Every edge is seen from both ends: a
message may flow to the edge's target (the forward direction) or to its source (the reverse direction).
"""

import abc
import functools
from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from ngcore.graph.flat import flat_edge_index, join_edges, split_edges
from ngcore.graph.structure import GraphStructure

Reduction = Literal["sum", "max"]
Direction = Literal["forward", "reverse"]
Edges = list[Tensor]
Combine = Callable[[Tensor, Tensor], Tensor]


class Layout(abc.ABC):
    """Where nodes and edges stand in memory, and how values move between them."""

    @abc.abstractmethod
    def at_source(self, nodes: Tensor) -> Edges:
        """The value of its source node at every edge, ready to broadcast against edge values."""

    @abc.abstractmethod
    def at_target(self, nodes: Tensor) -> Edges:
        """The value of its target node at every edge, ready to broadcast against edge values."""

    @abc.abstractmethod
    def reduce(self, to_target: Edges | None, to_source: Edges | None, reduction: Reduction) -> Tensor:
        """Sum or maximum, at every node, of the messages that reach it; 0 at nodes without messages.

        Args:
            to_target: Messages along the edges; None: none.
            to_source: Messages against the edges; None: none.
            reduction: "sum" or "max".
        """

    @abc.abstractmethod
    def moments(self, messages: Edges, direction: Direction) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Sum, sum of squares, maximum and minimum of the messages that reach each node in one direction."""

    @abc.abstractmethod
    def num_messages(self, direction: Direction, like: Tensor) -> Tensor:
        """How many messages reach each node in one direction, (…, nodes, 1), in the dtype of `like`."""


class BlockLayout(Layout):
    """Nodes (networks, nodes, d); edges one tensor per block, (networks, groups, sources, targets, d).

    Gathering is broadcasting and aggregating is a reduction over an axis: no index, no scatter, no copy.
    """

    def __init__(self, structure: GraphStructure) -> None:
        self.structure = structure
        self._shapes = [structure.edge_shape(block) for block in structure.edge_blocks]
        self._degrees: dict[Direction, Tensor] = {
            "forward": _degrees(structure, "forward"),
            "reverse": _degrees(structure, "reverse"),
        }

    def at_source(self, nodes: Tensor) -> Edges:
        """See `Layout`; each tensor is (networks, groups, sources, 1, d)."""
        return [
            self._block(nodes, edges.source).unflatten(1, shape[:2])[:, :, :, None]
            for edges, shape in zip(self.structure.edge_blocks, self._shapes, strict=True)
        ]

    def at_target(self, nodes: Tensor) -> Edges:
        """See `Layout`; each tensor is (networks, groups, 1, targets, d)."""
        return [
            self._block(nodes, edges.target).unflatten(1, (shape[0], shape[2]))[:, :, None]
            for edges, shape in zip(self.structure.edge_blocks, self._shapes, strict=True)
        ]

    def reduce(self, to_target: Edges | None, to_source: Edges | None, reduction: Reduction) -> Tensor:
        """See `Layout`."""
        parts: list[list[Tensor]] = [[] for _ in self.structure.node_blocks]
        for number, edges in enumerate(self.structure.edge_blocks):
            if to_target is not None:
                parts[edges.target].append(_reduce_axis(to_target[number], 2, reduction))
            if to_source is not None:
                parts[edges.source].append(_reduce_axis(to_source[number], 3, reduction))
        example = (to_target or to_source or [])[0]
        blocks = zip(self.structure.node_blocks, parts, strict=True)
        combine = torch.add if reduction == "sum" else torch.maximum
        return torch.cat([_combine(part, combine, example, block.size) for block, part in blocks], dim=1)

    def moments(self, messages: Edges, direction: Direction) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """See `Layout`."""
        parts: list[list[tuple[Tensor, ...]]] = [[] for _ in self.structure.node_blocks]
        for edges, message in zip(self.structure.edge_blocks, messages, strict=True):
            node_block, axis = (edges.target, 2) if direction == "forward" else (edges.source, 3)
            parts[node_block].append(tuple(m.flatten(1, 2) for m in AxisMoments.apply(message, axis)))
        columns = []
        combinations: tuple[Combine, ...] = (torch.add, torch.add, torch.maximum, torch.minimum)
        for number, combine in enumerate(combinations):
            blocks = zip(self.structure.node_blocks, parts, strict=True)
            rows = [_combine([p[number] for p in part], combine, messages[0], block.size) for block, part in blocks]
            columns.append(torch.cat(rows, dim=1))
        return columns[0], columns[1], columns[2], columns[3]

    def num_messages(self, direction: Direction, like: Tensor) -> Tensor:
        """See `Layout`; (nodes, 1)."""
        return self._degrees[direction].to(like)

    def _block(self, nodes: Tensor, number: int) -> Tensor:
        block = self.structure.node_blocks[number]
        return nodes[:, block.start : block.stop]


def _reduce_axis(messages: Tensor, axis: int, reduction: Reduction) -> Tensor:
    """(networks, groups, sources, targets, d) → (networks, groups · remaining, d)."""
    reduced = messages.sum(axis) if reduction == "sum" else messages.amax(axis)
    return reduced.flatten(1, 2)


def _combine(parts: list[Tensor], combine: Combine, example: Tensor, size: int) -> Tensor:
    if not parts:
        return example.new_zeros(example.shape[0], size, *example.shape[4:])
    return functools.reduce(combine, parts)


class AxisMoments(torch.autograd.Function):
    """Sum, sum of squares, maximum and minimum over one axis, with one lean backward pass for all four.

    Where several entries tie for an extremum, they share its gradient, as in torch's own `amax`.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, axis: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The four reductions, without the axis."""
        smallest, largest = torch.aminmax(x, dim=axis)
        ctx.save_for_backward(x, largest, smallest)
        ctx.axis = axis
        precise = torch.promote_types(x.dtype, torch.float32)  # sums of half-precision messages in full precision
        return x.sum(axis, dtype=precise), x.square().sum(axis, dtype=precise), largest, smallest

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        """Gradient of x."""
        x, largest, smallest = (t if i == 0 else t.unsqueeze(ctx.axis) for i, t in enumerate(ctx.saved_tensors))
        of_sum, of_square, of_largest, of_smallest = (g.to(x.dtype).unsqueeze(ctx.axis) for g in gradients)
        gradient = torch.addcmul(of_sum, x, 2 * of_square)
        zero = gradient.new_zeros(())
        for extremum, of_extremum in ((largest, of_largest), (smallest, of_smallest)):
            ties = x == extremum
            shared = of_extremum / ties.sum(ctx.axis, keepdim=True)
            gradient += torch.where(ties, shared, zero)
        return gradient, None


@functools.lru_cache(maxsize=1024)
def _degrees(structure: GraphStructure, direction: Direction) -> Tensor:
    degrees = torch.zeros(structure.num_nodes, 1)
    for edges in structure.edge_blocks:
        _, sources, targets = structure.edge_shape(edges)
        block = structure.node_blocks[edges.target if direction == "forward" else edges.source]
        degrees[block.start : block.stop] += sources if direction == "forward" else targets
    return degrees


class FlatLayout(Layout):
    """Nodes (nodes, d); edges a list of one tensor (edges, d), sorted by target: any mixture of architectures."""

    def __init__(self, structures: Sequence[GraphStructure], counts: Sequence[int], device: torch.device) -> None:
        self.structures, self.counts = tuple(structures), tuple(counts)
        self.source, self.target, self.order, self._by_source = (
            index.to(device) for index in _sorted_index(self.structures, self.counts)
        )
        self.num_nodes = sum(s.num_nodes * count for s, count in zip(structures, counts, strict=True))
        self._lengths: dict[Direction, Tensor] = {
            "forward": torch.bincount(self.target, minlength=self.num_nodes),
            "reverse": torch.bincount(self.source, minlength=self.num_nodes),
        }

    def at_source(self, nodes: Tensor) -> Edges:
        """See `Layout`."""
        return [nodes[self.source]]

    def at_target(self, nodes: Tensor) -> Edges:
        """See `Layout`."""
        return [nodes[self.target]]

    def reduce(self, to_target: Edges | None, to_source: Edges | None, reduction: Reduction) -> Tensor:
        """See `Layout`."""
        parts, lengths = [], []
        if to_target is not None:
            parts.append(self._segments(to_target[0], "forward", reduction))
            lengths.append(self._lengths["forward"])
        if to_source is not None:
            parts.append(self._segments(to_source[0][self._by_source], "reverse", reduction))
            lengths.append(self._lengths["reverse"])
        if reduction == "sum":
            return functools.reduce(torch.add, parts)
        reached = functools.reduce(torch.add, lengths).view(-1, *(1,) * (parts[0].dim() - 1)) > 0
        return torch.where(reached, functools.reduce(torch.maximum, parts), 0)

    def moments(self, messages: Edges, direction: Direction) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """See `Layout`."""

        def reduced(values: Tensor, reduction: Reduction) -> Tensor:
            is_forward = direction == "forward"
            return self.reduce([values] if is_forward else None, None if is_forward else [values], reduction)

        message = messages[0]
        largest, smallest = reduced(message, "max"), -reduced(-message, "max")
        return reduced(message, "sum"), reduced(message.square(), "sum"), largest, smallest

    def _segments(self, sorted_messages: Tensor, direction: Direction, reduction: Reduction) -> Tensor:
        lengths = self._lengths[direction]
        return torch.segment_reduce(sorted_messages, reduction, lengths=lengths, axis=0, unsafe=True)

    def num_messages(self, direction: Direction, like: Tensor) -> Tensor:
        """See `Layout`; (nodes, 1)."""
        return self._lengths[direction][:, None].to(like)

    def pack(self, nodes: Sequence[Tensor], edges: Sequence[Edges]) -> tuple[Tensor, Edges]:
        """Values of stacks in the block layout → values in the flat layout."""
        rows = torch.cat([join_edges(blocks) for blocks in edges])  # edges, d
        return torch.cat([stack.flatten(0, 1) for stack in nodes]), [rows[self.order]]

    def unpack(self, nodes: Tensor, edges: Edges | None = None) -> list[tuple[Tensor, Edges]]:
        """Inverse of `pack`; without edges, lists of edges are empty."""
        stacks = list(zip(self.structures, self.counts, strict=True))
        node_parts = nodes.split([s.num_nodes * count for s, count in stacks])
        unpacked = [part.unflatten(0, (count, -1)) for part, count in zip(node_parts, self.counts, strict=True)]
        if edges is None:
            return [(part, []) for part in unpacked]
        rows = torch.zeros_like(edges[0]).index_copy(0, self.order, edges[0])
        edge_parts = rows.split([s.num_edges * count for s, count in stacks])
        blocks = [split_edges(part, s, count) for part, (s, count) in zip(edge_parts, stacks, strict=True)]
        return list(zip(unpacked, blocks, strict=True))


@functools.lru_cache(maxsize=64)
def _sorted_index(structures: tuple[GraphStructure, ...], counts: tuple[int, ...]) -> tuple[Tensor, ...]:
    """Sources and targets of the edges sorted by target, where each stood before, and their order by source."""
    index = flat_edge_index(structures, counts)
    order = index[1].argsort(stable=True)
    source, target = index[:, order]
    return source, target, order, source.argsort(stable=True)


def map_edges(function: Callable[..., Tensor], *edges: Edges) -> Edges:
    """Apply a function to corresponding tensors of edge values."""
    return [function(*tensors) for tensors in zip(*edges, strict=True)]
