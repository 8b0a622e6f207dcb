"""A button that copies the address of the page, which holds the whole view."""

from pathlib import Path

import streamlit as st

FRONTEND = Path(__file__).resolve().with_name("frontend")


def _frontend(part: str) -> str:
    return FRONTEND.joinpath(f"copy_link.{part}").read_text(encoding="utf-8")


_mount = st.components.v2.component(
    "ngcore.copy_link", html=_frontend("html"), css=_frontend("css"), js=_frontend("js")
)


def copy_link() -> None:
    """Show the button."""
    _mount(key="copy-link", data={})
