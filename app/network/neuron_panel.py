"""One neuron: where it stands, its numbers, and its strongest edges, each a way to the neuron at its other end."""

import numpy as np
import streamlit as st

from app.charts.network_graph import edge_limit
from app.charts.theme import Theme
from app.charts.weights import kernel_image
from app.graph_view import Edge, GraphView

NUM_EDGES = 5
NEURON_KEY, LAYER_KEY, PLACE_KEY = "network.neuron", "neuron.layer", "neuron.place"


def selected_neuron(view: GraphView) -> int | None:
    """Number of the neuron that is looked at; None for none."""
    node = st.session_state.get(NEURON_KEY)
    return node if node is not None and node < view.num_nodes else None


def select_neuron(node: int | None) -> None:
    """Look at a neuron; for callbacks."""
    st.session_state[NEURON_KEY] = node


def neuron_panel(view: GraphView, theme: Theme, activation: np.ndarray | None) -> None:
    """Fields that choose a neuron without a mouse, and what there is to say of the chosen one.

    Args:
        view: The graph.
        theme: Colours of the kernels.
        activation: (nodes,) what the neurons put out for the chosen input; None if none is chosen.
    """
    node = selected_neuron(view)
    _fields(view, node)
    if node is None:
        st.caption("Click a neuron in the drawing, or choose one here, to see its bias and its strongest weights.")
        return
    incoming, outgoing = (view.edges_of(node, incoming=into) for into in (True, False))
    facts = [f"{len(incoming):,} in", f"{len(outgoing):,} out"]
    facts.insert(0, f"bias {view.bias[node]:+.4g}" if view.has_bias[node] else "no bias")
    if activation is not None and view.layers[int(view.node_layer[node])].has_values:
        facts.append(f"activation {activation[node]:+.3g}")
    st.markdown(" · ".join(facts))
    _edges("Strongest incoming", view, incoming, theme, incoming=True)
    _edges("Strongest outgoing", view, outgoing, theme, incoming=False)
    paths = [view.bias_path(node), *_weight_paths(view, node)]
    st.code("\n".join(path for path in paths if path), language=None)


def _fields(view: GraphView, node: int | None) -> None:
    layer = view.layers[int(view.node_layer[node])] if node is not None else None
    st.session_state[LAYER_KEY] = view.layers.index(layer) if layer else None
    st.session_state[PLACE_KEY] = node - layer.start if layer and node is not None else None
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(
            "Layer",
            range(len(view.layers)),
            None,
            key=LAYER_KEY,
            placeholder="none",
            width=135,
            format_func=lambda i: view.layers[i].name,
            on_change=_layer_chosen,
            args=(view,),
        )
        st.number_input(
            "Neuron",
            0,
            layer.size - 1 if layer else 0,
            key=PLACE_KEY,
            width=105,
            disabled=layer is None,
            on_change=_place_chosen,
            args=(layer.start if layer else 0,),
        )


def _layer_chosen(view: GraphView) -> None:
    number = st.session_state[LAYER_KEY]
    select_neuron(None if number is None else view.layers[number].start)


def _place_chosen(start: int) -> None:
    place = st.session_state[PLACE_KEY]
    select_neuron(None if place is None else start + int(place))


def _edges(title: str, view: GraphView, numbers: np.ndarray, theme: Theme, *, incoming: bool) -> None:
    if not len(numbers):
        return
    st.caption(title)
    limit = edge_limit(view)
    with st.container(gap=None):
        for number in numbers[:NUM_EDGES].tolist():
            _edge_row(view, view.edge(number), limit, theme, incoming=incoming)


def _edge_row(view: GraphView, edge: Edge, limit: float, theme: Theme, *, incoming: bool) -> None:
    """A button that walks along an edge, with its weight, or a picture of its kernel."""
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
            on_click=select_neuron,
            args=(other,),
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
