"""How far each tensor of parameters was moved by an edit, or is from another network's, as bars."""

from collections.abc import Sequence
from typing import Any

from app.charts.gaps import gap
from app.charts.theme import LIGHT, Theme


def draw_layer_changes(
    names: Sequence[str],
    changes: Sequence[float],
    *,
    theme: Theme = LIGHT,
    title: str = "change relative to the size before",
) -> dict[str, Any]:
    """A bar for each tensor, as an ECharts option.

    Args:
        names: Of the tensors, the first layer first.
        changes: Root mean square of the change over that of the tensor before; NaN where that is 0.
        theme: Colours.
        title: What the bars show.
    """
    values = [gap(100 * change, 1) for change in changes]
    return {
        "animation": False,
        "grid": {"left": 8, "right": 56, "top": 4, "bottom": 36, "containLabel": True},
        "tooltip": {"trigger": "axis", "axisPointer": {"type": "shadow"}, "valueFormatter": "%.2f %%"},
        "xAxis": {
            "type": "value",
            "name": title,
            "nameLocation": "middle",
            "nameGap": 24,
            "axisLabel": {"formatter": "{value} %"},
        },
        "yAxis": {"type": "category", "data": list(names), "inverse": True},
        "series": [
            {
                "type": "bar",
                "data": values,
                "itemStyle": {"color": theme.accent},
                "barMaxWidth": 18,
                "label": {"show": True, "position": "right", "formatter": "{c} %", "color": theme.text},
            }
        ],
    }
