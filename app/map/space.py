"""A map in three dimensions, to be turned; its points can be clicked."""

from functools import partial
from typing import Any

import streamlit as st

from app import map_data, state
from app.charts.colouring import Colouring
from app.charts.map_space import draw_space
from app.components.appearance import theme
from app.map import filters
from app.map.chart import HEIGHT, MapView, region_rows


def space_chart(view: MapView, choices: dict[str, Colouring], colouring: Colouring) -> None:
    """Draw a map of three dimensions; a click selects a network, what does not stand out is grey."""
    if not map_data.is_instant(view.seen, view.method, view.parameters):
        name = map_data.METHOD_NAMES[view.method]
        with st.spinner(f"Fitting {name} to {len(view.seen):,} networks; done once, then cached."):
            map_data.layout(view.seen, view.method, view.parameters)
    kept = filters.standing_out(view.zoo, view.seen, choices, colouring)
    if rows := region_rows(view):
        circled = set(rows)
        kept = kept & [row in circled for row in range(len(kept))]
    key = f"map.space.{view.key}"
    st.plotly_chart(
        draw_space(
            view.points.numpy(),
            colouring,
            [str(name) for name in view.ids],
            kept,
            selected=map_data.selected_row(view.zoo, view.seen),
            height=HEIGHT,
            theme=theme(),
        ),
        key=key,
        on_select=partial(on_click, key, view),
        selection_mode="points",
        config={"displaylogo": False},
        alt=f"Map of {len(view.seen):,} networks in three dimensions, coloured by {colouring.title}",
    )
    st.caption(
        "Drag to turn, scroll to zoom, click a point to select its network. Regions are drawn in two dimensions."
    )


def on_click(key: str, view: MapView) -> None:
    """Select the network that was clicked."""
    points: list[dict[str, Any]] = st.session_state[key]["selection"]["points"]
    row = points[0].get("customdata") if points else None
    row = row[0] if isinstance(row, list) and row else row
    if isinstance(row, int | float) and 0 <= int(row) < len(view.ids):
        state.select(zoo=view.zoo.name, id=view.ids[int(row)])
