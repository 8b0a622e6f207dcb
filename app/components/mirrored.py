"""Fields whose value or content is also changed elsewhere: what an older one says is not heard."""

from collections.abc import Callable, Hashable
from typing import TypedDict, TypeVar

import streamlit as st

T = TypeVar("T")


class Mirrored(TypedDict):
    """What a field is made with.

    Attributes:
        key: Its key, which holds the value.
        on_change: Takes what is chosen in the field.
    """

    key: str
    on_change: Callable[[], None]


def mirrored(name: str, value: T, take: Callable[[T], None], *, of: Hashable = None) -> Mirrored:
    """Key and callback of a field that shows a value.

    Whatever happens in a browser, it sends along what all its fields say, also those whose older value the answer on
    its way replaces; Streamlit takes that for a choice. So a value from elsewhere gets a new field, and what an older
    field says is not heard.

    Args:
        name: The key of the first such field; those after it are numbered.
        value: What it shows.
        take: Called with another value that is chosen in the field; within a callback.
        of: What the value is one of, such as the zoo of a network; of another there is a new field.

    Example:
        >>> st.selectbox("Layer", names, **mirrored("layer", chosen, choose))  # doctest: +SKIP
    """
    turn_key, said_key = f"{name}.turn", f"{name}.said"
    turn, owner = st.session_state.get(turn_key, (0, of))
    key = _key(name, turn)
    if owner != of or key not in st.session_state or st.session_state[key] != value:
        turn += turn_key in st.session_state
        key = _key(name, turn)
        st.session_state[key] = value
    st.session_state[turn_key], st.session_state[said_key] = (turn, of), value

    def heed() -> None:
        chosen = st.session_state[key]
        if chosen != st.session_state[said_key]:  # else it is no choice, but what a field said that is gone by now
            st.session_state[said_key] = chosen
            take(chosen)

    return {"key": key, "on_change": unless_replaced(name, key, heed)}


def unless_replaced(name: str, key: str, act: Callable[[], None]) -> Callable[[], None]:
    """A callback of a field, a table or a chart that acts only while none with another key has taken its place.

    Args:
        name: Of its place on the page.
        key: Its key.
        act: What it does.
    """
    shown_key = f"{name}.shown"
    st.session_state[shown_key] = key

    def callback() -> None:
        if st.session_state.get(shown_key) == key and key in st.session_state:
            act()

    return callback


def _key(name: str, turn: int) -> str:
    return f"{name}.{turn}" if turn else name
