"""How a picture grows sharp while a network is fitted to it, as an ECharts option."""

from collections.abc import Sequence
from typing import Any

from app.charts.gaps import gap
from app.charts.theme import LIGHT, Theme


def draw_fit_curve(curve: Sequence[tuple[int, float]], steps: int, *, theme: Theme = LIGHT) -> dict[str, Any]:
    """PSNR against steps.

    Args:
        curve: Steps and PSNR in dB.
        steps: Where the axis ends.
        theme: Colours.
    """
    return {
        "animation": False,
        "grid": {"left": 8, "right": 18, "top": 12, "bottom": 8},
        "tooltip": {"trigger": "axis", "valueFormatter": "%.1f dB"},
        "xAxis": {"type": "value", "min": 0, "max": steps, "name": "step", "nameLocation": "middle", "nameGap": 26},
        "yAxis": {"type": "value", "min": 0, "name": "PSNR in dB", "nameLocation": "middle", "nameGap": 34},
        "series": [
            {
                "type": "line",
                "name": "PSNR",
                "showSymbol": False,
                "data": [[step, gap(psnr, 2)] for step, psnr in curve],
                "itemStyle": {"color": theme.accent},
                "lineStyle": {"color": theme.accent, "width": 2.5},
            }
        ],
    }
