"""What the address of a page says beside the selected network, each value checked before it is believed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

T = TypeVar("T")

MAX_LENGTH = 2_000  # letters of a value; longer ones are not read
MAX_SAID = 64  # texts that are remembered of a parameter; a browser is never that far behind
_OPENINGS_KEY, _PAGE_KEY = "address.openings", "address.page"


def notice_opening() -> None:
    """Notice whether an address was opened: with the session, on another page, or by the back button.

    Called once a run of the whole app, after its page is known and before any parameter is read.
    """
    run = get_script_run_ctx()
    if run is None:
        return
    page = run.page_script_hash
    if run.is_history_navigation or page != st.session_state.get(_PAGE_KEY):
        st.session_state[_PAGE_KEY] = page
        st.session_state[_OPENINGS_KEY] = openings() + 1


def openings() -> int:
    """How often an address was opened in this session."""
    return int(st.session_state.get(_OPENINGS_KEY, 0))


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
    def _said_key(self) -> str:
        return f"address.{self.name}.said"

    def get(self) -> T | None:
        """The value: what the address newly says, else what the session has; None for neither.

        An address that says nothing, or nothing valid, gets the session's value again. Call it once a run, where the
        page needs the value.
        """
        self.news()
        return st.session_state.get(self._value_key)

    def news(self) -> T | None:
        """The value that the address newly says, by a link, a reload or the back button; None where it says none.

        What a browser sends along with a click is the address that it had at that time. A text that was in the address
        before is therefore no news until an address is opened again: the browser may not have heard of the next one.

        For values that the page keeps itself, which it gives back with `set` in every run; else like `get`.
        """
        asked, value = st.query_params.get(self.name), None
        if asked is not None and asked not in self._said():
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

    def _said(self) -> list[str | None]:
        """The texts that the address has said since it was opened, the last one last; or before that, in the end."""
        opening, texts, last = st.session_state.get(self._said_key, (0, [], None))
        return texts if opening == openings() else [last]

    def _show(self, value: T | None, asked: str | None) -> None:
        """Let the address say the value."""
        text = None if value is None else self.write(value)
        if text is not None and len(text) > MAX_LENGTH:
            text = None
        opening, texts, _ = st.session_state.get(self._said_key, (0, [], None))
        before = texts if opening == openings() else []
        new = dict.fromkeys(one for one in (asked, text) if one is not None and len(one) <= MAX_LENGTH)
        said = [*(one for one in before if one not in new), *new]
        st.session_state[self._said_key] = (openings(), said[-MAX_SAID:], text)
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
