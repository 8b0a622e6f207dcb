"""Below the map: the circled networks as a table, as pictures, and as a histogram; all networks where none is."""

import numpy as np
import pandas
import streamlit as st

from app import cached, state
from app.charts.histograms import draw_histogram
from app.charts.image_grid import draw_image_grid
from app.charts.zoo_map import Colouring
from app.components.appearance import theme
from app.components.edit_ways import edit_circled
from app.errors import plain
from app.map import colourings
from app.map.chart import clear_region
from ngcore.maps.zoo_maps import ZooPoints
from ngcore.zoo import Zoo

MAX_PICTURES = 60
HEIGHT = 380


def map_selection(zoo: Zoo, seen: ZooPoints, colouring: Colouring, rows: list[int]) -> None:
    """Show the circled networks."""
    table = colourings.table(zoo, seen)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(f"{len(rows):,} of {len(seen):,} selected" if rows else f"All {len(seen):,} networks on the map")
        if rows:
            st.button("Clear the selection", icon=":material/close:", on_click=clear_region, key="map.clear")
        is_inr = cached.is_inr(next(iter(zoo.architectures.values())))
        if rows and is_inr and st.button("Edit these", icon=":material/brush:", key="map.edit"):
            edit_circled(zoo.name, str(table["id"].iloc[rows[0]]))
    if not rows:
        st.caption("Draw a lasso or a box on the map to look at some of them.")
    chosen = table.iloc[rows] if rows else table
    left, right = st.columns([0.58, 0.42], gap="medium")
    with left:
        _show_table(zoo, seen, chosen)
    with right:
        st.echarts_chart(
            draw_histogram(colouring, rows, theme=theme()),
            height=HEIGHT,
            key="map.histogram",
            alt=f"Histogram of {colouring.title}, of the selected networks and of all",
        )
    if is_inr:
        _show_pictures(zoo, seen, colouring, rows or list(range(len(seen))))


def _show_table(zoo: Zoo, seen: ZooPoints, chosen: pandas.DataFrame) -> None:
    key = f"map.table.{seen.key[:8]}.{len(chosen)}.{chosen.index[0] if len(chosen) else -1}"

    def pick() -> None:
        picked = st.session_state[key]["selection"]["rows"]
        if picked:
            state.select(zoo=zoo.name, id=str(chosen["id"].iloc[picked[0]]))

    st.dataframe(
        chosen,
        hide_index=True,
        height=HEIGHT - 44,
        key=key,
        on_select=pick,
        selection_mode="single-row",
        column_config=colourings.column_formats(zoo, seen),
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.download_button(
            "Table as CSV",
            data=lambda: chosen.to_csv(index=False).encode(),
            file_name=f"{zoo.name}-selection.csv",
            mime="text/csv",
            icon=":material/download:",
            key="map.csv",
            on_click="ignore",
        )
        st.caption("Click a row to select its network.")


def _show_pictures(zoo: Zoo, seen: ZooPoints, colouring: Colouring, rows: list[int]) -> None:
    shown = [rows[i] for i in np.linspace(0, len(rows) - 1, min(len(rows), MAX_PICTURES)).round().astype(int)]
    images = cached.images(zoo.name, seen.positions[shown].tolist())
    texts = [_caption(colouring, row) for row in shown]
    st.image(
        draw_image_grid(images, texts, columns=20, size=60, theme=theme()),
        alt=f"Pictures that {len(shown)} networks show, each with its {plain(colouring.title)}",
        width="stretch",
    )
    st.caption(f"{len(shown):,} of {len(rows):,} pictures, each with its {plain(colouring.title)}.")


def _caption(colouring: Colouring, row: int) -> str:
    value = colouring.values[row]
    if value is None or value != value:
        return ""
    return value if isinstance(value, str) else f"{value:.0%}" if colouring.percent else f"{value:.3g}"
