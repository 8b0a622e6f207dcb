"""Below the map: the networks that stand out on it, as a table, as pictures to click, as histograms and as files."""

from collections.abc import Mapping

import numpy as np
import pandas
import streamlit as st

from app import cached, state
from app.charts.clicks import clicked_rows
from app.charts.colouring import Colouring
from app.charts.histograms import draw_histogram
from app.charts.picture_wall import draw_picture_wall, wall_height
from app.components.appearance import theme
from app.components.edit_ways import edit_circled
from app.components.mirrored import newly_said
from app.errors import plain
from app.map import colourings
from app.map.chart import MapView, clear_region
from app.map.export import show_downloads

MAX_PICTURES = 48
PICTURES_IN_A_ROW = 12
HEIGHT = 380
HISTOGRAM_HEIGHT = 300
HISTOGRAMS_KEY = "map.histograms"


def map_selection(
    view: MapView, choices: Mapping[str, Colouring], colouring: Colouring, kept: np.ndarray, circled: list[int]
) -> None:
    """Show the networks that are circled and stand out, or all that stand out where none is circled.

    Args:
        view: The map.
        choices: What it can be coloured by.
        colouring: What it is coloured by.
        kept: Which networks search, filters and key leave, (networks,).
        circled: Rows of the networks that are circled.
    """
    rows = [row for row in circled if kept[row]] if circled else np.flatnonzero(kept).tolist()
    is_part = bool(circled) or len(rows) < len(kept)
    is_inr = all(cached.is_inr(architecture) for architecture in view.zoo.architectures.values())
    with st.container(horizontal=True, vertical_alignment="center"):
        title = f"{len(rows):,} of {len(kept):,} selected" if is_part else f"All {len(kept):,} networks on the map"
        st.header(title)
        if circled:
            st.button("Clear the selection", icon=":material/close:", on_click=clear_region, key="map.clear")
        if circled and rows and is_inr and st.button("Edit these", icon=":material/brush:", key="map.edit"):
            edit_circled(view.zoo.name, str(view.ids[rows[0]]))
    if not rows:
        st.info("Nothing stands out: the filters, the key and the selection leave no network.", icon=":material/info:")
        return
    left, right = st.columns([0.58, 0.42], gap="medium")
    with left:
        _show_table(view, colourings.table(view.zoo, view.seen).iloc[rows])
        show_downloads(view, rows)
    with right:
        _show_histograms(choices, colouring, rows if is_part else [])
    if is_inr:
        _show_pictures(view, colouring, rows)


def _show_table(view: MapView, chosen: pandas.DataFrame) -> None:
    key = f"map.table.{view.seen.key[:8]}.{len(chosen)}.{chosen.index[0]}"

    def pick() -> None:
        picked = st.session_state[key]["selection"]["rows"]
        if picked and 0 <= picked[0] < len(chosen):
            state.select(zoo=view.zoo.name, id=str(chosen["id"].iloc[picked[0]]))

    st.dataframe(
        chosen,
        hide_index=True,
        height=HEIGHT - 44,
        key=key,
        on_select=newly_said(key, pick),
        selection_mode="single-row",
        column_config=colourings.column_formats(view.zoo, view.seen),
    )


def _show_histograms(choices: Mapping[str, Colouring], colouring: Colouring, rows: list[int]) -> None:
    """Histograms of the value that the map is coloured by, or of the columns that were chosen."""
    chosen = [name for name in st.session_state.get(HISTOGRAMS_KEY) or () if name in choices]
    for name in chosen or [colouring.title]:
        st.echarts_chart(
            draw_histogram(choices.get(name, colouring), rows, theme=theme()),
            height=HISTOGRAM_HEIGHT if len(chosen) < 2 else HISTOGRAM_HEIGHT * 2 // 3,
            key=f"map.histogram.{name}",
            alt=f"Histogram of {name}, of the selected networks and of all",
        )
    st.multiselect(
        "Histograms of",
        list(choices),
        key=HISTOGRAMS_KEY,
        persist_state="session",
        placeholder=f"{colouring.title}, as on the map",
    )


def _show_pictures(view: MapView, colouring: Colouring, rows: list[int]) -> None:
    """Pictures of the networks, evenly spread; a click selects one."""
    shown = [rows[i] for i in np.linspace(0, len(rows) - 1, min(len(rows), MAX_PICTURES)).round().astype(int)]
    images = cached.images(view.zoo.name, view.seen.positions[shown].tolist())
    key = f"map.pictures.{view.seen.key[:8]}"

    def pick() -> None:
        clicked = clicked_rows(st.session_state[key]["selection"], len(shown))
        if len(clicked) == 1:
            state.select(zoo=view.zoo.name, id=str(view.ids[shown[clicked.pop()]]))

    texts = [f"{str(view.ids[row]).rpartition('/')[2]}\n{colouring.text(row)}" for row in shown]
    with st.container(key="map-wall"):
        st.echarts_chart(
            draw_picture_wall(images, texts, columns=PICTURES_IN_A_ROW, theme=theme()),
            height=wall_height(len(shown), PICTURES_IN_A_ROW),
            key=key,
            on_select=newly_said(key, pick),
            alt=f"Pictures that {len(shown)} networks show, each with its {plain(colouring.title)}",
        )
    st.caption(
        f"{len(shown):,} of {len(rows):,} pictures, each with its {plain(colouring.title)}. Click one to select it."
    )
