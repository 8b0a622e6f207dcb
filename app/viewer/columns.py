"""The columns of a drawing from left to right: the units and the passing lines of each, in their order."""

from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.block_map import BlockMap

SWEEPS = 8


@dataclass(frozen=True)
class Slot:
    """What stands in a column: a unit, or the lane in which lines from a unit further left pass the column.

    Attributes:
        unit: Number of the unit; of a lane, that of the unit that its lines leave.
        is_lane: Whether it is a lane.
    """

    unit: int
    is_lane: bool = False


@dataclass(frozen=True)
class Columns:
    """The slots of every column from top to bottom, and what joins neighbouring columns.

    Attributes:
        slots: One tuple for each column.
        joined: For each column but the last, pairs (place in it, place in the next) of slots that a line joins.
    """

    slots: tuple[tuple[Slot, ...], ...]
    joined: tuple[tuple[tuple[int, int], ...], ...]

    @property
    def num_crossings(self) -> int:
        """How many pairs of lines between neighbouring columns cross."""
        return sum(
            sum((a - c) * (b - d) < 0 for i, (a, b) in enumerate(pairs) for c, d in pairs[:i]) for pairs in self.joined
        )


@lru_cache(maxsize=64)
def columns_of(units: "BlockMap") -> Columns:
    """Columns by depth in which every line that spans several of them has a lane of its own.

    Lines of one unit share their lane, so that a line never passes through a block. The order within a column follows
    the means of what a slot is joined to, swept to and fro.
    """
    columns = _slots(units)
    before = _pairs(units)
    best, fewest = columns, None
    for sweep in range(SWEEPS):
        columns = _swept(columns, before, is_forward=sweep % 2 == 0)
        found = _columns(columns, before)
        crossings = found.num_crossings if sum(map(len, found.joined)) < 2_000 else -sweep
        if fewest is None or crossings < fewest:
            best, fewest = columns, crossings
        if fewest == 0:
            break
    return _columns(best, before)


def _slots(units: "BlockMap") -> list[list[Slot]]:
    """Units at their depths and lanes between, in the order of their units' ranks."""
    columns: list[list[Slot]] = [[Slot(unit) for unit in row] for row in units.rows]
    for unit, reach in sorted(_reaches(units).items()):
        for depth in range(units.depth[unit] + 1, reach):
            columns[depth].append(Slot(unit, is_lane=True))
    return columns


def _reaches(units: "BlockMap") -> dict[int, int]:
    """For each unit the largest depth that a line from it leads to."""
    found: dict[int, int] = {}
    for link in units.links:
        if units.depth[link.target] > units.depth[link.source]:
            found[link.source] = max(found.get(link.source, 0), units.depth[link.target])
    return found


def _pairs(units: "BlockMap") -> dict[Slot, list[Slot]]:
    """For each slot those of the column before that a line joins to it."""
    found: dict[Slot, dict[Slot, None]] = defaultdict(dict)
    for link in units.links:
        start, end = units.depth[link.source], units.depth[link.target]
        if end <= start:
            continue
        lane, origin = Slot(link.source, is_lane=True), Slot(link.source)
        found[Slot(link.target)][origin if end == start + 1 else lane] = None
    return {slot: list(sources) for slot, sources in found.items()}


def _joined(column: list[Slot], before: list[Slot], pairs: dict[Slot, list[Slot]]) -> list[tuple[int, int]]:
    """Pairs of places in a column and in the one before it, in this order."""
    place = {slot: i for i, slot in enumerate(before)}
    found = []
    for i, slot in enumerate(column):
        own = [slot if slot in place else Slot(slot.unit)] if slot.is_lane else pairs.get(slot, [])
        found += [(i, place[other]) for other in own if other in place]
    return found


def _swept(columns: list[list[Slot]], pairs: dict[Slot, list[Slot]], *, is_forward: bool) -> list[list[Slot]]:
    """Every column sorted by the mean places of what it is joined to in the column before (after) it."""
    columns = [list(column) for column in columns]
    steps = range(1, len(columns)) if is_forward else range(len(columns) - 1, 0, -1)
    for depth in steps:
        joined = _joined(columns[depth], columns[depth - 1], pairs)
        own, other = (depth, depth - 1) if is_forward else (depth - 1, depth)
        shares: dict[int, list[float]] = defaultdict(list)
        for later, earlier in joined:
            mine, theirs = (later, earlier) if is_forward else (earlier, later)
            shares[mine].append((theirs + 0.5) / len(columns[other]))
        count = len(columns[own])
        means = [sum(shares[i]) / len(shares[i]) if shares[i] else (i + 0.5) / count for i in range(count)]
        columns[own] = [columns[own][i] for i in sorted(range(count), key=lambda i: (round(means[i], 6), i))]
    return columns


def _columns(columns: list[list[Slot]], pairs: dict[Slot, list[Slot]]) -> Columns:
    joined = [
        tuple((earlier, later) for later, earlier in _joined(columns[depth], columns[depth - 1], pairs))
        for depth in range(1, len(columns))
    ]
    return Columns(tuple(map(tuple, columns)), tuple(joined))
