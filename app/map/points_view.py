"""The component that draws a map of points in the browser; what it sends back is checked by those who asked for it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

FRONTEND = Path(__file__).resolve().with_name("frontend")
# One module in parts: what a later one uses is defined in the earlier ones.
PARTS = ("points_gl", "points_index", "points_legend", "points_paint", "points_events", "points_map")


def _text(name: str) -> str:
    return FRONTEND.joinpath(name).read_text(encoding="utf-8")


_mount = st.components.v2.component(
    "ngcore_points_map",
    html=_text("points.html"),
    css=_text("points.css"),
    js="\n".join(_text(f"{part}.js") for part in PARTS),
)


def points_view(
    fields: dict[str, Any],
    *,
    key: str,
    on_click: Callable[[], None],
    on_lasso: Callable[[], None],
    on_legend: Callable[[], None],
    on_search: Callable[[], None],
) -> None:
    """Draw points; see `app.charts.map_points` for the fields.

    The callbacks find what was sent as `st.session_state[key]`: "clicked" {chart, row}, "lasso" {chart, polygon},
    "legend" {title, hidden, range} and "sought" {chart, text}. All of it comes from a browser.
    """
    _mount(
        key=key,
        data=fields,
        on_clicked_change=on_click,
        on_lasso_change=on_lasso,
        on_legend_change=on_legend,
        on_sought_change=on_search,
    )
