"""Errors and strangers' text, shown so that neither breaks the page."""

import string
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from ngcore.errors import NeuralGraphError

# Stops links and emoji shortcuts from being recognised in text that is escaped otherwise; it has no width.
_WORD_JOINER = "\u2060"


def plain(text: object) -> str:
    r"""Text for Markdown that shows as it is: no markup, links, formulas or emoji, whatever a stranger wrote.

    Example:
        >>> print(plain("a*b"))
        a\*b
    """
    letters = []
    for letter in str(text):
        escaped = f"\\{letter}" if letter in string.punctuation else " " if letter.isspace() else letter
        letters.append(f"{escaped}{_WORD_JOINER}" if letter in ":@" else escaped)
    return "".join(letters).replace("www\\.", f"www{_WORD_JOINER}\\.")


@contextmanager
def reported(*, stop: bool = False) -> Iterator[None]:
    """Show the errors that ngcore raises on purpose in a box, as plain text, instead of a traceback.

    Args:
        stop: Whether the page ends after the box; else it goes on after the `with` block.
    """
    try:
        yield
    except NeuralGraphError as error:
        show_error(error)
        if stop:
            st.stop()


def show_error(error: Exception | str) -> None:
    """Show an error's message as plain text in a box."""
    st.error(plain(error), icon=":material/error:")
