"""Predicted against true accuracy of many networks, the current one ringed; and what several models predict for one."""

import itertools
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
    names: Sequence[str],
    predicted: Sequence[float],
    *,
    intervals: Sequence[tuple[float, float] | None] = (),
    true: float | None = None,
    measured: Sequence[float | None] = (),
    theme: Theme = LIGHT,
) -> dict[str, Any]:
    """Predicted accuracies, one row each, beside true ones, in percent, as an ECharts option.

    Args:
        names: Of the rows: several models that read one network, or several networks.
        predicted: One per row.
        intervals: Ends of the interval of each prediction; None, or none at all, where there are none.
        true: The true accuracy of all rows; None where it is unknown.
        measured: Or that of each row; None, or none at all, where it is unknown.
        theme: Colours.
    """
    true = gap(true, 2)
    ends = [pair or (value, value) for pair, value in zip(intervals or [None] * len(predicted), predicted, strict=True)]
    known = [gap(value) or 0.0 for value in (true, *measured, *predicted, *itertools.chain(*ends))]
    line = {
        "silent": True,
        "symbol": "none",
        "label": {"formatter": "true {c} %", "color": theme.text, "position": "start"},
        "lineStyle": {"color": theme.text, "width": 2, "type": "solid"},
        "data": [{"xAxis": true}] if true is not None else [],
    }
    points = {
        "type": "scatter",
        "name": "predicted",
        "data": [[gap(value, 2), row] for row, value in enumerate(predicted)],
        "symbolSize": 14,
        "itemStyle": {"color": theme.accent, "borderColor": theme.background, "borderWidth": 1},
        "label": {"show": True, "position": "top", "formatter": "{@[0]} %", "color": theme.text},
        "tooltip": {"formatter": "predicted: {@[0]} %"},
        "markLine": line,
        "z": 5,
    }
    return {
        "animation": False,
        "grid": {"left": 8, "right": 56, "top": 28, "bottom": 8, "containLabel": True},
        "tooltip": {"trigger": "item", "confine": True},
        "xAxis": {
            "type": "value",
            "min": 0,
            "max": min(100.0, 5 * (max(known) // 5 + 1)),
            "axisLabel": {"formatter": "{value} %"},
        },
        "yAxis": {"type": "category", "data": list(names), "inverse": True},
        "series": [*_bands(ends, theme), points, *([_truths(measured, theme)] if any(measured) else [])],
    }


def _truths(measured: Sequence[float | None], theme: Theme) -> dict[str, Any]:
    return {
        "type": "scatter",
        "name": "measured",
        "data": [[gap(value, 2), row] for row, value in enumerate(measured)],
        "symbol": "diamond",
        "symbolSize": 13,
        "itemStyle": {"color": theme.text},
        "tooltip": {"formatter": "measured: {@[0]} %"},
        "z": 6,
    }


def _bands(ends: Sequence[tuple[float, float]], theme: Theme) -> list[dict[str, Any]]:
    """Intervals as bars that begin at their lower ends."""
    bar = {"type": "bar", "stack": "interval", "silent": True, "barMaxWidth": 12}
    return [
        {**bar, "data": [gap(low, 2) for low, _ in ends], "itemStyle": {"color": "transparent"}},
        {
            **bar,
            "name": "interval",
            "data": [gap(high - low, 2) for low, high in ends],
            "itemStyle": {"color": theme.accent, "opacity": 0.35},
        },
    ]
