"""A neural graph seen from afar: blocks of neurons as units, laid out by depth, and what joins them."""

import dataclasses
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import ngcore.graph
from app.block_names import ATTENTION, Part, common_path, kind_of, kind_without_layer, parts_of, readable

if TYPE_CHECKING:
    from ngcore.graph import GraphStructure, NodeBlock
    from ngcore.networks import Architecture

SWEEPS = 4
STATES = ("cell", "hidden", "reset")


@dataclass(frozen=True)
class Unit:
    """Neurons that are one thing to a reader: a layer, a gate, the queries of an attention.

    Attributes:
        name: The path of the module and the part that it plays; a stranger's text.
        label: The part alone, for where the whole is named; else the name.
        kind: A word or two, such as "linear" or "layer norm".
        size: Neurons.
        activation: The function that follows them.
        role: "input", "hidden", "output" or "position".
        blocks: Numbers of the node blocks that it is made of.
        group: Title of the attention or recurrence that it is part of; None for none.
        parameters: Names of the tensors that its neurons and the edges into them carry.
    """

    name: str
    label: str
    kind: str
    size: int
    activation: str
    role: str
    blocks: tuple[int, ...]
    group: str | None
    parameters: tuple[str, ...]


@dataclass(frozen=True)
class Link:
    """All edges from one unit to another.

    Attributes:
        source: Number of the unit that they leave.
        target: Number of the unit that they enter.
        kinds: What made them.
        num_edges: How many there are.
        is_weight: Whether any carries a parameter.
        is_backward: Whether they are a recurrence.
    """

    source: int
    target: int
    kinds: tuple[str, ...]
    num_edges: int
    is_weight: bool
    is_backward: bool


@dataclass(frozen=True)
class BlockMap:
    """The units of a neural graph, and where they stand.

    Attributes:
        units: In the order of the forward pass.
        links: Between them.
        depth: For each unit, how many units the longest path to it has.
        rank: For each unit, its place among those of its depth.
    """

    units: tuple[Unit, ...]
    links: tuple[Link, ...]
    depth: tuple[int, ...]
    rank: tuple[int, ...]

    @cached_property
    def rows(self) -> list[list[int]]:
        """Numbers of the units by depth, in the order of their places."""
        rows: list[list[int]] = [[] for _ in range(max(self.depth) + 1)]
        for unit in sorted(range(len(self.units)), key=lambda u: (self.depth[u], self.rank[u])):
            rows[self.depth[unit]].append(unit)
        return rows

    @cached_property
    def of_block(self) -> dict[int, int]:
        """Number of the unit that each node block is part of."""
        return {block: number for number, unit in enumerate(self.units) for block in unit.blocks}

    def neighbours(self, unit: int) -> list[int]:
        """Numbers of a unit and of those that an edge joins to it, in order."""
        found = {unit}
        for link in self.links:
            if unit in (link.source, link.target):
                found |= {link.source, link.target}
        return sorted(found)


@lru_cache(maxsize=64)
def block_map(architecture: "Architecture") -> BlockMap:
    """The units of the neural graph of an architecture."""
    structure = ngcore.graph.graph_structure(architecture)
    parts = parts_of(structure)
    members = _members(structure, parts)
    of_block = {block: number for number, own in enumerate(members) for block in own}
    titles = _titles(structure, parts)
    carried = _carried(structure)
    units = tuple(_unit(structure, own, parts.get(own[0]), titles, carried) for own in members)
    links = _links(structure, of_block, len(units))
    depth = _depths(len(units), links, [unit.role == "input" for unit in units])
    links = tuple(dataclasses.replace(link, is_backward=depth[link.source] >= depth[link.target]) for link in links)
    named = _chain_names(units) if architecture.chain else _with_own_names(units)
    return BlockMap(named, links, depth, _ranks(links, depth))


def neuron_name(architecture: "Architecture", node: int) -> str:
    """The name of a neuron, such as "layer 2 · 17".

    Args:
        architecture: Of the network.
        node: Number of the neuron in the whole graph.
    """
    structure, units = ngcore.graph.graph_structure(architecture), block_map(architecture)
    block = next(i for i, own in enumerate(structure.node_blocks) if own.start <= node < own.stop)
    unit = units.units[units.of_block[block]]
    return f"{unit.name} · {node - structure.node_blocks[unit.blocks[0]].start}"


def _chain_names(units: tuple[Unit, ...]) -> tuple[Unit, ...]:
    """The units of a chain are numbered."""
    names = [unit.role if unit.role in ("input", "output") else f"layer {i}" for i, unit in enumerate(units)]
    return tuple(dataclasses.replace(unit, name=name, label=name) for unit, name in zip(units, names, strict=True))


def _members(structure: "GraphStructure", parts: dict[int, Part]) -> list[list[int]]:
    """Node blocks by units: those that were cut and still play the same part are one."""
    found: list[list[int]] = []
    blocks = structure.node_blocks
    for number, block in enumerate(blocks):
        if found and block.first > 0 and _is_same(blocks[number - 1], block):
            last, own = parts.get(number - 1), parts.get(number)
            if last == own:
                found[-1].append(number)
                continue
        found.append([number])
    return found


def _is_same(one: "NodeBlock", other: "NodeBlock") -> bool:
    keys = [(block.layer, block.value, block.role, block.activation) for block in (one, other)]
    return keys[0] == keys[1] and other.first == one.first + one.size


def _titles(structure: "GraphStructure", parts: dict[int, Part]) -> dict[tuple[str, object], str]:
    """Titles of attentions and recurrences by their keys."""
    names: dict[tuple[str, object], list[str]] = defaultdict(list)
    for block, part in parts.items():
        if part.name in ("query", "key", "value", "query and key") and structure.node_blocks[block].layer:
            names[part.group].append(structure.node_blocks[block].layer or "")
    groups = dict.fromkeys(part.group for part in parts.values())
    titles = {group: _title(group, names[group], structure.architecture) for group in groups}
    again: dict[str, list[tuple[str, object]]] = defaultdict(list)
    for group, title in titles.items():
        again[title].append(group)
    numbered = {group: i for same in again.values() if len(same) > 1 for i, group in enumerate(same, start=1)}
    return {group: f"{title} ({numbered[group]})" if group in numbered else title for group, title in titles.items()}


def _title(group: tuple[str, object], names: list[str], architecture: "Architecture") -> str:
    kind, key = group
    if kind != ATTENTION:
        layer = next(step.layer for step in architecture.steps if step.name == key)
        cell = layer.cell.split("_")[0].upper()  # type: ignore[attr-defined]
        return f"{readable(str(key), cell)}{', backwards' if layer.is_reversed else ''}"  # type: ignore[attr-defined]
    heads = architecture.steps[int(key) - architecture.num_inputs].layer.num_heads  # type: ignore[attr-defined,call-overload]
    path = common_path(names) if names else ""
    return f"{path or ATTENTION}, {heads} head{'s' if heads > 1 else ''}"


def _carried(structure: "GraphStructure") -> dict[int, tuple[str, ...]]:
    """Names of the tensors of each node block."""
    found: dict[int, dict[str, None]] = defaultdict(dict)
    for edge in structure.edge_blocks:
        if edge.parameter is not None:
            found[edge.target][edge.parameter] = None
    for number, block in enumerate(structure.node_blocks):
        found[number] |= {own[0]: None for own in block.parameters if own is not None}
    return {number: tuple(names) for number, names in found.items()}


def _unit(
    structure: "GraphStructure",
    blocks: Sequence[int],
    part: Part | None,
    titles: dict[tuple[str, object], str],
    carried: dict[int, tuple[str, ...]],
) -> Unit:
    first, architecture = structure.node_blocks[blocks[0]], structure.architecture
    layer = next((step.layer for step in architecture.steps if step.name == first.layer), None)
    kind = kind_of(layer) if layer is not None else kind_without_layer(architecture, first.value, first.role)
    group = titles[part.group] if part else None
    name = readable(first.layer, kind) if first.layer is not None else kind
    if part is not None and part.group[0] == ATTENTION:
        name = f"{name} · {part.name}" if first.layer is not None else part.name
        kind = kind if first.layer is not None else ATTENTION
    elif part is not None:
        name, kind = f"{group} · {part.name}", "state" if part.name in STATES else "gate"
    return Unit(
        name=name,
        label=part.name if part else name,
        kind=kind,
        size=sum(structure.node_blocks[block].size for block in blocks),
        activation=first.activation,
        role=first.role,
        blocks=tuple(blocks),
        group=group,
        parameters=tuple(dict.fromkeys(name for block in blocks for name in carried.get(block, ()))),
    )


def _with_own_names(units: tuple[Unit, ...]) -> tuple[Unit, ...]:
    """Units whose names differ: those of one name are numbered."""
    counts: dict[str, int] = defaultdict(int)
    for unit in units:
        counts[unit.name] += 1
    seen: dict[str, int] = defaultdict(int)
    found = []
    for unit in units:
        seen[unit.name] += 1
        if counts[unit.name] > 1:
            name = f"{unit.name} {seen[unit.name]}"
            unit = dataclasses.replace(unit, name=name, label=unit.label if unit.group else name)
        found.append(unit)
    return tuple(found)


def _links(structure: "GraphStructure", of_block: dict[int, int], count: int) -> tuple[Link, ...]:
    found: dict[tuple[int, int], Link] = {}
    for edge in structure.edge_blocks:
        key = of_block[edge.source], of_block[edge.target]
        before = found.get(key, Link(*key, (), 0, is_weight=False, is_backward=False))
        found[key] = Link(
            *key,
            tuple(dict.fromkeys((*before.kinds, edge.kind))),
            before.num_edges + math.prod(structure.edge_shape(edge)),
            is_weight=before.is_weight or edge.parameter is not None,
            is_backward=key[0] == key[1] or edge.kind == "recurrent",
        )
    return tuple(found.values())


def _depths(count: int, links: Iterable[Link], is_input: Sequence[bool]) -> tuple[int, ...]:
    """The longest path to each unit; what nothing enters stands just before what it enters."""
    waiting, out = [0] * count, defaultdict(list)
    for link in links:
        if not link.is_backward:
            waiting[link.target] += 1
            out[link.source].append(link.target)
    sources = [unit for unit in range(count) if not waiting[unit]]
    depth, left, ready = [0] * count, set(range(count)), list(sources)
    while left:
        unit = ready.pop() if ready else min(left)  # a cycle that no recurrence explains is cut at its first unit
        if unit not in left:
            continue
        left.remove(unit)
        for target in out[unit]:
            waiting[target] -= 1
            if target in left:
                depth[target] = max(depth[target], depth[unit] + 1)
                if not waiting[target]:
                    ready.append(target)
    for unit in sources:
        if not is_input[unit] and out[unit]:
            depth[unit] = max(0, min(depth[target] for target in out[unit]) - 1)
    return tuple(depth)


def _ranks(links: Sequence[Link], depth: Sequence[int]) -> tuple[int, ...]:
    """Places among units of equal depth, close to those of the units that they are joined to."""
    rows: dict[int, list[int]] = defaultdict(list)
    for unit, row in enumerate(depth):
        rows[row].append(unit)
    joined: dict[int, dict[bool, list[int]]] = {unit: {True: [], False: []} for unit in range(len(depth))}
    for link in links:
        if depth[link.source] < depth[link.target]:
            joined[link.target][True].append(link.source)
            joined[link.source][False].append(link.target)
    place = {unit: (i + 0.5) / len(row) for row in rows.values() for i, unit in enumerate(row)}
    for sweep in range(SWEEPS):
        is_down = sweep % 2 == 0
        for row in sorted(rows, reverse=not is_down):
            means = {unit: _mean([place[other] for other in joined[unit][is_down]], place[unit]) for unit in rows[row]}
            rows[row].sort(key=lambda unit: (round(means[unit], 6), unit))
            place |= {unit: (i + 0.5) / len(rows[row]) for i, unit in enumerate(rows[row])}
    ranks = [0] * len(depth)
    for own in rows.values():
        for rank, unit in enumerate(own):
            ranks[unit] = rank
    return tuple(ranks)


def _mean(values: Sequence[float], default: float) -> float:
    return sum(values) / len(values) if values else default
