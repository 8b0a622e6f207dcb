"""The class that a model reads in an INR, as a sentence."""

import numpy as np
import streamlit as st

from app.errors import plain


def say(names: list[str], probabilities: np.ndarray, label: int | None) -> None:
    """Say the most probable class in a sentence, and whether it is the label."""
    best = int(probabilities.argmax())
    sentence = f"Prediction: **{plain(names[best])}** ({probabilities[best]:.1%})"
    if label is not None and 0 <= int(label) < len(names):
        sentence += ", correct" if best == label else f", wrong: the label is **{plain(names[int(label)])}**"
    st.markdown(f"## {sentence}")
