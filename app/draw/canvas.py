"""A canvas to draw on with mouse, pen or finger; what it sends is checked here."""

from pathlib import Path

import numpy as np
import streamlit as st

from app.drawing import FAINT, SIDE, drawing_from

_FRONTEND = Path(__file__).resolve().with_name("frontend")


def _text(kind: str) -> str:
    return (_FRONTEND / f"draw_canvas.{kind}").read_text(encoding="utf-8")


_canvas = st.components.v2.component("ngcore_draw_canvas", html=_text("html"), css=_text("css"), js=_text("js"))

CANVAS_KEY, DRAWING_KEY = "draw.canvas", "draw.drawing"


def draw_canvas() -> np.ndarray | None:
    """Let the user draw; the drawing outlives a visit to another page.

    Returns:
        Grey values in [0, 1], (28, 28), white on black; None while nothing was drawn yet.

    Raises:
        DataError: If the browser sends anything else than grey values.
    """
    sent = _canvas(
        key=CANVAS_KEY,
        on_drawing_change=lambda: None,
        data={"name": CANVAS_KEY, "side": SIDE, "is_known": DRAWING_KEY in st.session_state},
    ).drawing
    if sent is not None:
        st.session_state[DRAWING_KEY] = drawing_from(sent)
    drawing = st.session_state.get(DRAWING_KEY)
    return drawing if drawing is not None and drawing.max() > FAINT else None  # an eraser leaves faint edges
