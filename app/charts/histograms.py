"""Histograms of a value: all networks of a map, and the selected ones among them."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from app.charts.colouring import Colouring
from app.charts.gaps import bin_edges
from app.charts.theme import LIGHT, Theme

NUM_BINS = 24


def count_values(colouring: Colouring, rows: Sequence[int]) -> tuple[list[str], list[int], list[int]]:
    """Names of bins or categories, and how many of all networks and of the rows fall into each."""
    chosen = set(rows)
    if colouring.kind == "category":
        names = list(colouring.categories)
        everything = [sum(value == name for value in colouring.values) for name in names]
        picked = [sum(colouring.values[i] == name for i in chosen) for name in names]
        return names, everything, picked
    values = np.array([math.nan if value is None else float(value) for value in colouring.values])
    finite = values[np.isfinite(values)]
    if not len(finite):
        return [], [], []
    edges = bin_edges(finite, NUM_BINS)
    counts, _ = np.histogram(finite, bins=edges)
    among = values[sorted(chosen)]
    picked_counts, _ = np.histogram(among[np.isfinite(among)], bins=edges)
    middles = (edges[1:] + edges[:-1]) / 2
    names = [f"{middle:.1%}" if colouring.percent else f"{middle:.3g}" for middle in middles]
    return names, counts.tolist(), picked_counts.tolist()


def draw_histogram(colouring: Colouring, rows: Sequence[int], *, theme: Theme = LIGHT) -> dict[str, Any]:
    """Shares of all networks and of the selected ones, per bin or category, as an ECharts option."""
    names, everything, picked = count_values(colouring, rows)
    total, chosen = max(sum(everything), 1), max(sum(picked), 1)
    bars: dict[str, Any] = {"type": "bar", "barGap": "-100%", "barCategoryGap": "12%"}
    return {
        "animation": False,
        "grid": {"left": 48, "right": 12, "top": 34, "bottom": 44},
        "legend": {"top": 0, "left": 0, "data": ["all", "selected"] if rows else ["all"]},
        "tooltip": {"trigger": "axis", "valueFormatter": "%.1f %%"},
        "xAxis": {"type": "category", "data": names, "name": colouring.title, "nameLocation": "middle", "nameGap": 28},
        "yAxis": {"type": "value", "axisLabel": {"formatter": "{value} %"}},
        "series": [
            bars
            | {
                "name": "all",
                "data": [100 * count / total for count in everything],
                "itemStyle": {"color": theme.muted},
            },
            bars
            | {
                "name": "selected",
                "data": [100 * count / chosen for count in picked],
                "barCategoryGap": "40%",
                "itemStyle": {"color": theme.accent, "opacity": 0.85},
            },
        ],
    }
