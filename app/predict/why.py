"""Why a model predicts what it does: the share of each layer, neuron and weight of the network that it reads."""

import numpy as np
import streamlit as st
import torch

from app import cached
from app.answers import Card
from app.block_map import neuron_name
from app.charts.shares import draw_shares
from app.components.appearance import theme
from app.components.graph_viewer import Shown, Words, graph_viewer
from app.errors import fragment, plain
from app.explained import Method, explanation, unit_of
from app.state import Selection
from app.viewer import sent
from app.viewer.scene import pack_numbers
from app.viewer.sent import Drawn
from ngcore.networks import Architecture
from ngcore.tasks import Explanation

METHODS: dict[Method, str] = {"gradient": "Gradient × input", "occlusion": "Occlusion"}
METHOD_KEY = "why_method"
NUM_NEURONS = 8


@fragment
def why_tab(selection: Selection, card: Card) -> None:
    """Show what the model's answer about the selected network rests on."""
    method = st.segmented_control(
        "Method",
        list(METHODS),
        default="gradient",
        format_func=METHODS.__getitem__,
        required=True,
        key=METHOD_KEY,
        bind="query-params",
        persist_state="session",
        help="**Gradient × input** – each weight times the slope of the prediction in it.  \n"
        "**Occlusion** – how much the prediction falls when a part is set to 0.",
    )
    with st.spinner("Asking the model about every part …"):
        found = explanation(card, selection, method)
    factor, unit = unit_of(card)
    shares = factor * found.nodes.nan_to_num().double().numpy()
    _show_graph(selection, card, shares)
    left, right = st.columns(2, gap="medium")
    with left:
        _show_layers(found, factor, unit)
    with right:
        st.markdown("**Neurons with the largest shares**")
        _show_neurons(found.structure.architecture, shares, unit)
    what = METHODS[method].lower()
    st.caption(f"Shares of the {plain(found.explains)} by {what}; positive ones raise it.")


def _show_layers(found: Explanation, factor: int, unit: str) -> None:
    shares = {name: factor * share for name, share in found.layers.items()}
    st.markdown("**Per layer**")
    st.echarts_chart(
        draw_shares(shares, unit=unit, theme=theme()),
        height=70 + 28 * len(shares),
        key="why.layers",
        alt=f"Share of each of {len(shares)} layers in {unit}",
    )


def _show_neurons(architecture: Architecture, shares: np.ndarray, unit: str) -> None:
    strongest = np.argsort(-np.abs(shares), kind="stable")[:NUM_NEURONS].tolist()
    st.dataframe(
        [{"neuron": neuron_name(architecture, node), f"share, {unit}": float(shares[node])} for node in strongest],
        hide_index=True,
        key="why.neurons",
        column_config={f"share, {unit}": st.column_config.NumberColumn(format="%+.3f")},
    )


def _show_graph(selection: Selection, card: Card, shares: np.ndarray) -> None:
    """The neural graph, weights and neurons coloured by their shares; those of weights are always by gradient."""
    factor, unit = unit_of(card)
    of_edges = explanation(card, selection, "gradient")
    own = sent.of_selection(selection)
    drawn = Drawn(
        f"{own.key}\n{card['weights_sha256']}", own.network, own.class_names, "share", edge_shares(of_edges, factor)
    )
    words = Words("share", "|share|", (("attribution", "share", unit), ("layer", "layer"), ("bias", "bias")))
    numbers = pack_numbers(own.architecture, {"attribution": shares})
    graph_viewer(
        Shown(drawn, words, numbers=numbers, is_picture=cached.is_inr(own.architecture)),
        key="why.graph",
        file_name=f"{selection.file_name}-shares",
    )


def edge_shares(found: Explanation, factor: float) -> tuple[torch.Tensor, ...]:
    """For every edge block of the graph the shares of its edges; those that were not measured are 0."""
    return tuple((factor * block.double()).nan_to_num().float() for block in found.edges)
