"""How far the pictures on two ways through weight space are from a blend of pixels, as an ECharts option."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from app.charts.gaps import gap
from app.charts.theme import LIGHT, Theme


def draw_walks(shares: np.ndarray, errors: Mapping[str, np.ndarray], *, theme: Theme = LIGHT) -> dict[str, Any]:
    """A line for each way.

    Args:
        shares: (shares,) from 0 to 1.
        errors: By the name of the way, (shares,) mean squared distances.
        theme: Colours.
    """
    colours = (theme.negative, theme.positive)
    return {
        "animation": False,
        "grid": {"left": 64, "right": 16, "top": 36, "bottom": 44},
        "legend": {"top": 0, "left": 0, "textStyle": {"color": theme.text}},
        "tooltip": {"trigger": "axis", "valueFormatter": "%.4f"},
        "xAxis": {
            "type": "value",
            "min": 0,
            "max": 1,
            "name": "share of the second network",
            "nameLocation": "middle",
            "nameGap": 26,
        },
        "yAxis": {"type": "value", "name": "MSE to the blended pixels", "nameLocation": "middle", "nameGap": 48},
        "series": [
            {
                "type": "line",
                "name": name,
                "data": [[gap(x, 4), gap(y, 5)] for x, y in zip(shares, values, strict=True)],
                "itemStyle": {"color": colour},
                "lineStyle": {"color": colour, "width": 2.5},
            }
            for colour, (name, values) in zip(colours, errors.items(), strict=True)
        ],
    }
