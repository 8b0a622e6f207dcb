"""How the viewer's page looks: light or dark."""

import streamlit as st

from app.charts.theme import Theme, theme_for


def is_dark() -> bool:
    """Whether the page is dark."""
    return st.context.theme.type == "dark"


def theme() -> Theme:
    """The colours of charts for the viewer's page."""
    return theme_for("dark" if is_dark() else "light")
