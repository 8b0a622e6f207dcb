"""Where everything stands in the drawing: a rectangle for each unit, a place for each neuron, a way for each line."""

import itertools
import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from app.block_map import Unit, block_map
from app.viewer.columns import Columns, Slot, columns_of

if TYPE_CHECKING:
    from app.block_map import BlockMap
    from ngcore.networks import Architecture

MAX_ITEMS = 4_096  # drawn neurons of a unit; larger units are drawn as groups of neighbouring ones
HEIGHT = 720.0  # of a full column of neurons, in units of the drawing: pixels at zoom 1
ROOMY_COLUMNS = 10
MIN_SIDE = 8  # pixels of the smallest image that is recognised
MIN_WIDTH, PADDING = 64.0, 14.0
LANE, ASIDE = 12.0, 22.0
ALIGNMENT_SWEEPS = 10


@dataclass(frozen=True)
class Grid:
    """How the neurons of a unit stand: in columns from top to bottom, or row by row where they are pixels.

    Attributes:
        items: Neurons that are drawn, or groups of them.
        per_item: Neurons of a group; 1 where each has its own place.
        rows: Places one above the other.
        pitch: From a place to the next.
        side: Pixels of a row of the image that they are; 0 for none.
    """

    items: int
    per_item: int
    rows: int
    pitch: float
    side: int = 0

    @property
    def columns(self) -> int:
        """Places side by side."""
        return self.side or math.ceil(self.items / self.rows)


@dataclass(frozen=True)
class Box:
    """A rectangle: its centre and its sides."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Layout:
    """The drawing of an architecture.

    Attributes:
        boxes: One for each unit.
        grids: One for each unit.
        ways: For each link the points that it passes on its way; none where it is straight.
        starts: For each unit the number of its first item among all.
        is_roomy: Whether there is room for all neurons at once.
    """

    boxes: tuple[Box, ...]
    grids: tuple[Grid, ...]
    ways: tuple[tuple[tuple[float, float], ...], ...]
    starts: tuple[int, ...]
    is_roomy: bool

    @property
    def num_items(self) -> int:
        """Drawn neurons and groups of all units."""
        return sum(grid.items for grid in self.grids)

    def positions(self) -> np.ndarray:
        """float32 (items, 2), the place of every drawn neuron."""
        parts = [_item_places(grid, box) for grid, box in zip(self.grids, self.boxes, strict=True)]
        return np.concatenate(parts).astype(np.float32)


@lru_cache(maxsize=64)
def layout_of(architecture: "Architecture") -> Layout:
    """Lay an architecture out from left to right: units in columns, neurons in units, lines beside blocks."""
    units = block_map(architecture)
    columns = columns_of(units)
    is_roomy = len(columns.slots) <= ROOMY_COLUMNS
    crowd = [max(1, sum(not slot.is_lane for slot in column)) for column in columns.slots]
    grids = tuple(
        _grid(unit, architecture, crowd[units.depth[i]], is_roomy=is_roomy) for i, unit in enumerate(units.units)
    )
    sizes = [_size(grid) for grid in grids]
    gap = 46.0 if is_roomy else 30.0
    heights = [[LANE if slot.is_lane else sizes[slot.unit][1] for slot in column] for column in columns.slots]
    middles = _middles(columns, heights, gap)
    lefts, rights = _sides(columns, sizes, heights, is_roomy=is_roomy)
    place = {
        (slot, depth): middle
        for depth, (column, own) in enumerate(zip(columns.slots, middles, strict=True))
        for slot, middle in zip(column, own, strict=True)
    }
    boxes = tuple(Box((lefts[d] + rights[d]) / 2, place[Slot(i), d], *sizes[i]) for i, d in enumerate(units.depth))
    lanes = {(slot.unit, d): (lefts[d], rights[d], y) for (slot, d), y in place.items() if slot.is_lane}
    ways, floors = [], _floors(units, boxes)
    for link in units.links:
        start, end = units.depth[link.source], units.depth[link.target]
        if end > start:
            passed = [lanes[link.source, d] for d in range(start + 1, end)]
            ways.append(tuple(point for left, right, y in passed for point in ((left, y), (right, y))))
        else:
            right, left, floor = rights[start] + ASIDE, lefts[end] - ASIDE, floors[link.source]
            corners = (right, boxes[link.source].y), (right, floor), (left, floor), (left, boxes[link.target].y)
            ways.append(corners)
    starts = tuple(np.cumsum([0, *(grid.items for grid in grids)]).tolist()[:-1])
    return Layout(boxes, grids, tuple(ways), starts, is_roomy)


def _floors(units: "BlockMap", boxes: tuple[Box, ...]) -> dict[int, float]:
    """How far down the recurrences of each unit lead: below all blocks that they pass, each at its own height."""
    reach: dict[int, int] = {}
    for link in units.links:
        if units.depth[link.target] <= units.depth[link.source]:
            reach[link.source] = min(reach.get(link.source, units.depth[link.source]), units.depth[link.target])
    found: dict[int, float] = {}
    for source, first in reach.items():
        last = units.depth[source]
        passed = [box for box, depth in zip(boxes, units.depth, strict=True) if first <= depth <= last]
        floor = max(box.y + box.height / 2 for box in passed) + ASIDE
        taken = [found[o] for o in found if reach[o] <= last and first <= units.depth[o]]
        while any(abs(floor - other) < LANE for other in taken):
            floor += LANE
        found[source] = floor
    return found


def image_side(unit: Unit, architecture: "Architecture") -> int:
    """Pixels of a row of the square image, or of the three of a colour image, that an input is; 0 if it is none."""
    if unit.role != "input" or (unit.size,) not in architecture.input_shapes:
        return 0
    for channels in (1, 3):
        side = math.isqrt(unit.size // channels)
        if side >= MIN_SIDE and channels * side * side == unit.size and unit.size <= MAX_ITEMS:
            return side
    return 0


def _grid(unit: Unit, architecture: "Architecture", crowd: int, *, is_roomy: bool) -> Grid:
    per_item = math.ceil(unit.size / MAX_ITEMS)
    items = math.ceil(unit.size / per_item)
    height = HEIGHT * max(0.3, crowd**-0.75)
    if not is_roomy:
        height = min(height, 60 + 22 * math.log2(1 + items))
    side = image_side(unit, architecture)
    if side:
        return Grid(items, 1, items // side, min(height / side, 16.0), side)
    rows = items if items <= 48 else max(32, math.ceil(math.sqrt(3 * items)))
    return Grid(items, per_item, rows, min(height / rows, 44.0 if items <= 48 else 22.0))


def _size(grid: Grid) -> tuple[float, float]:
    """Width and height of a unit."""
    width, height = grid.columns * grid.pitch, grid.rows * grid.pitch
    return max(MIN_WIDTH, width + 2 * PADDING), height + 2 * PADDING


def _sides(
    columns: Columns, sizes: list[tuple[float, float]], heights: list[list[float]], *, is_roomy: bool
) -> tuple[list[float], list[float]]:
    """Left and right ends of the columns."""
    widths = [max([0.0, *(sizes[s.unit][0] for s in column if not s.is_lane)]) for column in columns.slots]
    totals = [sum(own) for own in heights]
    lefts, rights, x = [], [], 0.0
    for depth, width in enumerate(widths):
        if depth:
            x += min(max(0.26 * max(totals[depth - 1], totals[depth]), 120.0), 220.0) if is_roomy else 90.0
        lefts.append(x)
        x += width
        rights.append(x)
    return lefts, rights


def _middles(columns: Columns, heights: list[list[float]], gap: float) -> list[list[float]]:
    """The middle of every slot: near the mean of what it is joined to, without touching its neighbours."""
    places = []
    for own in heights:
        ends = np.cumsum([height + gap for height in own])
        places.append((ends - np.array(own) / 2 - ends[-1] / 2).tolist())
    for sweep in range(ALIGNMENT_SWEEPS):
        order = range(len(places)) if sweep % 2 == 0 else range(len(places) - 1, -1, -1)
        for depth in order:
            wanted = _wanted(columns, places, depth)
            places[depth] = _without_overlap(wanted, heights[depth], gap)
    return places


def _wanted(columns: Columns, places: list[list[float]], depth: int) -> list[float]:
    found: list[list[float]] = [[] for _ in places[depth]]
    if depth:
        for earlier, later in columns.joined[depth - 1]:
            found[later].append(places[depth - 1][earlier])
    if depth + 1 < len(places):
        for earlier, later in columns.joined[depth]:
            found[earlier].append(places[depth + 1][later])
    return [sum(own) / len(own) if own else places[depth][i] for i, own in enumerate(found)]


def _without_overlap(wanted: list[float], heights: list[float], gap: float) -> list[float]:
    """Middles in the same order, as near to the wanted ones as least squares allow, `gap` apart.

    Middles that would overlap form a cluster around the mean of their wishes (pool adjacent violators).
    """
    offsets = [0.0]
    for above, below in itertools.pairwise(heights):
        offsets.append(offsets[-1] + (above + below) / 2 + gap)
    clusters: list[tuple[float, int]] = []  # mean of (wish − offset), members
    for wish, offset in zip(wanted, offsets, strict=True):
        mean, count = wish - offset, 1
        while clusters and clusters[-1][0] > mean:
            other, members = clusters.pop()
            mean, count = (mean * count + other * members) / (count + members), count + members
        clusters.append((mean, count))
    shifts = [mean for mean, count in clusters for _ in range(count)]
    return [shift + offset for shift, offset in zip(shifts, offsets, strict=True)]


def _item_places(grid: Grid, box: Box) -> np.ndarray:
    """(items, 2) places of the neurons of a unit, centred in its box."""
    number = np.arange(grid.items)
    row, column = np.divmod(number, grid.side) if grid.side else np.divmod(number, grid.rows)[::-1]
    in_column = grid.rows if grid.side else np.minimum(grid.rows, grid.items - column * grid.rows)
    x = box.x + (column - (grid.columns - 1) / 2) * grid.pitch
    y = box.y + (row - (in_column - 1) / 2) * grid.pitch
    return np.stack([x, y], axis=1)
