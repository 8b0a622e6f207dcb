"""The ways into the studio and on from it: a picture of one's own, the map and what is circled there, a blend."""

import streamlit as st

from app import page_table, state
from app.state import Selection

MODE_KEY, ONE, MANY = "edit_mode", "One network", "Many networks"
WAYS = {"draw": "Draw or upload a picture", "map": "Choose on the map", "blend": "Blend with another"}


def show_ways(selection: Selection | None) -> None:
    """Buttons to the pages that networks come from and go to, with the selected network."""
    with st.container(horizontal=True, gap="small", key="edit-ways"):
        for name, label in WAYS.items():
            icon = f":material/{page_table.TABLE[name].icon}:"
            if st.button(label, icon=icon, key=f"edit.to_{name}", type="tertiary"):
                parameters = {state.QUERY_PARAMETER: selection.key} if selection else {}
                st.switch_page(page_table.page(name), query_params=parameters)


def edit_circled(zoo: str, first: str) -> None:
    """Go to the studio with the networks that are selected on the map, the first of them selected."""
    selection = state.select(zoo=zoo, id=first)
    st.switch_page(page_table.page("edit"), query_params={state.QUERY_PARAMETER: selection.key, MODE_KEY: MANY})
