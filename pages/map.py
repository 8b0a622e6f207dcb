"""Map: the networks of a zoo as points, near where a model finds them alike; regions of it, and neighbours."""

import streamlit as st

from app import cached, map_data, state
from app.components.damaged_zoos import show_damaged_zoos
from app.errors import plain, reported
from app.map import colourings, runs
from app.map.about import about_zoo
from app.map.chart import PATHS_KEY, map_chart
from app.map.network import map_network
from app.map.selection import map_selection

RAW = "raw weights"

st.title("Map")
with st.expander("What am I looking at?", icon=":material/help:"):
    st.markdown(
        "Every point is a trained network. A model reads its **weights** – never its outputs on a test set – and turns "
        "them into a list of numbers, the *embedding*; UMAP or PCA lays the embeddings out so that networks which the "
        "model finds alike lie close to each other. Compare that with the map of the **raw weights**: as the order of "
        "hidden neurons is arbitrary, networks that do the same may have quite different raw weights.\n\n"
        "Click a point to select its network. Draw a lasso or a box (top left of the map) to see a region as a table, "
        "as pictures and as histograms. Directions and scales of UMAP mean nothing; only nearness does."
    )

show_damaged_zoos()
zoos = cached.zoos()
if not zoos:
    st.info("There is no zoo here yet: `ngcore zoo build` makes one.", icon=":material/info:")
    st.stop()

chosen = state.selected()
default = chosen.zoo if chosen and chosen.zoo in zoos else next(iter(zoos))
with st.container(horizontal=True, vertical_alignment="bottom", key="map-controls"):
    name = st.selectbox(
        "Zoo", list(zoos), index=list(zoos).index(default), key="map_zoo", bind="query-params", width=190
    )
    with reported(stop=True):
        zoo = cached.zoo(name)
    models = map_data.models_for(name)
    model = st.selectbox(
        "Embedding of",
        [*models, RAW],
        key=f"map_model_{name}",
        width=230,
        help="The model whose embeddings are laid out.",
        persist_state="session",
    )
    method = st.segmented_control(
        "Layout",
        list(map_data.METHOD_NAMES),
        default="umap",
        format_func=map_data.METHOD_NAMES.__getitem__,
        required=True,
        key="map_layout",
        bind="query-params",
    )
    below = st.container(width=215)

with reported(stop=True):
    card = models.get(model)
    seen = map_data.points(zoo, card)
    choices = colourings.choices(zoo, seen)
    with below:
        title = st.selectbox(
            "Colour by",
            list(choices),
            key=f"map_colour_{name}_{model}",
            format_func=lambda text: text,
            persist_state="session",
        )
    left, right = st.columns([0.67, 0.33], gap="medium")
    with left:
        if runs.paths(zoo, seen):
            st.toggle(
                "Runs as paths",
                key=PATHS_KEY,
                persist_state="session",
                help="Joins the checkpoints of each training run in the order of their steps.",
            )
        rows = map_chart(zoo, seen, card, method, choices[title])
        st.caption(
            f"{len(seen):,} of the {len(zoo):,} networks of {plain(name)}, "
            + ("by their raw weights" if card is None else f"by the embedding of {plain(model)}")
            + "."
        )
    with right:
        map_network(zoo, seen, card)
    map_selection(zoo, seen, choices[title], rows)
    about_zoo(zoo)
