"""What the server writes to its terminal: logs and tracebacks may quote strangers' text, so all of it is cleaned."""

import io
from typing import TextIO

from ngcore.text import clean_lines


class CleanStream(io.TextIOBase):
    """A text stream that passes on what is written without control, bidirectional and invisible characters."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write cleaned text; the number of characters is that of the original."""
        self._stream.write(clean_lines(text, length=4 * len(text) + 1))
        return len(text)

    def flush(self) -> None:
        """Flush the stream."""
        self._stream.flush()

    def fileno(self) -> int:
        """The file descriptor of the stream."""
        return self._stream.fileno()

    def isatty(self) -> bool:
        """Whether the stream is a terminal."""
        return self._stream.isatty()

    def writable(self) -> bool:
        """Always true."""
        return True

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The encoding of the stream."""
        return self._stream.encoding
