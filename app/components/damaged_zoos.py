"""The zoos that cannot be opened, each with its reason; all others work."""

import streamlit as st

from app import cached
from app.errors import plain


def show_damaged_zoos() -> None:
    """List them in a warning; nothing where all are sound."""
    damaged = cached.damaged_zoos()
    if damaged:
        lines = [f"- **{plain(name)}**: {plain(reason)}" for name, reason in damaged.items()]
        st.warning("\n".join(["Left out, as they cannot be read:", *lines]), icon=":material/warning:")
