"""A real network on the home page: its graph beside the picture that it is."""

import random

import numpy as np
import streamlit as st

from app import cached, page_table, state
from app.components.graph_viewer import Shown, Words, graph_viewer
from app.components.render_panel import enlarged
from app.errors import fragment
from app.state import Selection
from app.viewer import sent
from app.viewer.look_link import keep_look
from app.viewer.looks import Look
from app.viewer.sent import Drawn

SHOWN_KEY = "example.shown"
WORDS = Words(colours=(("activation", "activation"), *Words.colours))
CENTRE = np.zeros(2, dtype=np.float32)
HEIGHT = 480  # pixels of the drawing
EDGES = 150  # of each layer, so that the strong ones can be followed
PICTURE_SIDE, PICTURE_WIDTH = 56, 150


@fragment
def live_example() -> None:
    """Show the graph and the picture of an INR, and let the user take another one; nothing where there is no zoo."""
    choices = _choices()
    if not choices:
        return
    shown = st.session_state.get(SHOWN_KEY)
    if shown not in choices:
        shown = st.session_state[SHOWN_KEY] = choices[0]
    selection = Selection.parse(shown)
    if selection is None:
        return
    _graph(selection)
    with st.container(horizontal=True, vertical_alignment="top", gap="medium"):
        image = enlarged(cached.image(selection, (PICTURE_SIDE, PICTURE_SIDE)), 448)
        st.image(image, width=PICTURE_WIDTH, alt="The picture that this network computes")
        with st.container(width="stretch"):
            st.markdown(
                f"This network computes a picture, pixel by pixel: coordinates in, brightness out (label "
                f"{cached.label_name(selection)}). Every neuron is shown as the picture that it computes; zoom in, or "
                "click one to see its weights."
            )
            with st.container(horizontal=True):
                st.button(
                    "Another example", icon=":material/casino:", on_click=_another, args=(choices,), key="example.next"
                )
                if st.button("Look inside", icon=":material/hub:", type="primary", key="example.open"):
                    state.select(zoo=selection.zoo, id=selection.id)
                    st.switch_page(page_table.page("network"), query_params={state.QUERY_PARAMETER: selection.key})


def _choices() -> list[str]:
    """Keys of test networks of the first zoo of INRs."""
    for zoo in cached.zoos().values():
        if all(cached.is_inr(architecture) for architecture in zoo.architectures.values()):
            rows = zoo.rows(split="test")
            return zoo.metadata["id"].iloc[rows if len(rows) else slice(None)].tolist()
    return []


def _another(choices: list[str]) -> None:
    others = [one for one in choices if one != st.session_state[SHOWN_KEY]]
    st.session_state[SHOWN_KEY] = random.choice(others or choices)


def _graph(selection: Selection) -> None:
    drawn = Drawn(cached.content_key(selection), cached.network(selection), kind="example")
    keep_look(drawn.shape, Look(k=EDGES))
    shown = Shown(drawn, WORDS, activations=sent.activations(selection, [CENTRE]), is_picture=True)
    graph_viewer(
        shown,
        key="example.viewer",
        file_name=selection.file_name,
        height=HEIGHT,
        is_bare=True,
        is_in_address=False,
    )
