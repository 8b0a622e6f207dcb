"""Errors and strangers' text, shown so that neither breaks the page."""

import functools
import logging
import string
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn, ParamSpec

import streamlit as st

from ngcore.errors import NeuralGraphError
from ngcore.text import clean_lines

LOGGER = logging.getLogger(__name__)
P = ParamSpec("P")

# Stops links and emoji shortcuts from being recognised in text that is escaped otherwise; it has no width.
_WORD_JOINER = "\u2060"


def plain(text: object) -> str:
    r"""Text for Markdown that shows as it is: no markup, links, formulas or emoji, whatever a stranger wrote.

    Example:
        >>> print(plain("a*b"))
        a\*b
    """
    letters = []
    for letter in clean_lines(str(text)):
        escaped = f"\\{letter}" if letter in string.punctuation else " " if letter.isspace() else letter
        letters.append(f"{escaped}{_WORD_JOINER}" if letter in ":@" else escaped)
    return "".join(letters).replace("www\\.", f"www{_WORD_JOINER}\\.")


class PageEnd(BaseException):
    """A page that ends before its last line. Unlike after `st.stop`, the sidebar is still drawn."""


def end_page() -> NoReturn:
    """End the page here; `app/main.py` draws what surrounds it. Not for fragments.

    Raises:
        PageEnd: Always.
    """
    raise PageEnd


@contextmanager
def reported(*, stop: bool = False) -> Iterator[None]:
    """Show errors in a box, as plain text, instead of a traceback.

    An error that ngcore raises on purpose says itself what is wrong. Any other is a fault of the app: the box says
    what to do, and the server's log gets the traceback.

    Args:
        stop: Whether the page ends after the box; else it goes on after the `with` block.
    """
    try:
        yield
    except NeuralGraphError as error:
        show_error(error)
    except Exception as error:
        show_fault(error)
    else:
        return
    if stop:
        end_page()


def fragment(function: Callable[P, None]) -> Callable[P, None]:
    """`st.fragment` for a part of a page; its errors are reported in its place and leave the rest of the page alone."""
    return repeating(None)(function)


def repeating(seconds: float | None) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """`fragment` that also runs by itself, this many seconds after it began; None: only when asked."""

    def decorate(function: Callable[P, None]) -> Callable[P, None]:
        return st.fragment(_reporting(function), run_every=seconds)

    return decorate


def _reporting(function: Callable[P, None]) -> Callable[P, None]:
    @functools.wraps(function)
    def part(*args: P.args, **kwargs: P.kwargs) -> None:
        with reported():
            function(*args, **kwargs)

    return part


def show_error(error: Exception | str) -> None:
    """Show an error's message as plain text in a box, and code that would help below it, ready to be copied."""
    st.error(plain(error), icon=":material/error:")
    if isinstance(error, NeuralGraphError) and error.recipe:
        st.code(error.recipe, language="python")


def show_fault(error: Exception) -> None:
    """Log an error that nobody foresaw, and say in a box what to do about it."""
    LOGGER.error("Unexpected error on a page", exc_info=error)
    show_error(_describe_fault(error))


def show_uncaught(error: Exception) -> bool:
    """Show an error of a callback, after which no page is drawn, and a way back to the page.

    Returns:
        True, which tells Streamlit not to show the error itself; its traceback is in the server's log by then.
    """
    show_error(error if isinstance(error, NeuralGraphError) else _describe_fault(error))
    st.button("Back to the page", icon=":material/arrow_back:", key="errors.back")
    return True


def _describe_fault(error: Exception) -> str:
    return (
        f"Something went wrong here that should not have ({type(error).__name__}). Reload the page or choose another "
        "network; the log of the server says more."
    )
