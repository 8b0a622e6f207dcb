"""Strangers' text is shown as it is; errors become boxes in their own place, and faults also lines in the log."""

import logging
import re
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


def faulty_page():
    import streamlit as st

    from app.errors import fragment, reported
    from ngcore.errors import DataError

    @fragment
    def refused():
        st.button("Again", key="again")
        raise DataError("Expected *tea*, got milk.")

    @fragment
    def broken():
        raise KeyError("tea")

    with reported():
        refused()
    broken()
    st.markdown("The end")


@pytest.fixture
def page():
    from streamlit.testing.v1 import AppTest

    return AppTest.from_function(faulty_page, default_timeout=30)


def test_errors_of_fragments_are_boxes_in_their_places_and_the_page_goes_on(page, caplog):
    page.run()
    assert not page.exception
    assert page.error[0].value == "Expected \\*tea\\*\\, got milk\\."
    assert page.markdown[-1].value == "The end"
    page.button(key="again").click().run()
    assert not page.exception and len(page.error) == 2
    caplog.clear()


def test_a_fault_is_said_without_a_traceback_and_logged_with_one(page, caplog):
    page.run()
    said = page.error[1].value
    assert "KeyError" in said and "Reload the page" in said and "Traceback" not in said
    (record,) = [record for record in caplog.records if record.name == "app.errors"]
    assert record.levelno == logging.ERROR and record.exc_info[0] is KeyError
    caplog.clear()


def uncaught():
    from app.errors import show_uncaught

    assert show_uncaught(KeyError("secret leaves"))


def test_an_error_that_no_page_could_catch_is_said_without_its_text_and_with_a_way_back():
    from streamlit.testing.v1 import AppTest

    page = AppTest.from_function(uncaught, default_timeout=30).run()
    assert not page.exception
    assert "KeyError" in page.error[0].value and "secret" not in page.error[0].value
    assert page.button(key="errors.back").label == "Back to the page"


def test_no_part_of_a_page_is_a_bare_fragment(pages_folder):
    files = [*(pages_folder.parent / "app").rglob("*.py"), *pages_folder.glob("*.py")]
    bare = {
        path.name for path in files if re.search(r"^\s*@st\.fragment", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert not bare
