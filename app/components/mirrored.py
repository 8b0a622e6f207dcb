"""Fields whose value or place is also changed elsewhere: what an older one still says is no choice."""

from collections.abc import Callable, Hashable
from typing import Any, TypedDict, TypeVar

import streamlit as st

T = TypeVar("T")

MAX_SAID = 256  # fields whose last word is remembered
_SAID_KEY = "mirrored.said"


class Mirrored(TypedDict):
    """What a field is made with.

    Attributes:
        key: Its key, which holds the value.
        on_change: Takes what is chosen in the field.
    """

    key: str
    on_change: Callable[[], None]


def mirrored(name: str, value: T, take: Callable[[T], None], *, of: Hashable = None) -> Mirrored:
    """Key and callback of a field that shows a value which also changes elsewhere.

    Whatever happens in a browser, it sends along what all its fields say, also those whose older value the answer on
    its way replaces; Streamlit takes that for a choice. So a value from elsewhere gets a new field, and an older field
    is heard only where it says something else than before.

    Args:
        name: The key of the first such field; those after it are numbered.
        value: What it shows.
        take: Called with another value that is chosen in the field; within a callback.
        of: What the value is one of, such as the zoo of a network; of another there is a new field.

    Example:
        >>> st.selectbox("Layer", names, **mirrored("layer", chosen, choose))  # doctest: +SKIP
    """
    turn_key = f"{name}.turn"
    turn, owner = st.session_state.get(turn_key, (0, of))
    key = _key(name, turn)
    if owner != of or key not in st.session_state or st.session_state[key] != value:
        turn += turn_key in st.session_state
        key = _key(name, turn)
        st.session_state[key] = value
    st.session_state[turn_key] = (turn, of)
    _remember(key, value)
    return {"key": key, "on_change": newly_said(key, lambda: take(st.session_state[key]))}


def newly_said(key: str, act: Callable[[], None]) -> Callable[[], None]:
    """A callback that acts only where a field, a table or a chart says something else than before.

    Args:
        key: Its key, which no other has.
        act: What it does.
    """

    def callback() -> None:
        said = st.session_state.get(key)
        if _SAID_KEY in st.session_state and st.session_state[_SAID_KEY].get(key, act) == said:
            return
        _remember(key, said)
        act()

    return callback


def _remember(key: str, said: Any) -> None:
    """Keep what a field says, in place of the one that is remembered longest where there are too many."""
    before = st.session_state.get(_SAID_KEY, {})
    kept = {**{name: words for name, words in before.items() if name != key}, key: said}
    st.session_state[_SAID_KEY] = dict(list(kept.items())[-MAX_SAID:])


def _key(name: str, turn: int) -> str:
    return f"{name}.{turn}" if turn else name
