"""How each shape of network is looked at, in the session and in the address of the page."""

from typing import TYPE_CHECKING

import streamlit as st

from app.address import Parameter
from app.block_map import block_map
from app.viewer.looks import Look, parse_look

if TYPE_CHECKING:
    from app.viewer.sent import Drawn

VIEW: Parameter[Look] = Parameter("view", parse_look, lambda look: look.text)
LOOKS_KEY, ASKED_KEY = "graph_viewer.looks", "graph_viewer.asked"
MAX_LOOKS = 64


def look_at(drawn: "Drawn", *, is_in_address: bool = True) -> Look:
    """How a drawing is looked at: as the address newly says, else as before; the address says it from now on.

    Args:
        drawn: What is looked at.
        is_in_address: Whether the address has a say in it.
    """
    if not is_in_address:
        return _looks().get(drawn.shape, Look())
    asked = VIEW.news()
    if asked is not None and asked.fits(len(block_map(drawn.architecture).units)):
        keep_look(drawn.shape, asked)
        st.session_state[ASKED_KEY] = times_asked() + 1
    look = _looks().get(drawn.shape, Look())
    VIEW.set(look if look != Look() else None)
    return look


def keep_look(shape: str, look: Look) -> None:
    """Look at drawings of a shape in this way from now on; may be called from callbacks."""
    looks = _looks()
    looks.pop(shape, None)
    looks[shape] = look
    while len(looks) > MAX_LOOKS:
        del looks[next(iter(looks))]


def times_asked() -> int:
    """How often an address has said how to look; a viewer that has not followed yet does so."""
    return int(st.session_state.get(ASKED_KEY, 0))


def _looks() -> dict[str, Look]:
    looks: dict[str, Look] = st.session_state.setdefault(LOOKS_KEY, {})
    return looks
