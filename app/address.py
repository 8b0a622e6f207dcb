"""What the address of a page says beside the selected network, each value checked before it is believed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import streamlit as st

T = TypeVar("T")

MAX_LENGTH = 2_000  # letters of a value; longer ones are not read


@dataclass(frozen=True)
class Parameter(Generic[T]):
    """A value that a page keeps in its address, so that links, reload and the back button bring it back.

    It is for values that no widget holds, such as a chain of edits; a widget's own is bound with `bind="query-params"`.
    The session keeps the value while other pages are open, whose addresses do not have it.

    Example:
        >>> SEED = Parameter("seed", lambda text: int(text) if text.isdecimal() else None, str)
        >>> SEED.set(3)                      # the address says seed=3
        >>> SEED.get()
        3

    Attributes:
        name: Of the parameter in the address.
        parse: The value that a text means; None for a text that means none. The text may be anything.
        write: The text of a value; `parse` gives the value back.
    """

    name: str
    parse: Callable[[str], T | None]
    write: Callable[[T], str]

    @property
    def _value_key(self) -> str:
        return f"address.{self.name}"

    @property
    def _seen_key(self) -> str:
        return f"address.{self.name}.seen"

    def get(self) -> T | None:
        """The value: what the address newly says, else what the session has; None for neither.

        An address that says nothing, or nothing valid, gets the session's value again. Call it once a run, where the
        page needs the value.
        """
        self.news()
        return st.session_state.get(self._value_key)

    def news(self) -> T | None:
        """The value that the address newly says, by a link, a reload or the back button; None where it says none.

        For values that the page keeps itself, which it gives back with `set` in every run; else like `get`.
        """
        asked, value = st.query_params.get(self.name), None
        if asked is not None and asked != st.session_state.get(self._seen_key):
            value = self.parse(asked) if len(asked) <= MAX_LENGTH else None
            if value is not None:
                st.session_state[self._value_key] = value
        self._show(st.session_state.get(self._value_key), asked)
        return value

    def set(self, value: T | None) -> None:
        """Have another value from now on, None for none; may be called from callbacks."""
        if value is None:
            st.session_state.pop(self._value_key, None)
        else:
            st.session_state[self._value_key] = value
        self._show(value, st.query_params.get(self.name))

    def _show(self, value: T | None, asked: str | None) -> None:
        """Let the address say the value."""
        text = None if value is None else self.write(value)
        if text is not None and len(text) > MAX_LENGTH:
            text = None
        st.session_state[self._seen_key] = text
        if text is None:
            if asked is not None:
                del st.query_params[self.name]
        elif text != asked:
            st.query_params[self.name] = text


def whole_number(name: str, *, most: int) -> Parameter[int]:
    """A parameter that is a whole number from 0 to `most`."""

    def parse(text: str) -> int | None:
        is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(most))
        return int(text) if is_number and int(text) <= most else None

    return Parameter(name, parse, str)
