"""Predicted and measured accuracy of a network against the strength at which one of its layers is damaged."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from app.charts.colours import CATEGORIES
from app.charts.gaps import gap
from app.charts.theme import LIGHT, Theme

MEASURED = "measured"


def draw_sweep(
    strengths: Sequence[str],
    predicted: Mapping[str, Sequence[float | None]],
    measured: Sequence[float] | None,
    *,
    chosen: int,
    unit: str,
    theme: Theme = LIGHT,
) -> dict[str, Any]:
    """A line for each model, and a thick one for the truth, as an ECharts option.

    Args:
        strengths: In words, from none to the largest.
        predicted: By the name of the model, one accuracy per strength, in [0, 1]; None where it has no answer.
        measured: One per strength; None where nothing was measured.
        chosen: Index of the strength that is looked at.
        unit: What the strength is.
        theme: Colours.
    """
    lines = [
        _line(name, values, colour, width=2)
        for (name, values), colour in zip(predicted.items(), itertools.cycle(CATEGORIES), strict=False)
    ]
    if measured is not None:
        lines.append(_line(MEASURED, measured, theme.text, width=4))
    if lines:
        lines[-1]["markLine"] = {
            "silent": True,
            "symbol": "none",
            "animation": False,
            "label": {"show": False},
            "lineStyle": {"color": theme.accent, "width": 2, "type": "dashed"},
            "data": [{"xAxis": chosen}],
        }
    return {
        "animation": False,
        "grid": {"left": 56, "right": 16, "top": 24 + 22 * -(-len(lines) // 2), "bottom": 44},
        "legend": {"top": 0, "left": 0, "textStyle": {"color": theme.text}},
        "tooltip": {"trigger": "axis", "valueFormatter": "%.1f %%", "confine": True},
        "xAxis": {
            "type": "category",
            "data": list(strengths),
            "boundaryGap": False,
            "name": unit,
            "nameLocation": "middle",
            "nameGap": 28,
            "axisLabel": {"hideOverlap": True},
        },
        "yAxis": {"type": "value", "min": 0, "axisLabel": {"formatter": "{value} %"}},
        "series": lines,
    }


def _line(name: str, values: Sequence[float | None], colour: str, *, width: int) -> dict[str, Any]:
    return {
        "type": "line",
        "name": name,
        "data": [gap(None if value is None else 100 * value, 2) for value in values],
        "symbolSize": 3 + width,
        "itemStyle": {"color": colour},
        "lineStyle": {"color": colour, "width": width},
        "z": width,
    }
