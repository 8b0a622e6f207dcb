"""Network graph: one network, its neurons and weights, and what it does."""

import streamlit as st

from app import state
from app.components.doubts import show_degeneracy
from app.components.network_picker import network_picker
from app.errors import reported
from app.network.coverage import show_coverage
from app.network.export_tab import export_tab
from app.network.facts import network_facts
from app.network.graph_tab import graph_tab
from app.network.loose.view import loose_view
from app.network.shuffle_tab import shuffle_tab
from app.network.weights_tab import weights_tab

TABS = {
    "Graph": graph_tab,
    "Weights": weights_tab,
    "Shuffle": shuffle_tab,
    "Export": export_tab,
}

st.title("Network graph")
selection = network_picker(takes_weights=True)
weights = state.selected_weights()
if weights is not None:
    with reported():
        loose_view(weights)
elif selection is not None:
    with reported():
        network_facts(selection)
        show_coverage(selection)
        show_degeneracy(selection)
    tabs = st.tabs(list(TABS), key="network_tab", bind="query-params")
    for tab, show in zip(tabs, TABS.values(), strict=True):
        if tab.open:
            with tab, reported():
                show(selection)
