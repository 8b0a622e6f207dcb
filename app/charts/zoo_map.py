"""The map of a zoo: networks as points, coloured by what is known of them, with the selected network ringed."""

import dataclasses
import html
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from app.charts.colours import CATEGORIES, PLACED, SEQUENTIAL
from app.charts.gaps import gap
from app.charts.theme import LIGHT, Theme

if TYPE_CHECKING:
    import pandas

MAX_TOOLTIP_COLUMNS = 6
MARGIN = 0.04  # of the axes, around all points
KEY_ITEM_WIDTH, CHARACTER_WIDTH, MAX_KEY_WIDTH = 24, 6.5, 480  # pixels: symbol and gaps, a letter, the whole key


@dataclasses.dataclass(frozen=True)
class Colouring:
    """What the colours of a map say.

    Attributes:
        title: What is shown.
        values: One value a network: the name of a category, or a number; None or NaN where there is none.
        kind: "category", "sequential" (from low to high) or "diverging" (about zero).
        categories: All categories in order, for kind "category".
        percent: Whether numbers are shares.
    """

    title: str
    values: Sequence[Any]
    kind: Literal["category", "sequential", "diverging"] = "sequential"
    categories: tuple[str, ...] = ()
    percent: bool = False


@dataclasses.dataclass(frozen=True)
class Mark:
    """Points that are ringed or added to a map.

    Attributes:
        name: What they are.
        points: Their coordinates.
        kind: "selected" is a large ring, "neighbour" a small one, "placed" a diamond.
        text: Written beside each point; empty for none.
    """

    name: str
    points: Sequence[tuple[float, float]]
    kind: Literal["selected", "neighbour", "placed"] = "selected"
    text: str = ""


def draw_zoo_map(
    table: "pandas.DataFrame",
    colouring: Colouring,
    *,
    marks: Sequence[Mark] = (),
    paths: Sequence[Sequence[int]] = (),
    chosen_path: Sequence[int] = (),
    theme: Theme = LIGHT,
) -> dict[str, Any]:
    """The map as an ECharts option; the data indices of its selections are rows of `table`.

    Args:
        table: One row a network with the columns "x", "y" and "id", and further ones for the tooltip.
        colouring: A value for each row.
        marks: Points to ring or to add.
        paths: Rows to join by lines, each in order.
        chosen_path: One that stands out.
        theme: Colours of the ground and of what is on it.
    """
    table = table.assign(x=list(map(gap, table["x"])), y=list(map(gap, table["y"])))
    source = table.assign(**{"colour of the map": _shown_values(colouring)})
    columns = list(source.columns)
    shown = [name for name in table.columns if name not in ("x", "y")][:MAX_TOOLTIP_COLUMNS]
    networks = {
        "id": "networks",
        "name": "networks",
        "type": "scatter",
        "encode": {"x": "x", "y": "y"},
        "symbolSize": _point_size(len(table)),
        "itemStyle": {"opacity": 0.85},
        "selectedMode": "single",
        "select": {"itemStyle": {"borderWidth": 0}},
        "emphasis": {"itemStyle": {"borderColor": theme.text, "borderWidth": 1.5, "opacity": 1}},
        "tooltip": {"formatter": _tooltip(shown)},
        "cursor": "pointer",
    }
    return {
        "dataset": {"source": source, "dimensions": columns},
        "animation": False,
        "grid": {"left": 8, "right": 8, "top": 40, "bottom": 56} | _room_for_key(colouring),
        "xAxis": _axis(table["x"]),
        "yAxis": _axis(table["y"]),
        "tooltip": {"trigger": "item", "confine": True},
        "toolbox": {
            "left": 4,
            "top": 4,
            "itemSize": 18,
            "feature": {
                "brush": {
                    "type": ["polygon", "rect", "clear"],
                    "title": {"polygon": "Lasso", "rect": "Box", "clear": "Clear the selection"},
                },
            },
        },
        "brush": _brush(theme),
        "dataZoom": [
            {"type": "inside", "xAxisIndex": 0, "filterMode": "none"},
            {"type": "inside", "yAxisIndex": 0, "filterMode": "none"},
        ],
        "visualMap": _key(colouring, columns.index("colour of the map"), theme=theme),
        "series": [networks, *_lines(table, paths, chosen_path, theme), *(_mark(mark, theme=theme) for mark in marks)],
    }


def _lines(
    table: "pandas.DataFrame", paths: Sequence[Sequence[int]], chosen: Sequence[int], theme: Theme
) -> list[dict[str, Any]]:
    """Below the points, all paths as one line with gaps; the chosen one thicker."""
    points = table[["x", "y"]].to_numpy().tolist()
    kinds: list[tuple[str, Sequence[Sequence[int]], dict[str, Any]]] = [
        ("paths", paths, {"color": theme.muted, "width": 1, "opacity": 0.45}),
        ("chosen path", [chosen] if chosen else [], {"color": theme.text, "width": 2.5, "opacity": 0.9}),
    ]
    return [
        {
            "id": name,
            "type": "line",
            "data": [point for path in rows for point in (*(points[row] for row in path), [None, None])],
            "symbol": "none",
            "silent": True,
            "connectNulls": False,
            "lineStyle": style,
            "z": 1,
        }
        for name, rows, style in kinds
        if rows
    ]


def _brush(theme: Theme) -> dict[str, Any]:
    """Lasso and box; what lies outside stays visible in grey."""
    return {
        "xAxisIndex": 0,
        "yAxisIndex": 0,
        "seriesIndex": [0],
        "throttleType": "debounce",
        "throttleDelay": 250,
        "outOfBrush": {"color": theme.muted, "opacity": 0.45},
        "inBrush": {"opacity": 1},
        "brushStyle": {"borderWidth": 1, "color": "rgba(120,130,150,0.12)", "borderColor": theme.text},
    }


def clicked_rows(selection: Mapping[str, Any], num_rows: int) -> set[int]:
    """The rows of the table among the data indices of a selection, as `st.echarts_chart` reports it."""
    groups = [group for group in selection.get("selected", ()) if group.get("series_index") == 0]
    rows = {int(index) for group in groups for index in group.get("data_indices", ())}
    return {row for row in rows if 0 <= row < num_rows}


def rows_in_areas(areas: Sequence[Mapping[str, Any]], points: np.ndarray) -> set[int]:
    """The rows of points (networks, 2) inside the boxes and lassos of a selection."""
    rows: set[int] = set()
    for area in areas:
        corners = np.asarray(area.get("coord_range", ()), dtype=float)
        if area.get("brush_type") == "rect" and corners.shape == (2, 2):
            low, high = corners.min(axis=1), corners.max(axis=1)
            rows |= set(np.flatnonzero(((points >= low) & (points <= high)).all(axis=1)).tolist())
        elif area.get("brush_type") == "polygon" and corners.ndim == 2 and len(corners) > 2:
            rows |= set(np.flatnonzero(_is_inside(points, corners)).tolist())
    return rows


def _is_inside(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Whether points lie inside a polygon: a ray to the right crosses its edges an odd number of times."""
    x, y = points[:, :1], points[:, 1:]
    (x0, y0), (x1, y1) = corners.T, np.roll(corners, -1, axis=0).T
    crosses = (y0 > y) != (y1 > y)
    with np.errstate(divide="ignore", invalid="ignore"):
        is_right = x < x0 + (y - y0) * (x1 - x0) / (y1 - y0)
    return (crosses & is_right).sum(axis=1) % 2 == 1


def _tooltip(columns: Sequence[str]) -> str:
    """A template of HTML, into which ECharts puts escaped values."""
    lines = [f"{html.escape(name)}: {{@{name}}}" for name in columns if name != "id"]
    return "<br>".join(["<b>{@id}</b>", *lines])


def _point_size(num_points: int) -> float:
    return round(max(4.0, min(11.0, 260 / math.sqrt(max(num_points, 1)))), 1)


def _axis(values: "pandas.Series") -> dict[str, Any]:
    low, high = (float(values.min()), float(values.max())) if values.notna().any() else (0.0, 1.0)
    margin = MARGIN * (high - low) or 1.0
    hidden = {"show": False}
    return {
        "type": "value",
        "min": low - margin,
        "max": high + margin,
        "axisLabel": hidden,
        "axisTick": hidden,
        "axisLine": hidden,
        "splitLine": hidden,
    }


def _has_key_at_the_side(colouring: Colouring) -> bool:
    """Whether the categories' names are too long for one line below the map."""
    if colouring.kind != "category":
        return False
    return sum(KEY_ITEM_WIDTH + CHARACTER_WIDTH * len(name) for name in colouring.categories) > MAX_KEY_WIDTH


def _room_for_key(colouring: Colouring) -> dict[str, float]:
    """Margins of the map that a key at its side needs."""
    if not _has_key_at_the_side(colouring):
        return {}
    longest = max(len(name) for name in colouring.categories)
    return {"right": KEY_ITEM_WIDTH + CHARACTER_WIDTH * longest + 8, "bottom": 8}


def _key(colouring: Colouring, dimension: int, *, theme: Theme) -> dict[str, Any]:
    """The key of the colours, which also hides categories and ranges."""
    place: dict[str, Any] = {"dimension": dimension, "seriesIndex": 0}
    if _has_key_at_the_side(colouring):
        place |= {"orient": "vertical", "right": 0, "top": "middle", "align": "left"}
    else:
        place |= {"orient": "horizontal", "left": "center", "bottom": 4}
    if colouring.kind == "category":
        return place | {
            "type": "piecewise",
            "categories": list(colouring.categories),
            "inRange": {"color": dict(zip(colouring.categories, itertools.cycle(CATEGORIES), strict=False))},
            "outOfRange": {"color": theme.muted, "opacity": 0.25},
            "itemSymbol": "circle",
            "itemWidth": 12,
            "itemHeight": 12,
            "itemGap": 8,
            "textGap": 4,
        }
    low, high = _range(colouring)
    unit = " %" if colouring.percent else ""
    return place | {
        "type": "continuous",
        "min": low,
        "max": high,
        "calculable": True,
        "precision": 0 if _are_whole(colouring) else max(0, min(6, 2 - math.floor(math.log10(high - low)))),
        "formatter": f"{{value}}{unit}",
        "inRange": {
            "color": [theme.negative, theme.muted, theme.positive]
            if colouring.kind == "diverging"
            else list(SEQUENTIAL)
        },
        "outOfRange": {"color": theme.muted, "opacity": 0.25},
        "itemWidth": 12,
        "itemHeight": 220,
    }


def _are_whole(colouring: Colouring) -> bool:
    return all(value is None or value == round(value) for value in _shown_values(colouring))


def _range(colouring: Colouring) -> tuple[float, float]:
    """The smallest and the largest number; of equal size where they are shown about zero."""
    numbers = [value for value in _shown_values(colouring) if value is not None]
    low, high = (min(numbers), max(numbers)) if numbers else (0.0, 1.0)
    if colouring.kind == "diverging":
        high = max(abs(low), abs(high))
        low = -high
    return (low, high) if low < high else (low, low + 1)


def _shown_values(colouring: Colouring) -> list[Any]:
    """The values as the map has them: shares in percent, and None where there is none."""
    if colouring.kind == "category":
        return list(colouring.values)
    factor = 100.0 if colouring.percent else 1.0
    return [gap(None if value is None else factor * float(value)) for value in colouring.values]


def _mark(mark: Mark, *, theme: Theme) -> dict[str, Any]:
    ring = {"color": "transparent", "borderColor": theme.text, "borderWidth": 3 if mark.kind == "selected" else 1.5}
    placed = {"color": PLACED, "borderColor": theme.text, "borderWidth": 2}
    size = {"selected": 20, "neighbour": 13, "placed": 18}[mark.kind]
    return {
        "id": mark.kind,
        "name": mark.name,
        "type": "scatter",
        "data": [[gap(x), gap(y)] for x, y in mark.points],
        "symbol": "diamond" if mark.kind == "placed" else "circle",
        "symbolSize": size,
        "itemStyle": placed if mark.kind == "placed" else ring,
        "silent": True,
        "z": 5,
        "label": {
            "show": bool(mark.text),
            "formatter": mark.text,
            "position": "right",
            "color": theme.text,
            "fontWeight": "bold",
            "textBorderColor": theme.background,
            "textBorderWidth": 3,
        },
    }
