"""What models say about one network: class probabilities as bars, and those of several models side by side."""

from collections.abc import Sequence
from typing import Any

from app.charts.colours import SEQUENTIAL
from app.charts.gaps import gap
from app.charts.theme import LIGHT, Theme


def draw_probabilities(
    names: Sequence[str], probabilities: Sequence[float], *, label: int | None = None, theme: Theme = LIGHT
) -> dict[str, Any]:
    """A bar for each class, as an ECharts option; the bar of the true class is in the colour of what is selected.

    Args:
        names: Of the classes.
        probabilities: One a class.
        label: The true class; None if it is unknown.
        theme: Colours.
    """
    values = [
        {"value": gap(100 * value, 1), "itemStyle": {"color": theme.accent if i == label else theme.muted}}
        for i, value in enumerate(probabilities)
    ]
    return {
        "animation": False,
        "grid": {"left": 8, "right": 56, "top": 4, "bottom": 8, "containLabel": True},
        "tooltip": {"trigger": "axis", "axisPointer": {"type": "shadow"}, "valueFormatter": "%.2f %%"},
        "xAxis": {"type": "value", "min": 0, "max": 100, "axisLabel": {"formatter": "{value} %"}},
        "yAxis": {"type": "category", "data": list(names), "inverse": True},
        "series": [
            {
                "type": "bar",
                "data": values,
                "barMaxWidth": 20,
                "label": {"show": True, "position": "right", "formatter": "{c} %", "color": theme.text},
            }
        ],
    }


def draw_before_and_after(
    names: Sequence[str], before: Sequence[float], after: Sequence[float], *, theme: Theme = LIGHT
) -> dict[str, Any]:
    """Two columns for each class, as an ECharts option.

    Args:
        names: Of the classes.
        before: Probabilities, one a class.
        after: As many.
        theme: Colours.
    """
    columns = [
        {
            "type": "bar",
            "name": name,
            "data": [round(100 * value, 1) for value in values],
            "barMaxWidth": 16,
            "itemStyle": {"color": colour},
        }
        for name, values, colour in (("before", before, theme.muted), ("after", after, theme.accent))
    ]
    return {
        "animation": False,
        "grid": {"left": 8, "right": 8, "top": 30, "bottom": 4, "containLabel": True},
        "legend": {"top": 0, "left": 0, "data": ["before", "after"]},
        "tooltip": {"trigger": "axis", "axisPointer": {"type": "shadow"}, "valueFormatter": "%.1f %%"},
        "xAxis": {"type": "category", "data": list(names), "axisLabel": {"interval": 0, "hideOverlap": True}},
        "yAxis": {"type": "value", "min": 0, "max": 100, "axisLabel": {"formatter": "{value} %"}},
        "series": columns,
    }


def draw_side_by_side(
    models: Sequence[str], names: Sequence[str], probabilities: Sequence[Sequence[float]], *, theme: Theme = LIGHT
) -> dict[str, Any]:
    """Class probabilities of several models as a field of colours, as an ECharts option.

    Args:
        models: Names of the models, a row each.
        names: Names of the classes, a column each.
        probabilities: One row a model.
        theme: Colours.
    """
    cells = [
        {
            "value": [column, row, round(100 * value, 1)],
            "label": {"color": "#ffffff" if value < 0.6 else "#10171d", "show": value >= 0.005},
        }
        for row, values in enumerate(probabilities)
        for column, value in enumerate(values)
    ]
    return {
        "animation": False,
        "grid": {"left": 8, "right": 8, "top": 4, "bottom": 8, "containLabel": True},
        "tooltip": {"trigger": "item"},
        "xAxis": {"type": "category", "data": list(names), "splitArea": {"show": False}, "position": "bottom"},
        "yAxis": {"type": "category", "data": list(models), "inverse": True},
        "visualMap": {"show": False, "min": 0, "max": 100, "dimension": 2, "inRange": {"color": list(SEQUENTIAL)}},
        "series": [
            {
                "type": "heatmap",
                "name": "probability in %",
                "data": cells,
                "label": {"show": True, "formatter": "{@[2]}"},
                "itemStyle": {"borderColor": theme.background, "borderWidth": 2},
            }
        ],
    }
