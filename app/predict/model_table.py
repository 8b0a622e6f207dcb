"""The table of models that read a network: answer, size, test figure, time."""

from collections.abc import Sequence

import streamlit as st

from app import answers, cached
from app.answers import Card
from app.errors import plain
from app.state import Selection


def model_table(cards: Sequence[Card], selection: Selection, said: Sequence[str]) -> None:
    """A row for each model, with what it said about the selected network."""
    rows = [
        {
            "model": card["name"],
            "answer": text,
            "trained parameters": card["parameters"],
            "on test networks": answers.describe_score(card),
            "time": answers.milliseconds(card, selection),
        }
        for card, text in zip(cards, said, strict=True)
    ]
    st.dataframe(
        rows,
        hide_index=True,
        key="predict.models",
        column_config={
            "trained parameters": st.column_config.NumberColumn(format="localized"),
            "time": st.column_config.NumberColumn(format="%.1f ms"),
        },
    )
    st.caption(f"Time per network on {plain(cached.device())}, after warm-up. Test figures are from the models' cards.")
