"""Which row of a table each block of neurons reads: by its depth, as suits chains, or by what it is made of."""

import dataclasses
import functools
import heapq
from collections.abc import Iterator
from typing import Literal

from ngcore.graph import EdgeKind, GraphStructure, graph_structure, table_row
from ngcore.networks import Architecture

RowsBy = Literal["depth", "kind"]
BlockKind = EdgeKind | Literal["input", "output", "position", "alone"]
ENDS: tuple[BlockKind, BlockKind] = ("input", "output")

TELLING: tuple[EdgeKind, ...] = (
    "recurrent",
    "embedding",
    "norm",
    "linear",
    "conv2d",
    "conv",
    "product",
    "attention",
    "pool",
    "turn",
    "constant",
    "skip",
)
"""Kinds of edges, those first that say most about the neurons that they enter."""


@dataclasses.dataclass(frozen=True)
class Rows:
    """Tables with one row a block of neurons: inputs have the first row, outputs the last.

    Attributes:
        count: Rows of a table.
        kinds: The kind of block that each row stands for; None: hidden blocks have rows by their order, and deep ones
            share the last but one.
    """

    count: int
    kinds: tuple[BlockKind, ...] | None = None

    def of(self, structure: GraphStructure) -> tuple[int, ...]:
        """The row of each node block; kinds of blocks that have none read that of the first hidden kind."""
        return _rows_of(self, structure)

    @property
    def num_weight_rows(self) -> int:
        """Rows of a table for layers of weights, to which no input belongs."""
        return self.count - 1 if self.kinds is None else self.count

    def of_weights(self, architecture: Architecture) -> dict[str, int]:
        """The row of every layer that has weights, by the name of its step."""
        return _rows_of_weights(self, architecture)


def rows_by_depth(max_hidden_layers: int) -> Rows:
    """Rows for inputs, hidden blocks and outputs of chains of some depth."""
    return Rows(max_hidden_layers + 2)


def rows_by_kind(kinds: tuple[BlockKind, ...]) -> Rows:
    """Rows for the hidden kinds of blocks that occur."""
    return Rows(len(kinds) + 2, (ENDS[0], *kinds, ENDS[1]))


@functools.lru_cache(maxsize=1024)
def _rows_of(rows: Rows, structure: GraphStructure) -> tuple[int, ...]:
    found, hidden = [], hidden_layers(structure)
    for block, kind in zip(structure.node_blocks, block_kinds(structure), strict=True):
        if kind in ENDS:
            found.append(0 if kind == "input" else rows.count - 1)
        elif rows.kinds is None:
            found.append(1 + min(hidden.index(block.alike), rows.count - 3))
        else:
            found.append(rows.kinds.index(kind) if kind in rows.kinds else 1)
    return tuple(found)


@functools.lru_cache(maxsize=1024)
def hidden_layers(structure: GraphStructure) -> tuple[int, ...]:
    """Numbers of the node blocks that are neither input nor output, the first of those that are alike."""
    blocks = structure.node_blocks
    return tuple(dict.fromkeys(block.alike for block in blocks if block.role not in ENDS))


@functools.lru_cache(maxsize=1024)
def _rows_of_weights(rows: Rows, architecture: Architecture) -> dict[str, int]:
    names = list(
        dict.fromkeys(step.name for step in architecture.steps if step.layer.flow in ("mix", "scan", "source"))
    )
    if rows.kinds is None:
        return {name: table_row(number, len(names), rows.num_weight_rows) for number, name in enumerate(names)}
    structure = graph_structure(architecture)
    found: dict[str, int] = {}
    for block, row in zip(structure.node_blocks, rows.of(structure), strict=True):
        if block.layer in names:
            found.setdefault(block.layer, row)
    return found


@functools.lru_cache(maxsize=1024)
def block_kinds(structure: GraphStructure) -> tuple[BlockKind, ...]:
    """What each node block is: an end of the network, places of a table, or what the edges into it are made of."""
    entering: list[set[EdgeKind]] = [set() for _ in structure.node_blocks]
    for edges in structure.edge_blocks:
        entering[edges.target].add(edges.kind)
    found: list[BlockKind] = []
    for block, kinds in zip(structure.node_blocks, entering, strict=True):
        if block.role != "hidden":
            found.append(block.role)
        else:
            found.append(next((kind for kind in TELLING if kind in kinds), "alone"))
    return tuple(found)


@functools.lru_cache(maxsize=1024)
def forward_order(structure: GraphStructure) -> tuple[int, ...]:
    """The node blocks in an order in which every edge but those of recurrences leads forwards.

    Blocks of a chain keep their order; the places of a table come before what is made of them.
    """
    waiting = [0] * len(structure.node_blocks)
    targets: list[list[int]] = [[] for _ in structure.node_blocks]
    for edges in structure.edge_blocks:
        if edges.kind != "recurrent" and edges.source != edges.target:
            waiting[edges.target] += 1
            targets[edges.source].append(edges.target)
    return tuple(_drained(waiting, targets))


@functools.lru_cache(maxsize=1024)
def edges_back(structure: GraphStructure) -> frozenset[int]:
    """Numbers of the edge blocks that lead back in that order: those of recurrences."""
    rank = {number: place for place, number in enumerate(forward_order(structure))}
    return frozenset(
        number
        for number, edges in enumerate(structure.edge_blocks)
        if edges.kind == "recurrent" or rank[edges.source] >= rank[edges.target]
    )


def _drained(waiting: list[int], targets: list[list[int]]) -> Iterator[int]:
    """Numbers in topological order, the least first; where a circle is left, it is opened at the least."""
    ready = [number for number, count in enumerate(waiting) if not count]
    left = dict.fromkeys(range(len(waiting)))
    while left:
        number = heapq.heappop(ready) if ready else next(iter(left))
        if number not in left:
            continue
        del left[number]
        yield number
        for target in targets[number]:
            waiting[target] -= 1
            if not waiting[target]:
                heapq.heappush(ready, target)
