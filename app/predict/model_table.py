"""The table of models that read a network: answer, size, test figure, time."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from app import answers, cached
from app.answers import Card
from app.components.doubts import doubts_about
from app.errors import plain
from app.state import Selection


def model_table(
    cards: Sequence[Card], selection: Selection, said: Sequence[str], more: Sequence[Mapping[str, Any]] = ()
) -> None:
    """One row per model, with what it said about the selected network.

    Args:
        cards: Of the models.
        selection: The network.
        said: The answers in words.
        more: Further columns, one mapping per model; those that are None for all are left out.
    """
    network, key = cached.network(selection), cached.content_key(selection)
    known = [name for name in (more[0] if more else ()) if any(columns[name] is not None for columns in more)]
    rows = [
        {
            "model": card["name"],
            "answer": text,
            **{name: columns[name] for name in known},
            "on test networks": answers.describe_score(card),
            "trained parameters": card["parameters"],
            "time": answers.milliseconds(card, selection),
        }
        for card, text, columns in zip(cards, said, more or [{}] * len(cards), strict=True)
    ]
    doubts = [doubts_about(card, network, key=key, zoo=selection.zoo) for card in cards]
    if any(doubts):
        rows = [{**row, "doubts": doubt} for row, doubt in zip(rows, doubts, strict=True)]
    st.dataframe(
        rows,
        hide_index=True,
        key="predict.models",
        column_config={
            "p-value": st.column_config.NumberColumn(
                format="%.3f", help="Below 0.05 the network is unlike those that the model was trained on."
            ),
            "mean error": st.column_config.NumberColumn(format="%.1f points", help="On validation networks."),
            "worth images": st.column_config.NumberColumn(
                format="localized", help="Labelled images that would measure the accuracy as closely."
            ),
            "trained parameters": st.column_config.NumberColumn(format="localized"),
            "time": st.column_config.NumberColumn(format="%.1f ms"),
        },
    )
    st.caption(f"Time per network on {plain(cached.device())}, after warm-up. Test figures are from the models' cards.")
