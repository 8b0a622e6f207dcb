"""What can be set on the map page: zoo, model, layout and its parameters, colours, a second map."""

import dataclasses
from typing import Any

import streamlit as st

from app import cached, map_data, state
from app.errors import reported
from app.map import filters, runs
from app.map.chart import METRIC_KEY, PATHS_KEY, MapView, clear_region
from app.map_data import Card
from ngcore.maps.layouts import USUAL, MapParameters
from ngcore.maps.zoo_maps import MAX_POINTS
from ngcore.zoo import Zoo

RAW = "raw weights"
NOTHING = "no second map"
LIVE_SAMPLE = 1_000
NEXT_ZOO_KEY = "map.next_zoo"  # a zoo to open at the next run, such as one that was just imported
LIMITS = (MAX_POINTS, 20_000, 100_000)
NEIGHBOURS_KEY, DISTANCE_KEY, PERPLEXITY_KEY, LIMIT_KEY = (
    f"map_{name}" for name in ("neighbours", "min_distance", "perplexity", "limit")
)
_USUAL_SETTINGS = {
    NEIGHBOURS_KEY: USUAL.num_neighbours,
    DISTANCE_KEY: USUAL.min_distance,
    PERPLEXITY_KEY: USUAL.perplexity,
    PATHS_KEY: False,
    METRIC_KEY: "cosine",
}


def zoo_choice() -> Zoo:
    """Let the user choose a zoo; that of the selected network, or the one that it is most like, comes first."""
    zoos = cached.zoos()
    chosen, index = state.selected(), 0
    if st.session_state.get(NEXT_ZOO_KEY) in zoos:
        st.session_state["map_zoo"] = st.session_state.pop(NEXT_ZOO_KEY)
    elif chosen and cached.exists(chosen) and (near := cached.closest_zoo(chosen)) in zoos:
        index = list(zoos).index(near)
    name = st.selectbox("Zoo", list(zoos), index=index, key="map_zoo", bind="query-params", width=180)
    with reported(stop=True):
        return cached.zoo(name)


def model_choice(models: dict[str, Card], zoo: str) -> tuple[str, Card | None]:
    """Let the user choose what the map is laid out by: its name, and the card of a model or None for raw weights."""
    name = st.selectbox(
        "Embedding of",
        [*models, RAW],
        key=f"map_model_{zoo}",
        bind="query-params",
        format_func=lambda name: _described(name, models),
        width=250,
        help="The model whose embeddings are laid out. Models that see weights alone come first, the best on "
        "validation networks at the top; those with probes also see what networks answer.",
        persist_state="session",
    )
    return name, models.get(name)


def second_choice(models: dict[str, Card], first: str, zoo: str) -> str | None:
    """Let the user choose a second map to see beside the first one; None for none."""
    others = [name for name in (RAW, *models) if name != first]
    name = st.selectbox(
        "Beside it",
        [NOTHING, *others],
        key=f"map_second_{zoo}",
        bind="query-params",
        format_func=lambda name: _described(name, models),
        width=250,
        help="A second map of the same networks; what is selected on one shows on both.",
        persist_state="session",
    )
    return None if name == NOTHING else name


def _described(name: str, models: dict[str, Card]) -> str:
    if name not in models:
        return name
    return name if map_data.sees_weights_alone(models[name]) else f"{name} (probes)"


def layout_settings(view: MapView) -> MapView:
    """A button that opens the parameters of the layout; others than the usual ones are fitted to a sample at once."""
    with st.popover("Layout settings", icon=":material/tune:", key="map.layout_list", width="content"):
        changes: dict[str, Any] = {}
        if view.method == "umap":
            changes["num_neighbours"] = st.slider(
                "Neighbours",
                2,
                100,
                USUAL.num_neighbours,
                key=NEIGHBOURS_KEY,
                bind="query-params",
                persist_state="session",
                help="Few show local detail, many the whole.",
            )
            changes["min_distance"] = st.slider(
                "Minimum distance",
                0.0,
                0.99,
                USUAL.min_distance,
                key=DISTANCE_KEY,
                bind="query-params",
                persist_state="session",
                help="How close points may come to each other.",
            )
        elif view.method == "tsne":
            changes["perplexity"] = st.slider(
                "Perplexity",
                5.0,
                100.0,
                USUAL.perplexity,
                key=PERPLEXITY_KEY,
                bind="query-params",
                persist_state="session",
                help="The effective number of neighbours.",
            )
        else:
            st.caption("PCA has no parameters.")
        parameters = dataclasses.replace(view.parameters, **changes)
        if parameters != view.parameters and len(view.seen) > LIVE_SAMPLE:
            parameters = dataclasses.replace(parameters, max_fitted=LIVE_SAMPLE)
        if parameters != view.parameters:
            st.caption(f"Fitted at once, to at most {LIVE_SAMPLE:,} networks; others are placed among these.")
        if runs.paths(view.zoo, view.seen):
            st.toggle(
                "Runs as paths",
                key=PATHS_KEY,
                bind="query-params",
                persist_state="session",
                help="Joins the checkpoints of each training run in the order of their steps.",
            )
        st.button("Reset the map", icon=":material/restart_alt:", key="map.reset", on_click=reset)
    return dataclasses.replace(view, parameters=parameters)


def limit_choice(zoo: Zoo) -> int:
    """How many networks are on the map; asked only where a zoo has many."""
    if len(zoo) <= MAX_POINTS:
        return MAX_POINTS
    options = [limit for limit in LIMITS if limit < len(zoo)] + [len(zoo)]
    return st.selectbox(
        "Networks",
        options[: len(LIMITS)],
        key=LIMIT_KEY,
        bind="query-params",
        format_func=lambda count: f"{count:,}",
        width=110,
        persist_state="session",
        help="Evenly spaced ones, test networks first. A model has to read each of them once.",
    )


def reset() -> None:
    """Forget search, filters, what the key hides, the selection and the parameters of the layout."""
    clear_region()
    filters.clear_search()
    for key in [str(key) for key in st.session_state]:
        if key.startswith((filters.value_key(""), filters.COLUMNS_KEY, filters.LEGEND_KEY)):
            del st.session_state[key]
        elif key in _USUAL_SETTINGS:
            st.session_state[key] = _USUAL_SETTINGS[key]


def usual(dimensions: int) -> MapParameters:
    """The usual parameters in two or three dimensions."""
    return dataclasses.replace(USUAL, dimensions=dimensions)
