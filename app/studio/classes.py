"""What a model reads in a network before and after edits."""

import streamlit as st

from app import answers
from app.charts.probabilities import draw_before_and_after
from app.components.appearance import theme
from app.components.doubts import show_differences
from app.errors import plain
from app.state import Selection
from app.studio.states import State

MODEL_KEY = "edit.class_model"


def show_classes(selection: Selection, before: State, after: State) -> None:
    """Class probabilities of both states by a model of choice; nothing where no model reads such networks."""
    cards = {card["name"]: card for card in answers.cards_for(answers.CLASSIFY, selection)}
    if not cards:
        st.caption("No trained model here classifies this kind of network.")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        place = st.empty()
        name = st.selectbox(
            "Read by",
            list(cards),
            key=f"{MODEL_KEY}.{selection.zoo}",
            width=260,
            persist_state="session",
            label_visibility="collapsed",
        )
    card = cards[name]
    first, last = (answers.answer_about(card, state.network, key=state.key) for state in (before, after))
    names = answers.class_names(card, len(first))
    said = [f"**{plain(names[row.argmax()])}** ({row.max():.0%})" for row in (first, last)]
    place.markdown(f"Reads as {said[0]} → {said[1]}", width="stretch")
    st.echarts_chart(
        draw_before_and_after(names, first.tolist(), last.tolist(), theme=theme()),
        height=190,
        key="edit.classes",
        alt=f"Probabilities of {len(names)} classes before and after: {plain(said[0])} → {plain(said[1])}",
    )
    st.caption(answers.describe_reading(card))
    show_differences(card, selection)
