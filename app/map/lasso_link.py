"""What was circled on the first map, as a polygon in the address."""

import math
from collections.abc import Sequence

import streamlit as st

from app.address import Parameter
from app.charts.map_points import rows_inside
from app.map.chart import MapView
from app.state import REGION_KEY, Region

Polygon = tuple[tuple[float, float], ...]

MAX_CORNERS = 60  # in an address; a lasso of more loses some of them
FARTHEST = 1e6


def sync_lasso(view: MapView) -> None:
    """Circle what the address newly says, and let the address say what is circled on this map."""
    polygon = LASSO.news()
    inside = rows_inside(view.points.numpy(), polygon) if polygon else []
    if polygon and inside:
        ids = tuple(view.ids[row] for row in inside)
        st.session_state[REGION_KEY] = Region(view.zoo.name, view.key, ids, polygon)
    region: Region | None = st.session_state.get(REGION_KEY)
    is_own = region is not None and region.chart == view.key and len(region.polygon) > 2
    LASSO.set(region.polygon if is_own and region is not None else None)


def polygon_text(polygon: Sequence[tuple[float, float]]) -> str:
    """A polygon in an address, with at most `MAX_CORNERS` of its corners.

    Example:
        >>> polygon_text([(0, 0), (1, 0), (0.5, 2.25)])
        '0,0~1,0~0.5,2.25'
    """
    step = math.ceil(len(polygon) / MAX_CORNERS)
    return "~".join(f"{x:.4g},{y:.4g}" for x, y in polygon[::step])


def parse_polygon(text: str) -> Polygon | None:
    """The polygon that a text of an address means; None if it means none."""
    corners = []
    for corner in text.split("~"):
        try:
            x, y = map(float, corner.split(","))
        except ValueError:
            return None
        if not (abs(x) <= FARTHEST and abs(y) <= FARTHEST):
            return None
        corners.append((x, y))
    return tuple(corners) if 3 <= len(corners) <= MAX_CORNERS else None


LASSO: Parameter[Polygon] = Parameter("lasso", parse_polygon, polygon_text)
