"""The chain of edits of this session, the same for whatever network is selected; and what the studio is to show."""

from collections.abc import Callable, Collection

import streamlit as st

from app.studio.chain import Chain, History, added

HISTORY_KEY = "edit.history"
BEFORE_KEY, AFTER_KEY = "edit.before", "edit.after"
END = -1  # the place after the last step, wherever that is


def history() -> History:
    """The chain with what can be undone and redone."""
    return st.session_state.get(HISTORY_KEY, History())


def begin(possible: Collection[str]) -> Chain:
    """The chain; with the first possible edit where this session has none yet, so that there is something to see."""
    if HISTORY_KEY not in st.session_state:
        st.session_state[HISTORY_KEY] = History(added((), next(iter(possible))) if possible else ())
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
