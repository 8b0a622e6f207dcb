"""Which class a model sees in an INR, beside the picture that it is, and what the other models see."""

import numpy as np
import streamlit as st
import torch

from app import answers, cached
from app.answers import Answered, Card
from app.charts.probabilities import draw_probabilities, draw_side_by_side
from app.components.appearance import theme
from app.components.class_sentence import say
from app.components.doubts import say_agreement, show_differences
from app.components.render_panel import enlarged
from app.errors import plain
from app.predict.model_table import model_table
from app.predict.why import why_tab
from app.state import Selection
from ngcore.tasks import class_set

PICTURE = 260
CARD_KEY = "predict_model"


def class_prediction(selection: Selection, said: Answered) -> None:
    """Show what the chosen model and all others say about the selected INR."""
    by_name = {card["name"]: i for i, card in enumerate(said.cards)}
    name = st.selectbox("Model", list(by_name), key=CARD_KEY, width=300, bind="query-params", persist_state="session")
    probabilities = said.values[by_name[name]]
    names = answers.class_names(said.cards[by_name[name]], len(probabilities))
    names_of = [answers.class_names(card, len(row)) for card, row in zip(said.cards, said.values, strict=True)]
    alike = {name: i for name, i in by_name.items() if names_of[i] == names}
    label = cached.row(selection).get("label")
    left, right = st.columns([0.3, 0.7], gap="large")
    with left:
        _show_picture(selection)
        st.caption(answers.describe_reading(said.cards[by_name[name]]))
    with right:
        say(names, probabilities, label)
        _say_set(said.cards[by_name[name]], names, probabilities)
        say_agreement(int(probabilities.argmax()), [int(said.values[i].argmax()) for i in alike.values()])
        show_differences(said.cards[by_name[name]], selection)
        st.echarts_chart(
            draw_probabilities(names, probabilities.tolist(), label=label, theme=theme()),
            height=330,
            key="predict.probabilities",
            alt=f"Probabilities of {len(names)} classes; the table below has the answers",
        )
    with st.expander("Why", icon=":material/troubleshoot:", on_change="rerun", key="predict.why") as opened:
        if opened.open:
            why_tab(selection, said.cards[by_name[name]])
    st.header("All models that read this network")
    if len(alike) > 1:
        st.echarts_chart(
            draw_side_by_side(list(alike), names, [said.values[i].tolist() for i in alike.values()], theme=theme()),
            height=70 + 42 * len(alike),
            key="predict.side_by_side",
            alt="Class probabilities in percent, one row per model",
        )
        st.caption("Probability of each class in percent, one row per model.")
    model_table(said.cards, selection, list(map(_in_words, names_of, said.values)))


def _say_set(card: Card, names: list[str], probabilities: np.ndarray) -> None:
    """The classes among which the true one is nearly always, where the model was calibrated."""
    found = class_set(card, torch.from_numpy(probabilities))
    if found is None or found.note:
        return
    listed = ", ".join(plain(names[label]) for label in found.labels)
    st.caption(
        f"True class, with {found.level:.0%} confidence: {listed}",
        help=f"The true class of {found.level:.0%} of networks is among those listed, if they are like those of the "
        f"model's zoo (split-conformal, calibrated on {found.runs:,} validation networks).",
    )


def _show_picture(selection: Selection) -> None:
    label = cached.label_name(selection)
    st.image(
        enlarged(cached.image(selection), 2 * PICTURE),
        width=PICTURE,
        caption="What the network computes" + (f" · label {plain(label)}" if label else ""),
        alt="The picture that the selected network computes",
    )


def _in_words(names: list[str], probabilities: np.ndarray) -> str:
    best = int(probabilities.argmax())
    return f"{names[best]} ({probabilities[best]:.1%})"
