"""What each layer of a network contributes to a prediction, as bars to both sides of zero."""

from collections.abc import Mapping
from typing import Any

from app.charts.gaps import gap
from app.charts.theme import LIGHT, Theme


def draw_shares(shares: Mapping[str, float], *, unit: str, theme: Theme = LIGHT) -> dict[str, Any]:
    """A bar for each layer, as an ECharts option.

    Args:
        shares: By the name of the layer, the first layer first.
        unit: Of the shares.
        theme: Colours.
    """
    colours = [theme.positive if share > 0 else theme.negative for share in shares.values()]
    return {
        "animation": False,
        "grid": {"left": 8, "right": 24, "top": 4, "bottom": 36, "containLabel": True},
        "tooltip": {"trigger": "axis", "axisPointer": {"type": "shadow"}, "valueFormatter": "%.3f"},
        "xAxis": {"type": "value", "name": unit, "nameLocation": "middle", "nameGap": 24},
        "yAxis": {
            "type": "category",
            "data": list(shares),
            "inverse": True,
            "axisLine": {"onZero": False},
            "axisLabel": {"width": 150, "overflow": "truncate"},
        },
        "series": [
            {
                "type": "bar",
                "data": [
                    {"value": gap(share, 4), "itemStyle": {"color": colour}}
                    for share, colour in zip(shares.values(), colours, strict=True)
                ],
                "barMaxWidth": 18,
            }
        ],
    }
