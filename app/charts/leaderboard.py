"""Pictures of how models compare: their figures against what they cost, and which classes they confuse."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from app.charts.colours import CATEGORIES
from app.charts.gaps import gap
from app.charts.theme import LIGHT, Theme

LONG_NAME = 3  # characters; longer names of classes stand aslant below their columns


def draw_figures(
    names: Sequence[str],
    groups: Sequence[str],
    cost: Sequence[float],
    figures: Sequence[float | None],
    *,
    cost_title: str,
    figure_title: str,
    theme: Theme = LIGHT,
) -> dict[str, Any]:
    """A point a model, as an ECharts option: its test figure against what it costs, on a logarithmic axis.

    Args:
        names: Of the models.
        groups: What each belongs to; a colour each.
        cost: One a model, above 0.
        figures: One per model; None or NaN where it is not defined.
        cost_title: What `cost` is.
        figure_title: What `figures` are.
        theme: Colours.
    """
    axis = {"nameLocation": "middle", "nameTextStyle": {"color": theme.text}, "axisLabel": {"color": theme.text}}
    series = [
        {
            "type": "scatter",
            "name": group,
            "data": [
                [gap(cost[i]), gap(figures[i], 4), names[i], f"{cost[i]:,.4g}" if cost[i] < 1000 else f"{cost[i]:,.0f}"]
                for i, own in enumerate(groups)
                if own == group
            ],
            "symbolSize": 12,
            "itemStyle": {"color": colour, "opacity": 1, "borderColor": theme.text, "borderWidth": 1},
            "tooltip": {"formatter": f"<b>{{@[2]}}</b><br>{cost_title} {{@[3]}}<br>{figure_title} {{@[1]}}"},
        }
        for colour, group in zip(CATEGORIES, dict.fromkeys(groups), strict=False)
    ]
    return {
        "animation": False,
        "grid": {"left": 36, "right": 30, "top": 36, "bottom": 22, "containLabel": True},
        "legend": {"top": 0, "left": 0, "textStyle": {"color": theme.text}},
        "tooltip": {"trigger": "item", "confine": True},
        "xAxis": {**axis, "type": "log", "name": cost_title, "nameGap": 28},
        "yAxis": {**axis, "type": "value", "scale": True, "name": figure_title, "nameGap": 46},
        "series": series,
    }


def count_confusions(true: np.ndarray, answered: np.ndarray, num_classes: int) -> np.ndarray:
    """How often which class (rows) was taken for which (columns)."""
    counts = np.zeros((num_classes, num_classes), dtype=int)
    np.add.at(counts, (true, answered), 1)
    return counts


def draw_confusions(counts: np.ndarray, names: Sequence[str], *, theme: Theme = LIGHT) -> dict[str, Any]:
    """A confusion matrix as an ECharts option, each row coloured by its shares, with the counts written in.

    Args:
        counts: True classes by answers.
        names: Of the classes.
        theme: Colours.
    """
    percent = np.round(100 * counts / counts.sum(axis=1, keepdims=True).clip(min=1), 1)
    cells = [
        {
            "value": [j, i, float(percent[i, j]), int(counts[i, j]), f"{names[i]} taken for {names[j]}"],
            "label": {"color": theme.text if percent[i, j] < 50 else theme.background},
        }
        for i, j in np.ndindex(counts.shape)
    ]
    longest = max(map(len, names))
    is_long = longest > LONG_NAME
    gap = 5 * longest + 22  # pixels between an axis and its title
    axis = {"type": "category", "data": list(names), "nameLocation": "middle", "nameTextStyle": {"color": theme.text}}
    labels = {"color": theme.text, "interval": 0}
    return {
        "animation": False,
        "grid": {"left": 28, "right": 8, "top": 8, "bottom": 28, "containLabel": True},
        "tooltip": {"trigger": "item", "confine": True, "formatter": "{@[4]}: {@[3]} ({@[2]} %)"},
        "xAxis": {
            **axis,
            "name": "answer",
            "nameGap": gap if is_long else 28,
            "axisLabel": {**labels, "rotate": 60 if is_long else 0},
        },
        "yAxis": {**axis, "name": "true class", "inverse": True, "nameGap": gap, "axisLabel": labels},
        "visualMap": {
            "show": False,
            "min": 0,
            "max": 100,
            "dimension": 2,
            "inRange": {"color": [theme.background, theme.accent]},
        },
        "series": [
            {
                "type": "heatmap",
                "data": cells,
                "label": {"show": True, "formatter": "{@[3]}"},
                "itemStyle": {"borderColor": theme.background, "borderWidth": 1},
            }
        ],
    }
