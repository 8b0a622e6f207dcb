"""The accuracy of a training run at its checkpoints, one of them marked, as an ECharts option."""

from collections.abc import Sequence
from typing import Any

from app.charts.gaps import gap
from app.charts.theme import LIGHT, Theme


def draw_run_curve(
    steps: Sequence[int], accuracies: Sequence[float], marked: int, *, theme: Theme = LIGHT
) -> dict[str, Any]:
    """Accuracy against training steps.

    Args:
        steps: Of the checkpoints, ascending.
        accuracies: In [0, 1]; NaN where one is not known.
        marked: Number of the checkpoint that is shown.
        theme: Colours.
    """
    points = [
        {
            "value": [step, gap(100 * accuracy, 2)],
            "symbolSize": 15 if number == marked else 7,
            "itemStyle": {"color": theme.positive if number == marked else theme.accent},
        }
        for number, (step, accuracy) in enumerate(zip(steps, accuracies, strict=True))
    ]
    return {
        "animation": False,
        "grid": {"left": 8, "right": 24, "top": 14, "bottom": 30, "containLabel": True},
        "tooltip": {"trigger": "axis", "valueFormatter": "%.1f %%"},
        "xAxis": {"type": "value", "name": "training step", "nameLocation": "middle", "nameGap": 24, "min": 0},
        "yAxis": {"type": "value", "axisLabel": {"formatter": "{value} %"}, "scale": True},
        "series": [
            {
                "type": "line",
                "name": "test accuracy",
                "data": points,
                "symbol": "circle",
                "lineStyle": {"color": theme.accent, "width": 2.5},
            }
        ],
    }
