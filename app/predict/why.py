"""Why a model predicts what it does: the share of each layer, neuron and weight of the network that it reads."""

import dataclasses
from typing import Literal

import numpy as np
import streamlit as st

from app import answers, cached
from app.answers import Card
from app.charts.gaps import full_colour
from app.charts.network_graph import draw_network_graph, edge_limit
from app.charts.shares import draw_shares
from app.charts.theme import key_line, scale_key
from app.components.appearance import theme
from app.errors import fragment, plain
from app.graph_view import GraphView, TooManyEdgesError
from app.state import Selection
from ngcore.networks import Network
from ngcore.tasks import Explanation, explain_by_gradient, explain_by_occlusion

Method = Literal["gradient", "occlusion"]
METHODS: dict[Method, str] = {"gradient": "Gradient × input", "occlusion": "Occlusion"}
METHOD_KEY = "why_method"
NUM_EDGES, NUM_NEURONS = 300, 8
FULL_COLOUR = 0.98


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
    factor, unit = (100, "points") if card["task"] == answers.PREDICT else (1, "log-odds")
    view = _view(selection, card, found, factor)
    left, right = st.columns([0.4, 0.6], gap="medium")
    with left:
        _show_layers(found, factor, unit)
        if view is not None:
            _show_neurons(view, unit)
    with right:
        if view is None:
            st.caption("The network has too many weights to be drawn as a whole.")
        else:
            _show_graph(view, unit)
    what = METHODS[method].lower()
    st.caption(f"Shares of the {plain(found.explains)} by {what}; positive ones raise it.")


def explanation(card: Card, selection: Selection, method: Method) -> Explanation:
    """What the parts of the selected network contribute to a model's answer."""
    key, device = cached.content_key(selection), str(cached.device())
    return _explain(card["name"], card["weights_sha256"], key, device, method, cached.network(selection))


@st.cache_resource(max_entries=32, show_spinner=False)
def _explain(name: str, weights: str, key: str, device: str, method: Method, _network: Network) -> Explanation:
    explain = explain_by_gradient if method == "gradient" else explain_by_occlusion
    return explain(answers.checkpoint(name, weights), _network)


def _show_layers(found: Explanation, factor: int, unit: str) -> None:
    shares = {name: factor * share for name, share in found.layers.items()}
    st.markdown("**Per layer**")
    st.echarts_chart(
        draw_shares(shares, unit=unit, theme=theme()),
        height=70 + 28 * len(shares),
        key="why.layers",
        alt=f"Share of each of {len(shares)} layers in {unit}",
    )


def _show_neurons(view: GraphView, unit: str) -> None:
    strongest = np.argsort(-np.abs(view.bias), kind="stable")[:NUM_NEURONS]
    st.dataframe(
        [{"neuron": view.node_name(int(node)), f"share, {unit}": float(view.bias[node])} for node in strongest],
        hide_index=True,
        key="why.neurons",
        column_config={f"share, {unit}": st.column_config.NumberColumn(format="%+.3f")},
    )


def _view(selection: Selection, card: Card, found: Explanation, factor: int) -> GraphView | None:
    """The neural graph with shares in place of weights and biases; None where it is too large."""
    try:
        view = cached.graph_view(selection)
    except TooManyEdgesError:
        return None
    return view_of_shares(view, explanation(card, selection, "gradient"), found, factor)


def _show_graph(view: GraphView, unit: str) -> None:
    """The neural graph, weights and neurons coloured by their shares; those of weights are always by gradient."""
    limit = full_colour(view.bias, FULL_COLOUR)
    st.markdown(f"**On the graph:** the {min(NUM_EDGES, len(view.order)):,} weights with the largest shares")
    st.echarts_chart(
        draw_network_graph(
            view, view.strongest(NUM_EDGES), theme=theme(), node_values=view.bias, node_limit=limit, is_small=True
        ),
        height=430,
        key="why.graph",
        alt="The neural graph, weights and neurons coloured by their share of the prediction",
    )
    st.html(
        key_line(
            scale_key(f"weight, {unit}", edge_limit(view), theme(), lines=True),
            scale_key(f"neuron, {unit}", limit, theme()),
        )
    )


def view_of_shares(view: GraphView, of_edges: Explanation, of_nodes: Explanation, factor: float) -> GraphView:
    """A graph whose weights and biases are shares; those that were not measured are 0."""
    edges = np.concatenate([np.zeros(0), *(values.flatten().double().numpy() for values in of_edges.edges)])
    nodes = of_nodes.nodes.double().numpy()
    return dataclasses.replace(view, value=factor * np.nan_to_num(edges), bias=factor * np.nan_to_num(nodes))
