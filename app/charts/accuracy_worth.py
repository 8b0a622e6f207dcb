"""What predictions are worth in labelled images: a curve of measurements, and models as lines across it."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from app.charts.colours import CATEGORIES
from app.charts.gaps import gap
from app.charts.theme import LIGHT, Theme

LEGEND_ROW, NAMES_PER_ROW = 21, 2  # pixels; how many names stand side by side on a narrow page

Line = tuple[str, float | None, float | None, bool]
"""Name, figure, labelled images that do as well (None or infinite where no curve says it), and whether a model."""


def draw_worth(
    curve: Mapping[int, float],
    lines: Sequence[Line],
    *,
    figure_title: str,
    is_error: bool = False,
    ceiling: float | None = None,
    theme: Theme = LIGHT,
) -> dict[str, Any]:
    """A figure of measurements against their number of images, as an ECharts option, with a level line for each model.

    Where a line crosses the curve, a dot says how many images the model is worth.

    Args:
        curve: The figure by number of labelled images.
        lines: Models, drawn through, and baselines, dashed.
        figure_title: What the figure is.
        is_error: Whether it is an error, which falls as a straight line if both axes are logarithmic.
        ceiling: The best that there can be; a dotted line.
        theme: Colours.
    """
    counts = sorted(curve)
    low, high = (counts[0], counts[-1]) if counts else (1, 2)
    series: list[dict[str, Any]] = [
        {
            "type": "line",
            "name": "k labelled images",
            "data": [[k, gap(curve[k], 4), f"{k:,} labelled images"] for k in counts],
            "symbol": "circle",
            "symbolSize": 8,
            "itemStyle": {"color": theme.text},
            "lineStyle": {"color": theme.text, "width": 2.5},
            "tooltip": {"formatter": f"<b>{{@[2]}}</b><br>{figure_title} {{@[1]}}"},
            "z": 4,
        }
    ]
    for i, (name, value, images, is_model) in enumerate(lines):
        colour = CATEGORIES[i % len(CATEGORIES)]
        series.append(_level(name, gap(value, 4), images, (low, high), colour, figure_title, is_model=is_model))
    if ceiling is not None:
        series.append(_ceiling(gap(ceiling, 4), (low, high), theme))
    rows = math.ceil(len(series) / NAMES_PER_ROW)
    axis = {"nameLocation": "middle", "nameTextStyle": {"color": theme.text}, "axisLabel": {"color": theme.text}}
    return {
        "animation": False,
        "grid": {"left": 36, "right": 24, "top": 18 + LEGEND_ROW * rows, "bottom": 22, "containLabel": True},
        "legend": {"top": 0, "left": 0, "textStyle": {"color": theme.text}},
        "tooltip": {"trigger": "item", "confine": True},
        "xAxis": {
            **axis,
            "type": "log",
            "logBase": 4,
            "min": low,
            "max": high,
            "name": "labelled images per network",
            "nameGap": 28,
        },
        "yAxis": {**axis, "type": "log" if is_error else "value", "scale": True, "name": figure_title, "nameGap": 46},
        "series": series,
    }


def _level(
    name: str,
    value: float | None,
    images: float | None,
    ends: tuple[int, int],
    colour: str,
    figure_title: str,
    *,
    is_model: bool,
) -> dict[str, Any]:
    """A level line, with a dot where it crosses the curve."""
    low, high = ends
    worth = f"worth about {images:,.0f} images" if images and low <= images <= high else "beyond the curve"
    places = sorted({low, high, *([images] if images and low <= images <= high else [])})
    return {
        "type": "line",
        "name": name,
        "data": [{"value": [place, value, worth], "symbolSize": 12 if place == images else 0.5} for place in places],
        "symbol": "diamond",
        "itemStyle": {"color": colour},
        "lineStyle": {"color": colour, "width": 2, "type": "solid" if is_model else "dashed"},
        "tooltip": {"formatter": f"<b>{{a}}</b><br>{figure_title} {{@[1]}}<br>{{@[2]}}"},
        "z": 5,
    }


def _ceiling(value: float | None, ends: tuple[int, int], theme: Theme) -> dict[str, Any]:
    return {
        "type": "line",
        "name": "ceiling by ties",
        "data": [[end, value] for end in ends],
        "symbol": "none",
        "itemStyle": {"color": theme.muted},
        "lineStyle": {"color": theme.muted, "width": 1.5, "type": "dotted"},
    }
