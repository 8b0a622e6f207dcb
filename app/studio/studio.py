"""The studio for one network: its states compared as pictures, by what is read in them, by their weights; and files."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.errors import reported
from app.state import Selection
from app.studio.classes import show_classes
from app.studio.exports import show_exports
from app.studio.states import State, original_image, size_for
from app.studio.views import choose_pair, show_pictures, show_zoom
from app.studio.weights import show_weight_changes

ZOOM, WEIGHTS, FILES = (
    ":material/zoom_in: Zoom and swipe",
    ":material/tune: Change of the weights",
    ":material/download: Files and code",
)


def show_studio(selection: Selection, found: list[State], place: DeltaGenerator) -> None:
    """Show what a chain makes of the selected network.

    Args:
        selection: The network.
        found: Its states, the start first.
        place: Beside the controls, for what must be seen while steering.
    """
    with place:
        pair = choose_pair(found)
        show_pictures(selection, found, pair)
        with reported():
            show_classes(selection, *pair)
    zoom, weights, files = st.tabs([ZOOM, WEIGHTS, FILES], on_change="rerun", key="edit.tab")
    if zoom.open:
        with zoom, reported():
            show_zoom(pair, size_for(original_image(selection), found[0].network.architecture)[0])
    if weights.open:
        with weights, reported():
            show_weight_changes(*pair, selection.file_name)
    if files.open:
        with files, reported():
            show_exports(selection, found)
