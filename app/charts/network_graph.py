"""The layered drawing of a neural graph for files: where its neurons stand, and what colours and widths things have."""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from app.block_names import shortened
from app.charts.gaps import full_colour
from app.charts.theme import CATEGORIES, Theme, diverging
from app.graph_view import MAX_DRAWN_NODES, GraphView, NodeLayer

WIDTH, HEIGHT = 1000.0, 800.0
COLUMN_HEIGHT = 40  # neurons one above the other; more stand in several columns
MIN_ROWS = 6
SKIP_BEND, BACKWARD_BEND = 0.25, 0.45
MAX_SYMBOL, MIN_SYMBOL = 17.0, 3.0


def fitting_name(layer: NodeLayer, letters: int) -> str:
    """The name of a layer, or a shorter one where there is less room."""
    return shortened(layer.name if len(layer.name) <= letters else layer.label or layer.name, letters)


def name_places(view: GraphView, place: np.ndarray) -> dict[int, tuple[float, float]]:
    """Where the name of each layer stands: in one line below all columns, or just below layers that share a column."""
    found = {}
    for column in columns_of(view):
        for number in column:
            own = place[view.layers[number].start : view.layers[number].start + view.layers[number].size]
            below = float(own[:, 1].max()) + 0.035 * HEIGHT if len(column) > 1 else HEIGHT + 52
            found[number] = (float(own[:, 0].mean()), below)
    return found


def drawn_nodes(view: GraphView, edges: np.ndarray) -> np.ndarray:
    """The neurons that are drawn: all of them, or those of the drawn edges where there are too many."""
    if view.num_nodes <= MAX_DRAWN_NODES:
        return np.arange(view.num_nodes)
    return np.unique(np.concatenate([view.source[edges], view.target[edges]]))


def columns_of(view: GraphView) -> list[list[int]]:
    """Numbers of the layers of each column, those of equal depth one above the other."""
    depths = sorted({layer.depth for layer in view.layers})
    return [[i for i, layer in enumerate(view.layers) if layer.depth == depth] for depth in depths]


def positions(view: GraphView) -> np.ndarray:
    """(nodes, 2) places: a column a depth, from left to right; wide layers fill several narrow columns."""
    columns = columns_of(view)
    most = [max(MIN_ROWS, COLUMN_HEIGHT // len(column)) for column in columns]
    counts = [
        [max(1, math.ceil(view.layers[i].size / rows)) for i in own] for own, rows in zip(columns, most, strict=True)
    ]
    widths = np.array([math.sqrt(max(own)) for own in counts])
    gaps, share = max(1, len(columns) - 1), WIDTH * 0.6 / max(widths.sum(), 1)
    free = WIDTH - (widths - 1).sum() * share
    starts = np.cumsum([0.0, *(free / gaps + (widths[:-1] - 1) * share)])
    places = np.empty((view.num_nodes, 2))
    for own, sub_columns, x in zip(columns, counts, starts, strict=True):
        bands = _bands([math.ceil(view.layers[i].size / n) for i, n in zip(own, sub_columns, strict=True)])
        for i, count, (top, bottom) in zip(own, sub_columns, bands, strict=True):
            layer = view.layers[i]
            spread = (math.sqrt(count) - 1) * share
            places[layer.start : layer.start + layer.size] = _places(layer.size, count, x, spread, top, bottom)
    return places


def _bands(rows: Sequence[int]) -> list[tuple[float, float]]:
    """Top and bottom of each layer of a column, higher where it has more rows; a single one has the whole height."""
    if len(rows) == 1:
        return [(0.0, HEIGHT)]
    sizes = np.array([math.sqrt(count) + 0.5 for count in rows])
    ends = np.cumsum([0.0, *(sizes / sizes.sum() * HEIGHT)])
    gap = 0.14 * HEIGHT / len(rows)
    return [(float(top) + gap, float(bottom) - gap) for top, bottom in itertools.pairwise(ends)]


def _places(size: int, count: int, x: float, spread: float, top: float, bottom: float) -> np.ndarray:
    """(size, 2) places of the neurons of a layer in narrow columns."""
    rows = math.ceil(size / count)
    column, row = np.divmod(np.arange(size), rows)
    step = min((bottom - top) / rows if rows > 1 else 0, HEIGHT / 8)
    in_column = np.minimum(rows, size - column * rows)
    across = x + (spread * column / max(1, count - 1) if count > 1 else 0 * column)
    return np.stack([across, (top + bottom) / 2 + (row - (in_column - 1) / 2) * step], axis=1)


def symbol_sizes(place: np.ndarray, view: GraphView) -> np.ndarray:
    """(nodes,) sizes in pixels, small enough that neurons do not cover each other."""
    sizes = []
    for layer in view.layers:
        own = place[layer.start : layer.start + layer.size]
        pitches = [np.diff(np.unique(np.round(own[:, axis], 3))) for axis in (0, 1)]
        pitch = min((float(steps.min()) for steps in pitches if len(steps)), default=HEIGHT / 8)
        sizes.append(min(max(0.5 * pitch, MIN_SYMBOL), MAX_SYMBOL))
    return np.repeat(sizes, [layer.size for layer in view.layers])


def node_colours(view: GraphView, values: np.ndarray | None, limit: float, theme: Theme) -> list[str]:
    """(nodes,) colours by numbers about zero; by layer where there are none."""
    if values is None:
        return [CATEGORIES[i % len(CATEGORIES)] for i in view.node_layer]
    return diverging(values, limit, theme)


def line_style(view: GraphView, number: int, part: float, theme: Theme) -> dict[str, Any]:
    """Colour, width and opacity of an edge whose size is so large a part of the largest."""
    bend = curveness(view, number)
    if not view.is_weight[number]:
        return {"color": theme.muted, "width": 1.0, "opacity": 0.7, "type": "dashed", "curveness": bend}
    colour = theme.negative if view.value[number] < 0 else theme.positive
    style = {"color": colour, "width": round(0.4 + 3.2 * part, 2), "opacity": 0.15 + 0.8 * part}
    return {**style, "curveness": bend} if bend else style


def curveness(view: GraphView, number: int) -> float:
    """How far an edge bends: those to the next column are straight, others would run through neurons between."""
    block = view.blocks[int(view.block[number])]
    source, target = view.layers[block.source].depth, view.layers[block.target].depth
    if target <= source:
        return BACKWARD_BEND
    return 0.0 if target == source + 1 and block.kind != "skip" else SKIP_BEND


def edge_limit(view: GraphView) -> float:
    """The |weight| at which colour and width are full: the 99.5th percentile, so that outliers do not pale the rest."""
    return full_colour(view.value[view.is_weight], 0.995)
