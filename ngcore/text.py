"""Strangers' text made fit for any output: terminals, logs, messages, pages."""

import re
import unicodedata

MAX_NAME_LENGTH = 200  # what fits a line of a table
MAX_MESSAGE_LENGTH = 10_000


def clean_text(text: str, *, length: int = MAX_NAME_LENGTH) -> str:
    """One line of text without control, bidirectional, zero-width and unassigned characters, cut to `length`.

    Markup stays as it is, as text: whoever puts it into HTML or Markdown must escape it.

    Example:
        >>> clean_text("net.0" + chr(7) + ".weight")
        'net.0.weight'
    """
    start = text[: 4 * length]
    if not start.isprintable():  # most text is, and one look is far cheaper than one at each letter
        start = "".join(letter for letter in start if _is_printable(letter))
    return _cut(start, length)


def clean_lines(text: str, *, length: int = MAX_MESSAGE_LENGTH) -> str:
    r"""As `clean_text`, but line breaks stay, and tabs become spaces.

    Example:
        >>> clean_lines("one" + chr(27) + "[31m" + chr(10) + "two")
        'one[31m\ntwo'
    """
    lines = text[: 4 * length].expandtabs(4)
    return _cut("".join(letter for letter in lines if letter == "\n" or _is_printable(letter)), length)


def escape_unprintable(text: str) -> str:
    r"""JSON text with every unprintable character inside its strings as \u escapes; it means the same.

    Example:
        >>> print(escape_unprintable('"a' + chr(0x9B) + '"'))
        "a\u009b"
    """
    return re.sub(r"[^\n\x20-\x7e]", lambda found: _as_json_escape(found[0]), text)


def _is_printable(letter: str) -> bool:
    category = unicodedata.category(letter)
    return category[0] != "C" and category not in ("Zl", "Zp")


def _as_json_escape(letter: str) -> str:
    if _is_printable(letter):
        return letter
    units = letter.encode("utf-16-be", errors="surrogatepass")
    return "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2))


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
