"""The studio for one network: its states compared as pictures, by what is read in them, by their weights; and files."""

import streamlit as st

from app.errors import reported
from app.state import Selection
from app.studio.classes import show_classes
from app.studio.exports import show_exports
from app.studio.states import State
from app.studio.views import Pair, show_pictures
from app.studio.weights import show_weight_changes

RESULT, WEIGHTS, FILES = "Result", "Change of the weights", "Files and code"
TAB_KEY = "edit_tab"


def show_studio(selection: Selection, found: list[State], pair: Pair) -> None:
    """Show what a chain makes of the selected network, below its picture.

    Args:
        selection: The network.
        found: Its states, the start first.
        pair: The two that are compared.
    """
    result, weights, files = st.tabs([RESULT, WEIGHTS, FILES], key=TAB_KEY, bind="query-params")
    if result.open:
        with result:
            left, right = st.columns([0.6, 0.4], gap="medium")
            with left, reported():
                show_pictures(selection, found, pair)
            with right, reported():
                show_classes(selection, *pair)
    if weights.open:
        with weights, reported():
            show_weight_changes(*pair, selection.file_name)
    if files.open:
        with files, reported():
            show_exports(selection, found)
