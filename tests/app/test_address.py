"""Values in the address of a page: taken when they are new and valid, kept over pages, put back otherwise."""

import pytest
from streamlit.testing.v1 import AppTest

PAGE = """
import streamlit as st
from app.address import Parameter

number = Parameter("number", lambda text: int(text) if text.isdecimal() and int(text) < 100 else None, str)
st.text(f"{number.get()}")
st.button("seven", on_click=number.set, args=(7,))
st.button("none", on_click=number.set, args=(None,))
"""


@pytest.fixture
def page():
    return AppTest.from_string(PAGE).run()


def asked(app, value):
    app.query_params["number"] = value
    return app.run()


def state(app):
    """The value of the page, and what its address says."""
    text = app.query_params.get("number")
    return app.text[0].value, text[0] if isinstance(text, list) else text


def test_the_address_gives_the_value_and_the_page_the_address(page):
    assert state(page) == ("None", None)
    assert state(asked(page, "42")) == ("42", "42")
    assert state(page.button[0].click().run()) == ("7", "7")
    assert state(asked(page, "43")) == ("43", "43")
    assert state(page.button[1].click().run()) == ("None", None)


def test_a_click_in_a_browser_that_has_not_heard_of_the_last_address_leaves_it_alone(page):
    asked(page, "42")
    page.button[0].click().run()
    assert state(asked(page, "42")) == ("7", "7")
    page.button[1].click().run()
    for late in ("42", "7"):
        assert state(asked(page, late)) == ("None", None)
    assert state(asked(page, "43")) == ("43", "43")


def test_an_address_that_is_opened_again_is_believed(page):
    asked(page, "42")
    page.button[0].click().run()
    page.session_state["address.openings"] = 1
    assert state(asked(page, "42")) == ("42", "42")
    assert state(asked(page, "7")) == ("7", "7")
    page.button[1].click().run()
    page.session_state["address.openings"] = 2
    assert state(asked(page, "7")) == ("7", "7")


def test_addresses_are_opened_with_the_session_on_other_pages_and_by_the_back_button(monkeypatch):
    from types import SimpleNamespace

    from app import address

    session = {}
    monkeypatch.setattr(address.st, "session_state", session)
    counts = []
    for page, is_back in (("a", False), ("a", False), ("b", False), ("b", True), ("b", False), ("a", False)):
        run = SimpleNamespace(page_script_hash=page, is_history_navigation=is_back)
        monkeypatch.setattr(address, "get_script_run_ctx", lambda run=run: run)
        address.notice_opening()
        counts.append(address.openings())
    assert counts == [1, 1, 2, 3, 3, 4]


@pytest.mark.parametrize("lie", ["x", "-1", "1000", "", "9" * 5_000, "<script>"])
def test_a_value_that_is_none_is_replaced_by_the_last_valid_one(page, lie):
    assert state(asked(page, lie)) == ("None", None)
    asked(page, "42")
    assert state(asked(page, lie)) == ("42", "42")


def test_whole_numbers_are_read_up_to_their_limit():
    from app.address import whole_number

    seed = whole_number("seed", most=99)
    texts = ("0", "99", "007", "100", "-1", "1.5", "", "²", "٣")
    assert [seed.parse(text) for text in texts] == [0, 99, None, None, None, None, None, None, None]
    assert seed.write(7) == "7"


def test_an_address_that_says_nothing_gets_the_value_of_the_session(page):
    asked(page, "42")
    del page.query_params["number"]
    assert state(page.run()) == ("42", "42")


def test_a_lasso_of_many_corners_keeps_its_shape_in_an_address():
    import numpy as np

    from app.map.lasso_link import MAX_CORNERS, parse_polygon, polygon_text

    angles = np.linspace(0, 2 * np.pi, 500, endpoint=False)
    circle = [(float(np.cos(angle)), float(np.sin(angle))) for angle in angles]
    text = polygon_text(circle)
    polygon = parse_polygon(text)
    assert polygon is not None and len(polygon) <= MAX_CORNERS and len(text) < 1_500
    assert np.abs(np.hypot(*np.array(polygon).T) - 1).max() < 1e-3 and polygon_text(polygon) == text
