"""The picture that an INR is, at a resolution of choice."""

import numpy as np
import streamlit as st

from app import cached
from app.components.siren_view import siren_view
from app.siren_texels import sine_frequencies
from app.state import Selection

SIZES = (28, 64, 128, 256)
SHOWN_WIDTH = 224


def render_panel(selection: Selection) -> None:
    """Show the picture of the selected INR."""
    network = cached.network(selection)
    if sine_frequencies(network.architecture) is not None and st.toggle(
        "Infinite zoom",
        key="render.zoom",
        persist_state="session",
        help="Drawn by your browser, which computes the network for every pixel of the screen.",
    ):
        siren_view(network, key="render.view")
        return
    size = st.segmented_control(
        "Resolution", SIZES, default=SIZES[0], required=True, key="render.size", persist_state="session"
    )
    picture = cached.image(selection, (size or SIZES[0],) * 2)
    st.image(
        enlarged(picture, SHOWN_WIDTH * 2),
        width=SHOWN_WIDTH,
        alt="The picture that this network computes",
        caption="The picture that it computes",
    )


def enlarged(picture: np.ndarray, width: int) -> np.ndarray:
    """The picture with every pixel as a square, so that it stays sharp; not larger than `width`. NaN is black."""
    picture = np.nan_to_num(picture, posinf=1.0, neginf=0.0)
    scale = max(1, width // picture.shape[1])
    return np.repeat(np.repeat(picture, scale, axis=0), scale, axis=1)
