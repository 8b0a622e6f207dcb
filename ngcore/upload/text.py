"""Strangers' text made fit to be shown."""

import unicodedata

from ngcore.upload.limits import MAX_NAME_LENGTH


def clean_text(text: str, *, length: int = MAX_NAME_LENGTH) -> str:
    """Text without control, formatting and unassigned characters, cut to `length`.

    Markup stays as it is, as text: whoever puts it into HTML or Markdown must escape it.

    Example:
        >>> clean_text("net.0" + chr(7) + ".weight")
        'net.0.weight'
    """
    printable = "".join(letter for letter in text[: 4 * length] if unicodedata.category(letter)[0] != "C")
    return printable if len(printable) <= length else printable[: length - 1] + "…"
