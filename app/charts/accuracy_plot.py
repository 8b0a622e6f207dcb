"""Predicted against true accuracy of many networks, the current one ringed; and what several models predict for one."""

from collections.abc import Sequence
from typing import Any

import pandas

from app.charts.gaps import gap
from app.charts.theme import LIGHT, Theme


def draw_accuracy_plot(
    table: pandas.DataFrame, *, current: tuple[float, float] | None = None, theme: Theme = LIGHT
) -> dict[str, Any]:
    """Predicted against true accuracy, as an ECharts option; data indices of its selections are rows of `table`.

    Args:
        table: One row a network with the columns "id", "true" and "predicted", in percent.
        current: (true, predicted) accuracy of the current network in percent; None for none.
        theme: Colours.
    """
    shown = table.assign(**{name: [gap(value, 2) for value in table[name]] for name in ("true", "predicted")})
    values = table[["true", "predicted"]]
    points = [point for point in (*values.to_numpy().ravel().tolist(), *(current or ())) if gap(point) is not None]
    low, high = max(0.0, 5 * (min(points, default=0) // 5)), min(100.0, 5 * (max(points, default=100) // 5 + 1))
    axis = {"type": "value", "min": low, "max": high, "interval": 5 if high - low <= 40 else 10}
    axis["axisLabel"] = {"formatter": "{value} %"}
    networks = {
        "id": "networks",
        "type": "scatter",
        "encode": {"x": "true", "y": "predicted"},
        "symbolSize": 8 if len(table) < 800 else 5,
        "itemStyle": {"color": theme.accent, "opacity": 0.6},
        "selectedMode": "single",
        "select": {"itemStyle": {"borderWidth": 0}},
        "emphasis": {"itemStyle": {"opacity": 1, "borderColor": theme.text, "borderWidth": 1.5}},
        "tooltip": {"formatter": "<b>{@id}</b><br>true: {@true} %<br>predicted: {@predicted} %"},
        "markLine": {
            "silent": True,
            "symbol": "none",
            "animation": False,
            "label": {"show": False},
            "lineStyle": {"color": theme.muted, "type": "dashed"},
            "data": [[{"coord": [low, low]}, {"coord": [high, high]}]],
        },
    }
    return {
        "dataset": {"source": shown},
        "animation": False,
        "grid": {"left": 64, "right": 24, "top": 16, "bottom": 48},
        "tooltip": {"trigger": "item", "confine": True},
        "xAxis": {**axis, "name": "true accuracy", "nameLocation": "middle", "nameGap": 28},
        "yAxis": {**axis, "name": "predicted accuracy", "nameLocation": "middle", "nameGap": 46},
        "series": [networks, *([_ring(current, theme)] if current else [])],
    }


def _ring(point: tuple[float, float], theme: Theme) -> dict[str, Any]:
    return {
        "id": "current",
        "name": "current network",
        "type": "scatter",
        "data": [[gap(value) for value in point]],
        "symbolSize": 20,
        "silent": True,
        "z": 5,
        "itemStyle": {"color": "transparent", "borderColor": theme.text, "borderWidth": 3},
    }


def draw_predictions(
    models: Sequence[str], predicted: Sequence[float], *, true: float | None = None, theme: Theme = LIGHT
) -> dict[str, Any]:
    """What several models predict for one network, in percent, beside its true accuracy, as an ECharts option."""
    true = gap(true, 2)
    highest = min(100.0, 5 * (max(gap(value) or 0.0 for value in (true, *predicted)) // 5 + 1))
    line = {
        "silent": True,
        "symbol": "none",
        "label": {"formatter": "true {c} %", "color": theme.text, "position": "start"},
        "lineStyle": {"color": theme.text, "width": 2, "type": "solid"},
        "data": [{"xAxis": true}] if true is not None else [],
    }
    return {
        "animation": False,
        "grid": {"left": 8, "right": 56, "top": 28, "bottom": 8, "containLabel": True},
        "tooltip": {"trigger": "axis", "axisPointer": {"type": "shadow"}, "valueFormatter": "%.2f %%"},
        "xAxis": {"type": "value", "min": 0, "max": highest, "axisLabel": {"formatter": "{value} %"}},
        "yAxis": {"type": "category", "data": list(models), "inverse": True},
        "series": [
            {
                "type": "bar",
                "data": [gap(value, 2) for value in predicted],
                "barMaxWidth": 20,
                "itemStyle": {"color": theme.accent},
                "label": {"show": True, "position": "insideLeft", "formatter": "{c} %", "color": theme.background},
                "markLine": line,
            }
        ],
    }
