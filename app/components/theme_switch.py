"""A button that turns the page from light to dark and back at once, for projectors and lecture halls."""

from pathlib import Path

import streamlit as st

from app import page_table

FRONTEND = Path(__file__).resolve().with_name("frontend")


def _frontend(part: str) -> str:
    return FRONTEND.joinpath(f"theme_switch.{part}").read_text(encoding="utf-8")


_mount = st.components.v2.component(
    "ngcore.theme_switch", html=_frontend("html"), css=_frontend("css"), js=_frontend("js")
)


def theme_switch() -> None:
    """Show the button; it chooses in Streamlit's own menu, so that nothing is reloaded and no state is lost."""
    _mount(key="theme-switch", data={"pages": [name for name in page_table.TABLE if name != page_table.HOME]})
