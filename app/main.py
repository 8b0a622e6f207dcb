"""Entry of the app: page settings, the table of pages, the sidebar, and the run of the chosen page."""

from pathlib import Path

import streamlit as st

from app import state
from app.components.sidebar import show_device, show_selection

PAGES = Path(__file__).resolve().parents[1] / "pages"
ICON = Path(__file__).resolve().with_name("icon.svg")


def page(name: str, title: str, icon: str) -> list[st.Page]:
    """The entry of a page in the table, if its file is there."""
    file, is_home = PAGES / f"{name}.py", name == "home"
    if not file.is_file():
        return []
    path = None if is_home else name
    return [st.Page(file, title=title, icon=f":material/{icon}:", url_path=path, default=is_home)]


st.set_page_config(page_title="Neural graphs", page_icon=ICON, layout="wide")
st.logo(ICON, size="large")
st.html("<style>.stMainBlockContainer { padding-top: 3.2rem; padding-bottom: 4rem; }</style>")
state.sync_with_address()
chosen = st.navigation(
    [
        *page("home", "Home", "home"),
        *page("network", "Network graph", "hub"),
        *page("map", "Map", "scatter_plot"),
        *page("predict", "Predict", "query_stats"),
        *page("edit", "Edit", "brush"),
    ]
)
below_pages = st.sidebar.container()
try:
    chosen.run()
finally:  # a page that stops early keeps its sidebar; what is slow to import comes after the page's first lines
    with below_pages:
        show_selection()
        show_device()
