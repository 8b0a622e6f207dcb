"""Entry of the app: page settings, the table of pages, and the run of the chosen one."""

from pathlib import Path

import streamlit as st

PAGES = Path(__file__).resolve().parents[1] / "pages"


def welcome() -> None:
    """Say what this is, while there is no page file."""
    st.title("Neural graphs")
    st.write("See, read, judge and edit neural networks with neural networks.")


st.set_page_config(page_title="Neural graphs", layout="wide")
st.navigation([st.Page(path) for path in sorted(PAGES.glob("*.py"))] or [st.Page(welcome, title="Home")]).run()
