"""Two networks in one chart: their weights as histograms, and how far apart their neurons are."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from app.charts.gaps import gap
from app.charts.theme import LIGHT, Theme

NUM_BINS = 61
MAX_BARS = 512


def draw_two_histograms(
    values: Sequence[np.ndarray], names: Sequence[str], *, theme: Theme = LIGHT, is_log: bool = True
) -> dict[str, Any]:
    """How often which weight occurs in each of two networks, as an ECharts option of two stepped lines.

    Args:
        values: Weights of the first and of the second network, of any shape.
        names: What to call the two.
        theme: Colours.
        is_log: Whether the counts are on a logarithmic axis.
    """
    flat = [np.asarray(own, dtype=float).ravel() for own in values]
    finite = [own[np.isfinite(own)] for own in flat]
    limit = max((float(np.abs(own).max()) for own in finite if own.size), default=0.0) or 1.0
    edges = np.linspace(-limit, limit, NUM_BINS + 1)
    middles = (edges[1:] + edges[:-1]) / 2
    counts = [np.histogram(own, bins=edges)[0] for own in finite]
    return {
        "animation": False,
        "grid": {"left": 8, "right": 16, "top": 36, "bottom": 30, "containLabel": True},
        "legend": {"top": 0, "left": 0, "textStyle": {"color": theme.text}},
        "tooltip": {"trigger": "axis"},
        "xAxis": {
            "type": "value",
            "min": -limit,
            "max": limit,
            "name": "weight",
            "nameLocation": "middle",
            "nameGap": 24,
            "axisLabel": {"showMinLabel": False, "showMaxLabel": False},
        },
        "yAxis": {"type": "log", "min": 0.5, "name": "count"} if is_log else {"type": "value", "name": "count"},
        "series": [
            {
                "type": "line",
                "name": name,
                "step": "middle",
                "showSymbol": False,
                "data": [[gap(x, 5), int(n) if n or not is_log else None] for x, n in zip(middles, own, strict=True)],
                "itemStyle": {"color": colour},
                "lineStyle": {"color": colour, "width": 2},
                "areaStyle": {"color": colour, "opacity": 0.12},
            }
            for name, own, colour in zip(names, counts, (theme.negative, theme.positive), strict=True)
        ],
    }


def draw_neuron_differences(
    changes: np.ndarray, aligned: np.ndarray | None = None, *, theme: Theme = LIGHT
) -> dict[str, Any]:
    """A bar for each neuron of a layer, as an ECharts option.

    Args:
        changes: (neurons,) relative difference of the parameters that lead into each.
        aligned: (neurons,) the same once neurons are aligned, drawn in front; None for none.
        theme: Colours.
    """
    shown = {"as given": (changes, theme.muted)}
    if aligned is not None:
        shown["aligned"] = (aligned, theme.accent)
    bars: dict[str, Any] = {"type": "bar", "barGap": "-100%", "barCategoryGap": "20%"}
    return {
        "animation": False,
        "grid": {"left": 8, "right": 16, "top": 36, "bottom": 30, "containLabel": True},
        "legend": {"top": 0, "left": 0, "textStyle": {"color": theme.text}},
        "tooltip": {"trigger": "axis", "axisPointer": {"type": "shadow"}, "valueFormatter": "%.1f %%"},
        "xAxis": {
            "type": "category",
            "data": [str(number) for number in range(min(len(changes), MAX_BARS))],
            "name": "neuron",
            "nameLocation": "middle",
            "nameGap": 24,
        },
        "yAxis": {"type": "value", "axisLabel": {"formatter": "{value} %"}},
        "series": [
            bars
            | {
                "name": name,
                "data": [gap(100 * value, 2) for value in values[:MAX_BARS]],
                "itemStyle": {"color": colour},
            }
            for name, (values, colour) in shown.items()
        ],
    }
