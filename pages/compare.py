"""Compare: two networks from anywhere, their weights with neurons aligned, what they compute, and what models say."""

import streamlit as st

from app import cached
from app.compare.film_tab import film_tab
from app.compare.function_tab import function_tab
from app.compare.graph_tab import graph_tab
from app.compare.header import show_pair
from app.compare.pair import pair_of
from app.compare.partner import choose_partner
from app.compare.predictions_tab import predictions_tab
from app.compare.sheet_tab import sheet_tab
from app.compare.weights_tab import weights_tab
from app.components.network_picker import network_picker
from app.errors import end_page, reported

WEIGHTS, GRAPH, FUNCTION, PREDICTIONS = "Weights", "Graph", "Function", "Predictions"
FILM, SHEET = "Training run", "Many networks"

st.title("Compare")
with st.expander("What am I looking at?", icon=":material/help:"):
    st.markdown(
        "Two networks, and where they differ. Hidden neurons have no order of their own: neuron 5 of one network may "
        "do the work of neuron 12 of the other. So the neurons of the second network are first **aligned**, put into "
        "the order in which its weights are nearest to those of the first; that changes nothing of what it computes. "
        "*As given* shows what a plain difference of weights would say.\n\n"
        "Try a **shuffled copy**: as given, it differs in nearly every weight; aligned, in none. Then compare two "
        "checkpoints of one training run, whose neurons keep their places, with two networks trained apart."
    )
selection = network_picker()
if selection is None:
    end_page()

with reported(stop=True):
    network = cached.network(selection)
    pair = pair_of(selection, choose_partner(selection))
    show_pair(pair)
TABS = {
    WEIGHTS: lambda: weights_tab(pair),
    GRAPH: lambda: graph_tab(pair),
    FUNCTION: lambda: function_tab(pair),
    PREDICTIONS: lambda: predictions_tab(pair),
    FILM: lambda: film_tab(selection),
    SHEET: lambda: sheet_tab(selection),
}
tabs = st.tabs(list(TABS), key="compare_tab", bind="query-params")
for tab, show in zip(tabs, TABS.values(), strict=True):
    if tab.open:
        with tab, reported():
            show()
