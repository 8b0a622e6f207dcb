"""The server's own terminal: logs and tracebacks that quote strangers come out clean."""

import io
import logging


def test_what_is_logged_has_no_escapes():
    from app.terminal import CleanStream

    written = io.StringIO()
    handler = logging.StreamHandler(CleanStream(written))
    logger = logging.Logger("strangers")
    logger.addHandler(handler)
    try:
        raise ValueError("net\x1b[31m\u202e.weight")
    except ValueError:
        logger.exception("Reading %s failed", "a\x9b2J\x07b")
    assert "Reading a2Jb failed\n" in written.getvalue()
    assert "ValueError: net[31m.weight\n" in written.getvalue()


def test_a_clean_stream_counts_what_it_was_given():
    from app.terminal import CleanStream

    written = io.StringIO()
    assert CleanStream(written).write("a\tb\x1b") == 4
    assert written.getvalue() == "a   b"
    assert not CleanStream(written).isatty()
