"""The whole view of weights without structure: facts, tensors, connections, a table."""

import streamlit as st

from app import state
from app.charts.tensor_blocks import STYLE
from app.errors import reported
from app.network.loose.connections_tab import connections_tab
from app.network.loose.facts import show_facts
from app.network.loose.table_tab import table_tab
from app.network.loose.tensors_tab import tensors_tab
from app.state import KeptWeights

TABS = {
    ":material/grid_view: Tensors": tensors_tab,
    ":material/conversion_path: Connections": connections_tab,
    ":material/table_rows: Table": table_tab,
}


def loose_view(kept: KeptWeights) -> None:
    """Show a file whose structure is not known; of each tab nothing is computed until it is open."""
    show_facts(kept)
    st.html(STYLE)
    tabs = st.tabs(list(TABS), on_change="rerun", key="loose.tab")
    for tab, show in zip(tabs, TABS.values(), strict=True):
        if tab.open:
            with tab, reported():
                show(kept)
    if st.button("Close this file", icon=":material/close:", type="tertiary", key="loose.close"):
        state.kept_weights().pop(kept.file.sha256, None)
        state.unselect()
        st.rerun()
