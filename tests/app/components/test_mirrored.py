"""Fields that show a value which is also changed elsewhere: what an older one still says is no choice."""

import pytest
from streamlit.proto.WidgetStates_pb2 import WidgetState, WidgetStates
from streamlit.testing.v1 import AppTest

PAGE = """
import streamlit as st
from app.components.mirrored import mirrored

state = st.session_state
state.setdefault("value", 1)
if state.value != 8:
    take = lambda number: state.update(value=min(number, 5))
    st.number_input("Number", 0, 9, **mirrored("field", state.value, take))
st.button("seven", on_click=lambda: state.update(value=7))
st.button("eight", on_click=lambda: state.update(value=8))
st.button("one", on_click=lambda: state.update(value=1))
st.text(f"{state.value}")
"""


@pytest.fixture
def page():
    return AppTest.from_string(PAGE).run()


def said(app):
    """The value of the page, and what its field shows."""
    return app.text[0].value, app.number_input[0].value


def with_late(app, *fields):
    """Run the app as if a browser sent what fields of older answers say."""
    states = app._tree.get_widget_states()
    late = WidgetStates(widgets=[*states.widgets, *fields])
    return app._run(late)


def late(field, value):
    return WidgetState(id=field.id, double_value=value)


def test_a_field_shows_the_value_and_changes_it(page):
    assert said(page) == ("1", 1)
    key = page.number_input[0].key
    assert said(page.number_input[0].set_value(3).run()) == ("3", 3)
    assert page.number_input[0].key == key
    assert said(page.button[0].click().run()) == ("7", 7)


def test_a_value_that_is_not_taken_is_not_shown(page):
    assert said(page.number_input[0].set_value(9).run()) == ("5", 5)
    assert said(page.number_input[0].set_value(2).run()) == ("2", 2)


def test_what_an_older_field_still_says_is_no_choice(page):
    older = page.number_input[0]
    page.button[0].click().run()
    for _ in range(2):
        assert said(with_late(page, late(older, 1))) == ("7", 7)
    page.button[2].click().run()
    assert said(with_late(page, late(older, 1))) == ("1", 1)
    assert said(page.number_input[0].set_value(2).run()) == ("2", 2)


def test_a_choice_in_a_field_that_has_been_replaced_meanwhile_is_one_once(page):
    older = page.number_input[0]
    page.button[0].click().run()
    assert said(with_late(page, late(older, 4))) == ("4", 4)
    page.button[0].click().run()
    assert said(with_late(page, late(older, 4))) == ("7", 7)


def test_what_a_field_says_that_is_gone_is_not_heard(page):
    gone = page.number_input[0]
    page.button[1].click().run()
    assert not page.number_input
    assert with_late(page, late(gone, 1)).text[0].value == "8"
    page.button[0].click().run()
    assert said(with_late(page, late(gone, 1))) == ("7", 7)
