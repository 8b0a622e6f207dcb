"""Fields that show a value which is also changed elsewhere, such as the network that a click on the map selects."""

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
    turn_key = f"{name}.turn"
    turn, owner = st.session_state.get(turn_key, (0, of))
    key = _key(name, turn)
    if owner != of or key not in st.session_state or st.session_state[key] != value:
        turn += turn_key in st.session_state
        key = _key(name, turn)
        st.session_state[key] = value
    st.session_state[turn_key] = (turn, of)

    def heard() -> None:
        if st.session_state[turn_key] == (turn, of) and key in st.session_state:
            take(st.session_state[key])

    return {"key": key, "on_change": heard}


def _key(name: str, turn: int) -> str:
    return f"{name}.{turn}" if turn else name
