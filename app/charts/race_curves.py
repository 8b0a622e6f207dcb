"""Races of optimisers as ECharts options: curves of accuracy or loss, and a heat map of learning rates."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from app.charts.colours import CATEGORIES
from app.charts.gaps import gap
from app.charts.theme import LIGHT, Theme


class Curve(NamedTuple):
    """One entrant.

    Attributes:
        name: In the legend.
        points: (steps or seconds, value).
    """

    name: str
    points: Sequence[tuple[float, float]]


def draw_race(
    curves: Sequence[Curve], *, x_title: str, y_title: str, x_max: float | None = None, theme: Theme = LIGHT
) -> dict[str, Any]:
    """Lines side by side, each with its name at its end.

    Args:
        curves: The entrants, in the order of their colours.
        x_title: Name of the horizontal axis.
        y_title: Name of the vertical axis.
        x_max: Where the horizontal axis ends; None: where the curves do.
        theme: Colours.
    """
    return {
        "animation": False,
        "color": list(CATEGORIES),
        "grid": {"left": 12, "right": 24, "top": 40, "bottom": 16},
        "legend": {"top": 0, "left": 0, "textStyle": {"color": theme.text}},
        "tooltip": {"trigger": "axis", "valueFormatter": "%.3g"},
        "xAxis": {
            "type": "value",
            "min": 0,
            **({"max": x_max} if x_max else {}),
            "name": x_title,
            "nameLocation": "middle",
            "nameGap": 28,
        },
        "yAxis": {"type": "value", "scale": True, "name": y_title, "nameLocation": "middle", "nameGap": 44},
        "series": [
            {
                "type": "line",
                "name": curve.name,
                "showSymbol": False,
                "data": [[round(x, 3), gap(y, 4)] for x, y in curve.points],
                "lineStyle": {"width": 2.5},
            }
            for curve in curves
        ],
    }


def draw_sweep(
    names: Sequence[str],
    factors: Sequence[str],
    accuracies: Sequence[Sequence[float]],
    rates: Sequence[Sequence[str]],
    *,
    theme: Theme = LIGHT,
) -> dict[str, Any]:
    """Accuracy by optimiser and learning rate.

    Args:
        names: The optimisers, one row each.
        factors: The columns.
        accuracies: In percent, by row and column.
        rates: What the rates are, by row and column.
        theme: Colours.
    """
    cells = [
        {
            "value": [column, row, gap(accuracy, 1)],
            "label": {"formatter": f"{accuracy:.0f}\n{{small|{rates[row][column]}}}"},
        }
        for row, own in enumerate(accuracies)
        for column, accuracy in enumerate(own)
    ]
    return {
        "animation": False,
        "grid": {"left": 8, "right": 12, "top": 8, "bottom": 8},
        "tooltip": {"show": False},
        "xAxis": {"type": "category", "data": list(factors), "splitArea": {"show": False}},
        "yAxis": {"type": "category", "data": list(names), "inverse": True},
        "visualMap": {"show": False, "min": 0, "max": 100, "inRange": {"color": [theme.zero, theme.positive]}},
        "series": [
            {
                "type": "heatmap",
                "data": cells,
                "label": {
                    "show": True,
                    "color": theme.text,
                    "rich": {"small": {"fontSize": 10, "color": theme.text, "lineHeight": 14}},
                },
                "itemStyle": {"borderColor": theme.background, "borderWidth": 2},
            }
        ],
    }
