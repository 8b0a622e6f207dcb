"""One neuron: where it stands, its numbers, and its strongest edges, each a way to the neuron at its other end."""

from dataclasses import dataclass

import numpy as np
import streamlit as st

import ngcore.graph
from app.block_map import block_map
from app.block_names import shortened
from app.charts.network_graph import edge_limit
from app.charts.theme import Theme
from app.charts.weights import kernel_image
from app.graph_view import Edge, GraphView
from app.viewer.selected import NEURON
from ngcore.networks import Architecture

NUM_EDGES, NAME_LENGTH = 5, 44
LAYER_KEY, PLACE_KEY, FIELDS_KEY = "neuron.layer", "neuron.place", "neuron.fields"


@dataclass(frozen=True)
class Surroundings:
    """The selected neuron among others.

    Attributes:
        view: Neurons and edges around it.
        nodes: (neurons,) the numbers of the view's neurons in the whole graph.
        node: Its number in the whole graph.
    """

    view: GraphView
    nodes: np.ndarray
    node: int


def choose_neuron(node: int | None) -> None:
    """Look at a neuron that was chosen elsewhere than in the fields; for callbacks.

    The fields that show it become new ones: a browser that has not heard of this yet would send the values of the old
    ones along with whatever happens next, which would look like a choice.
    """
    NEURON.set(node)
    st.session_state[FIELDS_KEY] = st.session_state.get(FIELDS_KEY, 0) + 1


def neuron_panel(
    architecture: Architecture, around: Surroundings | None, theme: Theme, activation: np.ndarray | None
) -> None:
    """Fields that choose a neuron without a mouse, and what there is to say of the chosen one.

    Args:
        architecture: Of the network.
        around: The chosen neuron; None for none.
        theme: Colours of the kernels.
        activation: (nodes,) what all neurons put out for the chosen input; None if none is chosen.
    """
    _fields(architecture, around.node if around else None)
    if around is None:
        st.caption("Click a neuron in the drawing, or choose one here, to see its bias and its strongest weights.")
        return
    view, node = around.view, int(np.searchsorted(around.nodes, around.node))
    incoming, outgoing = (view.edges_of(node, incoming=into) for into in (True, False))
    facts = [f"{len(incoming):,} in", f"{len(outgoing):,} out"]
    facts.insert(0, f"bias {view.bias[node]:+.3g}" if view.has_bias[node] else "no bias")
    if activation is not None and view.layers[int(view.node_layer[node])].has_values:
        facts.append(f"activation {activation[around.node]:+.3g}")
    st.markdown(" · ".join(facts))
    _edges("Strongest incoming", around, incoming, theme, incoming=True)
    _edges("Strongest outgoing", around, outgoing, theme, incoming=False)
    if view.num_left_out:
        st.caption(f"{view.num_left_out:,} of the weakest weights here are left out of these lists.")
    paths = [view.bias_path(node), *_weight_paths(view, node)]
    st.code("\n".join(path for path in paths if path), language=None)


def _fields(architecture: Architecture, node: int | None) -> None:
    units, structure = block_map(architecture).units, ngcore.graph.graph_structure(architecture)
    starts = [structure.node_blocks[unit.blocks[0]].start for unit in units]
    own = None if node is None else next(i for i, unit in enumerate(units) if 0 <= node - starts[i] < unit.size)
    layer_key, place_key = (f"{key}{st.session_state.get(FIELDS_KEY, 0)}" for key in (LAYER_KEY, PLACE_KEY))
    st.session_state[layer_key] = own
    st.session_state[place_key] = None if own is None or node is None else node - starts[own]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(
            "Layer",
            range(len(units)),
            None,
            key=layer_key,
            placeholder="none",
            width=135,
            format_func=lambda i: shortened(units[i].name, NAME_LENGTH),
            on_change=_layer_chosen,
            args=(layer_key, starts),
        )
        st.number_input(
            "Neuron",
            0,
            units[own].size - 1 if own is not None else 0,
            key=place_key,
            width=105,
            disabled=own is None,
            on_change=_place_chosen,
            args=(place_key, starts[own] if own is not None else 0),
        )


def _layer_chosen(key: str, starts: list[int]) -> None:
    number = st.session_state[key]
    NEURON.set(None if number is None else starts[number])


def _place_chosen(key: str, start: int) -> None:
    place = st.session_state[key]
    NEURON.set(None if place is None else start + int(place))


def _edges(title: str, around: Surroundings, numbers: np.ndarray, theme: Theme, *, incoming: bool) -> None:
    if not len(numbers):
        return
    st.caption(title)
    limit = edge_limit(around.view)
    with st.container(gap=None):
        for number in numbers[:NUM_EDGES].tolist():
            _edge_row(around, around.view.edge(number), limit, theme, incoming=incoming)


def _edge_row(around: Surroundings, edge: Edge, limit: float, theme: Theme, *, incoming: bool) -> None:
    """A button that walks along an edge, with its weight, or a picture of its kernel."""
    view = around.view
    other = edge.source if incoming else edge.target
    arrow = "arrow_back" if incoming else "arrow_forward"
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        if edge.kernel.shape != (1, 1):
            sized = max(float(np.abs(edge.kernel).max()), limit / 3)
            st.image(kernel_image(edge.kernel, sized, theme=theme, side=24), width=24, alt="The kernel of this edge")
        st.button(
            f"{view.node_name(other)} ({edge.value:+.3g})",
            key=f"neuron.walk{edge.number}{incoming}",
            icon=f":material/{arrow}:",
            type="tertiary",
            help=edge.path,
            on_click=choose_neuron,
            args=(int(around.nodes[other]),),
        )


def _weight_paths(view: GraphView, node: int) -> list[str]:
    """Where the tensors hold all weights into a neuron, and all out of it."""
    column = int(view.node_layer[node])
    place = node - view.layers[column].start
    paths: dict[str, None] = {}
    for block in view.blocks:
        if block.parameter is None:
            continue
        if block.target == column:
            own = f"{place + block.rows[0]}"
            paths[f"{block.parameter}[:, {own}]" if block.layout == "in_out" else f"{block.parameter}[{own}]"] = None
        is_plain = block.layout == "out_in" and block.kernel == (1, 1) and block.groups == 1 and not block.interleaved
        if block.source == column and is_plain:
            paths[f"{block.parameter}[:, {place + block.columns[0]}]"] = None
    return list(paths)
