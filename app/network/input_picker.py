"""Choosing the inputs that a network is run on."""

import re

import numpy as np
import streamlit as st

from app import cached
from app.components.render_panel import enlarged
from app.drawing import picture_from_file
from app.errors import show_error
from app.real_images import real_images
from app.sample_inputs import PICTURES, picture
from app.state import Selection
from ngcore.errors import DataError, NeuralGraphError
from ngcore.networks import Architecture, Shape

FROM_FILE = "Own image"
MAX_SLIDERS = 6
MAX_TYPED = 64  # numbers of a text box; longer inputs are random


def input_picker(architecture: Architecture, selection: Selection | None = None) -> list[np.ndarray] | None:
    """A real image where some fit, sliders for a few numbers, a picture for a map, a text box for tokens.

    Args:
        architecture: Of the network.
        selection: The network, whose zoo may say which images it was trained on.

    Returns:
        One array for each input of the network; None while one is missing.
    """
    if cached.is_inr(architecture):
        return [np.array([_slider(f"{name} coordinate", f"input.{name}") for name in "xy"], dtype=np.float32)]
    images = real_images(architecture, selection)
    if images:
        chosen = _picture(architecture.input_shapes[0], "input", "", images)
        return None if chosen is None else [chosen]
    found = []
    for number, shape in enumerate(architecture.input_shapes):
        key, which = ("input", "") if architecture.num_inputs == 1 else (f"input{number}", f" {number + 1}")
        is_tokens = number in architecture.token_values
        found.append(_tokens(shape, key, which) if is_tokens else _numbers(shape, key, which))
    inputs = [x for x in found if x is not None]
    return inputs if len(inputs) == len(found) else None


def _slider(label: str, key: str) -> float:
    return st.slider(label, -1.0, 1.0, 0.0, 0.02, key=key, width=220)


def _numbers(shape: Shape, key: str, which: str) -> np.ndarray | None:
    if len(shape) == 3:
        return _picture(shape, key, which, {})
    if shape == shape[:1] and shape[0] <= MAX_SLIDERS:
        names = [f"Input{which} · {i}" if which else f"Input {i}" for i in range(shape[0])]
        return np.array([_slider(name, f"{key}.{i}") for i, name in enumerate(names)], dtype=np.float32)
    return _seeded(key, which).uniform(-1, 1, shape).astype(np.float32)


def _seeded(key: str, which: str) -> np.random.Generator:
    seed = st.number_input(f"Random input{which} number", 0, 9999, 0, key=f"{key}.seed", width=180)
    return np.random.default_rng(int(seed))


def _tokens(shape: Shape, key: str, which: str) -> np.ndarray | None:
    """Tokens as whole numbers, typed or drawn."""
    vocabulary, *positions = shape
    count = int(np.prod(positions))
    if count > MAX_TYPED:
        return _seeded(key, which).integers(vocabulary, size=positions)
    text = st.text_input(
        f"Tokens{which}",
        key=f"{key}.tokens{vocabulary}x{count}",
        placeholder="random",
        help=f"{count} whole numbers from 0 to {vocabulary - 1}, with spaces or commas between them; random if empty.",
        width=260,
    )
    if not text or not text.strip():
        return _seeded(key, which).integers(vocabulary, size=positions)
    try:
        return read_tokens(text, vocabulary=vocabulary, count=count).reshape(positions)
    except DataError as error:
        show_error(error)
        return None


def read_tokens(text: str, *, vocabulary: int, count: int) -> np.ndarray:
    """Tokens of text, int64 (count,).

    Args:
        text: Whole numbers with spaces, commas or semicolons between them.
        vocabulary: How many tokens there are.
        count: How many the network reads.

    Raises:
        DataError: If they are no such numbers, or not that many.
    """
    words = [word for word in re.split(r"[\s,;]+", text.strip()) if word]
    odd = next((word for word in words if not (word.isdecimal() and len(word) < 10 and int(word) < vocabulary)), None)
    if odd is not None:
        raise DataError(f"Expected tokens as whole numbers from 0 to {vocabulary - 1}, got {odd[:20]!r}.")
    if len(words) != count:
        raise DataError(f"Expected {count} tokens, got {len(words)}.")
    return np.array([int(word) for word in words], dtype=np.int64)


def _picture(shape: Shape, key: str, which: str, images: dict[str, np.ndarray]) -> np.ndarray | None:
    """A real image, a made one or the user's own; of networks that read vectors real ones alone."""
    is_map = len(shape) == 3
    names = [*images, *(PICTURES if is_map else ()), *([FROM_FILE] if is_map and shape[0] in (1, 3) else [])]
    name = st.selectbox(f"Input image{which}", names, key=f"{key}.picture{shape}", width=200)
    if name in images:
        chosen: np.ndarray | None = images[name]
    else:
        chosen = _from_file(shape, key) if name == FROM_FILE else picture(name, shape)
    if chosen is not None and is_map and shape[0] in (1, 3):
        shown = np.clip((chosen.transpose(1, 2, 0) + 1) / 2, 0, 1)
        st.image(enlarged(shown.squeeze(), 144), width=72, alt=f"The input image{which}: {name}")
    return chosen


def _from_file(shape: Shape, key: str) -> np.ndarray | None:
    file = st.file_uploader("PNG or JPEG", type=["png", "jpg", "jpeg"], key=f"{key}.file", width=300)
    if file is None:
        return None
    try:
        return picture_from_file(file.getvalue(), shape)
    except NeuralGraphError as error:
        show_error(error)
        return None
