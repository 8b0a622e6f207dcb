"""Beside the map: the selected network, and its nearest neighbours to walk to."""

import streamlit as st

from app import cached, map_data, state
from app.charts.image_grid import data_address, to_image
from app.components.mirrored import newly_said
from app.errors import plain
from app.map import colourings
from app.map.chart import METRIC_KEY, MapView
from ngcore.maps.zoo_maps import ZooPoints
from ngcore.zoo import Zoo

PICTURE = 112
MAX_FACTS = 4
METRICS = {"cosine": "Cosine", "euclidean": "Euclidean"}
TABLE_KEY = "map.neighbours"


def map_network(view: MapView) -> None:
    """Show the selected network and, where the map's model can read it, its nearest neighbours."""
    zoo, seen = view.zoo, view.seen
    selection = state.selected()
    if selection is None or not cached.exists(selection):
        st.info("Click a point to select its network.", icon=":material/ads_click:")
        return
    left, right = st.columns([0.42, 0.58], gap="medium")
    with left:
        _show_network(zoo, seen, map_data.selected_row(zoo, seen))
    with right:
        _show_surroundings(view)


def _show_surroundings(view: MapView) -> None:
    """The nearest neighbours, or why there are none."""
    seen = view.seen
    had_features = map_data.has_features(seen)
    focus = map_data.focus(view.zoo, seen, view.card)
    if not had_features and map_data.has_features(seen):
        st.rerun()  # the map was drawn without neighbours
    if focus is None:
        st.info("The networks on this map have other inputs or outputs than the selected one.", icon=":material/info:")
        return
    if focus[0] is None:
        st.caption("The map was fitted without this network, which is projected onto it.")
    _show_neighbours(view.zoo, seen, focus)


def _show_network(zoo: Zoo, seen: ZooPoints, row: int | None) -> None:
    selection = state.selected()
    if selection is None:
        return
    with st.container(horizontal=True, vertical_alignment="top", gap="small"):
        if cached.is_inr(cached.network(selection).architecture):
            label = cached.label_name(selection)
            st.image(
                to_image(cached.image(selection), PICTURE),
                width=PICTURE,
                alt="What the selected network shows" + (f", labelled {plain(label)}" if label else ""),
            )
        with st.container(gap="xsmall"):
            st.markdown(f"**{plain(cached.title(selection))}**")
            if row is not None:
                st.caption("  \n".join(_facts(zoo, seen, row)))
            st.page_link(
                "../pages/network.py",
                label="Open its graph",
                icon=":material/hub:",
                query_params={state.QUERY_PARAMETER: selection.key},
            )


def _facts(zoo: Zoo, seen: ZooPoints, row: int) -> list[str]:
    """The first facts of a network, as Markdown."""
    facts = []
    for title, colouring in list(colourings.choices(zoo, seen).items())[:MAX_FACTS]:
        text = colouring.text(row)
        if text and title != colourings.NOTHING:
            facts.append(f"{plain(title)}: {plain(text)}")
    return facts


def _show_neighbours(zoo: Zoo, seen: ZooPoints, focus: map_data.Focus) -> None:
    """The nearest networks; a click on a row selects it."""
    metric = st.segmented_control(
        "Nearest neighbours by",
        list(METRICS),
        format_func=METRICS.__getitem__,
        default="cosine",
        required=True,
        key=METRIC_KEY,
        bind="query-params",
        persist_state="session",
        help="Measured in the whole embedding (or all raw weights), not on the map: "
        "the cosine of the angle between mean-free vectors, or their Euclidean distance.",
    )
    rows, distances = map_data.neighbours(seen, focus, metric=metric)
    columns = colourings.table(zoo, seen).iloc[rows]
    first = [title for title in colourings.choices(zoo, seen) if title in columns][:1]
    shown = columns[["id", *first]].copy()
    shown["id"] = shown["id"].str.removeprefix(f"{zoo.name}/")
    shown["distance"] = distances
    pictures = None
    if cached.is_inr(next(iter(zoo.architectures.values()))):
        images = cached.images(zoo.name, seen.positions[rows].tolist())
        shown.insert(0, "image", [data_address(pixels) for pixels in images])
        pictures = {"image": st.column_config.ImageColumn("", width="small")}
    key = f"{TABLE_KEY}.{seen.key[:8]}.{focus[0]}"

    def walk() -> None:
        picked = st.session_state[key]["selection"]["rows"]
        if picked:
            state.select(zoo=zoo.name, id=str(columns["id"].iloc[picked[0]]))

    st.dataframe(
        shown,
        hide_index=True,
        key=key,
        on_select=newly_said(key, walk),
        selection_mode="single-row",
        row_height=34,
        height=36 + 34 * len(shown),
        column_config=colourings.column_formats(zoo, seen)
        | (pictures or {})
        | {
            "id": st.column_config.TextColumn("id"),
            "distance": st.column_config.NumberColumn("distance", format="%.3f", width="small"),
        },
    )
    st.caption("Click a row to select that network.")
