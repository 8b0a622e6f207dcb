"""A wall of small pictures that can be clicked, as an ECharts option."""

import base64
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from app.charts.image_grid import to_png
from app.charts.theme import LIGHT, Theme

SIDE = 56  # pixels of a picture
TEXT_HEIGHT = 40  # two lines of text, a gap


def wall_height(count: int, columns: int, *, side: int = SIDE) -> int:
    """Height in pixels of a wall of this many pictures."""
    return max(1, math.ceil(count / columns)) * (side + TEXT_HEIGHT) + 8


def draw_picture_wall(
    images: np.ndarray, texts: Sequence[str], *, columns: int, side: int = SIDE, theme: Theme = LIGHT
) -> dict[str, Any]:
    """Pictures (networks, height, width[, 3]) in rows, each with up to two lines of text below it.

    The data indices of its selections are numbers of pictures.

    Args:
        images: Values in [0, 1].
        texts: Text of each picture.
        columns: Pictures in a row.
        side: Pixels of a picture.
        theme: Colours.
    """
    rows = max(1, math.ceil(len(images) / columns))
    hidden = {"show": False}
    axis = {"type": "value", "axisLabel": hidden, "axisTick": hidden, "axisLine": hidden, "splitLine": hidden}
    return {
        "animation": False,
        "grid": {"left": 0, "right": 0, "top": 0, "bottom": 8},
        "xAxis": {**axis, "min": -0.5, "max": columns - 0.5},
        "yAxis": {**axis, "min": -0.5, "max": rows - 0.5, "inverse": True},
        "series": [
            {
                "type": "scatter",
                "data": [
                    {"value": [i % columns, i // columns, text], "symbol": f"image://{_data_url(pixels, side)}"}
                    for i, (pixels, text) in enumerate(zip(images, texts, strict=True))
                ],
                "symbolSize": side,
                "symbolOffset": [0, -14],
                "itemStyle": {"opacity": 1},
                "selectedMode": "single",
                "select": {"itemStyle": {"borderWidth": 0}},
                "cursor": "pointer",
                "label": {
                    "show": True,
                    "position": "bottom",
                    "distance": 4,
                    "formatter": "{@[2]}",
                    "color": theme.text,
                    "fontSize": 11,
                    "lineHeight": 14,
                    "width": side + 8,
                    "overflow": "truncate",
                },
            }
        ],
    }


def _data_url(pixels: np.ndarray, side: int) -> str:
    return "data:image/png;base64," + base64.b64encode(to_png(pixels, side)).decode()
