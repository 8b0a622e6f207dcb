"""Files dropped anywhere on a page go to its field for files, or to the network page where it has none."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import streamlit as st

from app import page_table, state
from app.state import UPLOAD

FRONTEND = Path(__file__).resolve().with_name("frontend")
TEXT = "Drop to open"
_WANTED_KEY, _SHOWN_KEY, _KEY = "drop.wanted", "drop.shown", "drop-anywhere"

_mount = st.components.v2.component(
    "ngcore.drop_anywhere",
    html="<span></span>",
    js=FRONTEND.joinpath("drop_anywhere.js").read_text(encoding="utf-8"),
)


@contextmanager
def drop_target() -> Iterator[None]:
    """Around the field of a page that takes what is dropped anywhere on it."""
    st.session_state[_SHOWN_KEY] = True
    with st.container(key="drop-target"):
        yield


def expect_no_target() -> None:
    """Before a page runs: it has shown no field yet."""
    st.session_state[_SHOWN_KEY] = False


def drop_anywhere() -> None:
    """Listen for files, after the page ran; one without a field gives way to the network page if files wait."""
    _mount(key=_KEY, data={"text": TEXT}, on_wanted_change=_open_field)
    if st.session_state.pop(_WANTED_KEY, False) and not st.session_state[_SHOWN_KEY]:
        st.switch_page(page_table.page("network"))


def _open_field() -> None:
    """Let the page show its field for files, if it is one that can."""
    st.session_state[_WANTED_KEY] = True
    kept = list(state.kept())
    state.select(zoo=UPLOAD, id=kept[-1] if kept else "")
