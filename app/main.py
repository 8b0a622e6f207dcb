"""Entry of the app: page settings, the table of pages, the sidebar, and the run of the chosen page."""

from pathlib import Path

import streamlit as st

from app import page_table, state
from app.chunks import load_chunks_when_idle
from app.components.copy_link import copy_link
from app.components.drop_anywhere import drop_anywhere, expect_no_target
from app.errors import reported
from app.preload import start_preload
from app.sidebar import show_device, show_selection

ICON = Path(__file__).resolve().with_name("icon.svg")
STYLE = """<style>
.stMainBlockContainer { padding-top: 3.2rem; padding-bottom: 4rem; }
/* buttons that show their icon alone; the label is for those who cannot see it */
[class*="st-key-edit-move-"] button [data-testid="stMarkdownContainer"],
[class*="st-key-edit-remove-"] button [data-testid="stMarkdownContainer"] {
  position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap;
}
/* a sheet of pictures keeps its size; a narrow screen scrolls it sideways */
.st-key-pair-wall { overflow-x: auto; }
.st-key-pair-wall > * { min-width: 780px; }
/* the picture that is edited stays in sight on phones, above the controls that scroll by */
@media (max-width: 640px) {
  [data-testid="stColumn"]:has(> [data-testid="stVerticalBlock"] > .st-key-edit-picture),
  [data-testid="stColumn"]:has(.st-key-edit-picture) {
    position: sticky; top: -3.4rem; z-index: 90; background: var(--st-background-color); padding-bottom: 0.4rem;
  }
}
</style>"""

st.set_page_config(page_title="Neural graphs", page_icon=ICON, layout="wide")
st.logo(ICON, size="large")
st.html(STYLE)
state.sync_with_address()
with reported():
    state.take_handed_over()
chosen = st.navigation(page_table.pages(), expanded=True)
below_pages = st.sidebar.container()
expect_no_target()
try:
    with reported():
        chosen.run()
finally:  # a page that stops early keeps its sidebar; what is slow to import comes after the page's first lines
    with below_pages:
        with reported():
            show_selection()
            copy_link()
        with reported():
            show_device()
        drop_anywhere()
        load_chunks_when_idle()
start_preload()
