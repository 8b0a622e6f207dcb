"""Entry of the app: page settings, the table of pages, the sidebar, and the run of the chosen page."""

from contextlib import suppress
from pathlib import Path

import streamlit as st

from app import page_table, state
from app.address import notice_opening
from app.chunks import load_chunks_when_idle
from app.components.copy_link import copy_link
from app.components.drop_anywhere import drop_anywhere, expect_no_target
from app.components.theme_switch import theme_switch
from app.errors import PageEnd, reported
from app.preload import start_preload
from app.sidebar import show_device, show_selection

ICON = Path(__file__).resolve().with_name("icon.svg")
STYLE = ICON.with_name("style.css")
ABOUT = "**Neural graphs**: see, read, judge and edit neural networks with neural networks."

# With an entry of its own the menu shows, and with it the choice between light, dark, and what the system says.
st.set_page_config(page_title="Neural graphs", page_icon=ICON, layout="wide", menu_items={"About": ABOUT})
st.logo(ICON, size="large")
st.html(STYLE)
chosen = st.navigation(page_table.pages(), expanded=True)
notice_opening()
state.sync_with_address()
with reported():
    state.take_handed_over()
st.set_page_config(page_title=f"{chosen.title} · Neural graphs")
below_pages = st.sidebar.container()
expect_no_target()
try:
    with suppress(PageEnd), reported():
        chosen.run()
finally:  # a page that stops early keeps its sidebar; what is slow to import comes after the page's first lines
    with below_pages:
        with reported():
            show_selection()
            with st.container(horizontal=True, gap="small"):
                copy_link()
                theme_switch()
        with reported():
            show_device()
        drop_anywhere()
        load_chunks_when_idle()
start_preload()
