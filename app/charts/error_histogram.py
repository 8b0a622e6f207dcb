"""How errors of many networks are spread, before and after."""

from typing import Any

import numpy as np

from app.charts.gaps import bin_edges
from app.charts.theme import LIGHT, Theme

NUM_BINS = 24


def draw_error_histogram(before: np.ndarray, after: np.ndarray, *, theme: Theme = LIGHT) -> dict[str, Any]:
    """Two histograms with the same bins, as an ECharts option.

    Args:
        before: (networks,) errors without the edit.
        after: (networks,) errors with it.
        theme: Colours.
    """
    finite = [values[np.isfinite(values)] for values in (before, after)]
    edges = bin_edges(np.concatenate(finite), NUM_BINS)
    names = [f"{middle:.3g}" for middle in (edges[1:] + edges[:-1]) / 2]
    bars = [
        {
            "type": "bar",
            "name": name,
            "data": np.histogram(values, bins=edges)[0].tolist(),
            "barGap": "-100%",
            "barCategoryGap": gap,
            "itemStyle": {"color": colour, "opacity": 0.85},
        }
        for name, values, colour, gap in (
            ("unedited", finite[0], theme.muted, "12%"),
            ("edited", finite[1], theme.accent, "40%"),
        )
    ]
    return {
        "animation": False,
        "grid": {"left": 44, "right": 12, "top": 34, "bottom": 44},
        "legend": {"top": 0, "left": 0, "data": ["unedited", "edited"]},
        "tooltip": {"trigger": "axis"},
        "xAxis": {
            "type": "category",
            "data": names,
            "name": "MSE to the target",
            "nameLocation": "middle",
            "nameGap": 28,
        },
        "yAxis": {"type": "value", "minInterval": 1, "name": "networks"},
        "series": bars,
    }
