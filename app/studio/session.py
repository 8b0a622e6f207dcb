"""The chain of edits of this session, the same for whatever network is selected; and what the studio is to show."""

from collections.abc import Callable, Collection

import streamlit as st

from app.address import Parameter
from app.studio.chain import Chain, History, added, chain_text, parse_chain

HISTORY_KEY = "edit.history"
BEFORE_KEY, AFTER_KEY = "edit.before", "edit.after"
CHAIN: Parameter[Chain] = Parameter("edits", parse_chain, chain_text)
END = -1  # the place after the last step, wherever that is


def history() -> History:
    """The chain with what can be undone and redone."""
    return st.session_state.get(HISTORY_KEY, History())


def begin(possible: Collection[str]) -> Chain:
    """The chain: what the address newly says, which can be undone, or that of the session.

    It has the first possible edit where this session has none yet, so that there is something to see.
    """
    asked = CHAIN.news()
    if HISTORY_KEY not in st.session_state:
        first = added((), next(iter(possible))) if possible else ()
        st.session_state[HISTORY_KEY] = History(first if asked is None else asked)
    elif asked is not None:
        change(lambda _: asked)
    CHAIN.set(history().now)
    return history().now


def change(edit: Callable[[Chain], Chain]) -> None:
    """Change the chain in a way that can be undone; for callbacks."""
    st.session_state[HISTORY_KEY] = history().to(edit(history().now))


def undo() -> None:
    """Take the last change back; for callbacks."""
    st.session_state[HISTORY_KEY] = history().undone()


def redo() -> None:
    """Make the change that was taken back last again; for callbacks."""
    st.session_state[HISTORY_KEY] = history().redone()


def reset() -> None:
    """Leave no step; can be undone; for callbacks."""
    change(lambda _: ())
