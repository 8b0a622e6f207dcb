"""Choosing the input that a network is run on."""

import numpy as np
import streamlit as st

from app import cached
from app.drawing import picture_from_file
from app.errors import show_error
from app.sample_inputs import PICTURES, picture
from ngcore.errors import NeuralGraphError
from ngcore.networks import Architecture

FROM_FILE = "Own image"
MAX_SLIDERS = 6


def input_picker(architecture: Architecture) -> np.ndarray | None:
    """Sliders for the coordinates of an INR, a picture for a CNN; None while there is no input."""
    if architecture.is_convolutional:
        return _picture(architecture)
    if cached.is_inr(architecture):
        x, y = (_slider(f"{name} coordinate", f"input.{name}") for name in "xy")
        return np.array([x, y], dtype=np.float32)
    size = architecture.input_shape[0]
    if size <= MAX_SLIDERS:
        return np.array([_slider(f"Input {i}", f"input.{i}") for i in range(size)], dtype=np.float32)
    seed = st.number_input("Random input number", 0, 9999, 0, key="input.seed", width=180)
    return np.random.default_rng(int(seed)).uniform(-1, 1, size).astype(np.float32)


def _slider(label: str, key: str) -> float:
    return st.slider(label, -1.0, 1.0, 0.0, 0.02, key=key, width=220)


def _picture(architecture: Architecture) -> np.ndarray | None:
    shape = architecture.input_shape
    names = [*PICTURES, *([FROM_FILE] if shape[0] in (1, 3) else [])]
    name = st.selectbox("Input picture", names, key="input.picture", width=180)
    chosen = _from_file(shape) if name == FROM_FILE else picture(name, shape)
    if chosen is not None and shape[0] in (1, 3):
        shown = np.clip((chosen.transpose(1, 2, 0) + 1) / 2, 0, 1)
        st.image(shown.squeeze(), width=72, alt=f"The input picture: {name}")
    return chosen


def _from_file(shape: tuple[int, ...]) -> np.ndarray | None:
    file = st.file_uploader("PNG or JPEG", type=["png", "jpg", "jpeg"], key="input.file", width=300)
    if file is None:
        return None
    try:
        return picture_from_file(file.getvalue(), shape)
    except NeuralGraphError as error:
        show_error(error)
        return None
