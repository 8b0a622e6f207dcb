"""The tab of what trained models say of both networks, and how near each model finds them."""

from typing import Any

import numpy as np
import streamlit as st

from app import answers, map_data
from app.answers import Card
from app.compare.pair import Pair
from app.components.doubts import doubts_about
from app.errors import fragment, plain
from ngcore.errors import NeuralGraphError
from ngcore.networks import Network

TASKS = (answers.CLASSIFY, answers.PREDICT)


@fragment
def predictions_tab(pair: Pair) -> None:
    """Show what every model that reads one of the networks says of both."""
    cards = _cards(pair)
    if not cards:
        st.info("No trained model here reads networks with such inputs and outputs.", icon=":material/info:")
        return
    bar = st.progress(0.0)
    rows, reasons = [], []
    for number, card in enumerate(cards):
        bar.progress(number / len(cards), f"Asking {plain(card['name'])}")
        row, why = _row(card, pair)
        rows.append(row)
        reasons += why
    bar.empty()
    st.dataframe(
        rows,
        hide_index=True,
        key="pair.predictions",
        height="content",
        column_config={
            "embedding distance": st.column_config.NumberColumn(
                format="%.3f",
                help="Euclidean distance of the two embeddings, as a share of the length of the first one.",
            ),
            "cosine distance": st.column_config.NumberColumn(
                format="%.3f", help="1 − cosine of the angle between both embeddings: 0 is the same direction."
            ),
        },
    )
    st.caption("One row per model. Distances are between the embeddings that a model makes of both networks.")
    for reason in dict.fromkeys(reasons):
        st.caption(plain(reason))


def _cards(pair: Pair) -> list[Card]:
    """Cards of the models that read at least one of the two."""
    first = [card for task in TASKS for card in answers.cards_for(task, pair.selection)]
    zoo = pair.partner.selection.zoo if pair.partner.selection else pair.selection.zoo
    others = [card for task in TASKS for card in answers.cards_that_read(task, pair.second.architecture, zoo=zoo)]
    return list({card["name"]: card for card in (*first, *others)}.values())


def _row(card: Card, pair: Pair) -> tuple[dict[str, Any], list[str]]:
    """What a model says of both, and why it does not."""
    said, embedded, reasons = [], [], []
    zoos = (pair.selection.zoo, pair.partner.selection.zoo if pair.partner.selection else "")
    doubts = {}
    for network, key, zoo, which in zip((pair.first, pair.second), pair.keys, zoos, ("first", "second"), strict=True):
        try:
            said.append(in_words(card, answers.answer_about(card, network, key=key)))
            embedded.append(_embedding(card, network, key))
            doubts[which] = doubts_about(card, network, key=key, zoo=zoo)
        except NeuralGraphError as error:
            said.append("–")
            reasons.append(f"{card['name']}: {error}")
    row: dict[str, Any] = {"model": card["name"], "first": said[0], "second": said[1]}
    far = _distances(*embedded) if len(embedded) == 2 else (None, None)
    said_against = " ".join(f"{which.capitalize()}: {text}" for which, text in doubts.items() if text)
    row |= {"cosine distance": far[0], "embedding distance": far[1]}
    return row | ({"doubts": said_against} if said_against else {}), reasons


def _embedding(card: Card, network: Network, key: str) -> np.ndarray:
    return map_data.features_of(key, network, card)[0].double().numpy()


def _distances(first: np.ndarray, second: np.ndarray) -> tuple[float | None, float | None]:
    """Cosine distance and relative Euclidean distance; None where a length is 0."""
    sizes = float(np.linalg.norm(first)), float(np.linalg.norm(second))
    if not all(sizes):
        return None, None
    return max(0.0, 1 - float(first @ second) / (sizes[0] * sizes[1])), float(np.linalg.norm(second - first)) / sizes[0]


def in_words(card: Card, values: np.ndarray) -> str:
    """An answer in words, such as "7 (98.2 %)" or "61.3 % accuracy"."""
    if len(values) == 1:
        return f"{values[0]:.1%} accuracy"
    best = int(values.argmax())
    return f"{answers.class_names(card, len(values))[best]} ({values[best]:.1%})"
