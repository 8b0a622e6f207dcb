"""Strangers' text: whatever it holds, it is shown as it is."""

import string

import pytest


@pytest.mark.parametrize("text", ["**bold**", "<b>", "[a](http://b)", "$x$", "`code`", ":red[x]", "# head", "a_b_c"])
def test_every_sign_that_markdown_knows_is_escaped(text):
    from app.errors import plain

    shown = plain(text)
    for sign in set(text) & set(string.punctuation):
        assert shown.count(sign) == shown.count(f"\\{sign}")


def test_addresses_and_emoji_shortcuts_are_broken_apart_without_a_trace():
    from app.errors import plain

    assert "http\\:\u2060\\/\\/" in plain("http://b")
    assert "www\u2060" in plain("www.example.org")
    assert plain("a b\nc") == "a b c"
