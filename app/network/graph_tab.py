"""The tab of the drawing: the neural graph with its controls, the picture of an INR, and the chosen neuron."""

from typing import Any

import numpy as np
import streamlit as st

import ngcore.graph
from app import cached
from app.block_map import block_map
from app.charts.gaps import full_colour
from app.charts.network_graph import draw_network_graph, drawn_nodes, edge_limit
from app.charts.theme import Theme, category_key, key_line, scale_key
from app.components.appearance import theme
from app.components.render_panel import render_panel
from app.errors import fragment
from app.graph_view import MAX_DRAWN_EDGES, GraphView
from app.network.block_overview import block_list, block_overview
from app.network.block_panel import block_panel
from app.network.input_picker import input_picker
from app.network.levels import level_controls, open_unit
from app.network.neuron_panel import neuron_panel, select_neuron, selected_neuron
from app.state import Selection
from ngcore.networks import Architecture

BIAS, LAYER, ACTIVATION = "Bias", "Layer", "Activation"
CHART_KEY, CLICKED_KEY = "network.chart", "network.clicked"
DEFAULT_EDGES = 400
MAX_KEYS = 10  # layers in the key; the names stand in the drawing
NARROW = "<style>@media (max-width:640px){.st-key-network-chart,.st-key-network-chart *{max-height:400px}}</style>"
MAX_TABLE_EDGES = MAX_DRAWN_EDGES


@fragment
def graph_tab(selection: Selection) -> None:
    """Draw the selected network's graph, and beside it what belongs to it."""
    network = cached.network(selection)
    architecture, colours = network.architecture, theme()
    st.html(NARROW)
    left, right = st.columns([2.35, 1], gap="medium")
    with left, st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        level = level_controls(architecture)
    if level.is_blocks:
        with left:
            block_overview(architecture, colours)
        with right:
            block_list(architecture)
        return
    view, nodes = _view(selection, level.unit)
    with left:
        count, colour_by = _controls(view)
        values = None
        if colour_by == ACTIVATION:
            with st.container(horizontal=True, vertical_alignment="center"):
                inputs = input_picker(architecture)
            values = cached.activations(selection, inputs)[nodes] if inputs is not None else None
        _drawing(view, count, colour_by, values, colours)
    with right:
        if cached.is_inr(architecture):
            render_panel(selection)
        if level.unit is not None:
            block_panel(architecture, level.unit)
        neuron_panel(view, colours, values)
        if level.unit is not None:
            _say_what_is_missing(architecture, view, level.unit)


def _view(selection: Selection, unit: int | None) -> tuple[GraphView, np.ndarray]:
    """The neurons of the whole network, or of one unit and those joined to it; and their numbers among all."""
    architecture = cached.network(selection).architecture
    if unit is None:
        view = cached.graph_view(selection)
        return view, np.arange(view.num_nodes)
    units = block_map(architecture)
    blocks = sorted(block for other in units.neighbours(unit) for block in units.units[other].blocks)
    structure = ngcore.graph.graph_structure(architecture)
    nodes = [np.arange(structure.node_blocks[block].start, structure.node_blocks[block].stop) for block in blocks]
    return cached.part_view(selection, tuple(blocks)), np.concatenate(nodes)


def _say_what_is_missing(architecture: Architecture, view: GraphView, unit: int) -> None:
    """Around a block, its neighbours' other edges are not drawn; nor are the weakest of very many."""
    if view.num_left_out:
        st.caption(f"{view.num_left_out:,} of the weakest weights here are left out of these lists.")
    node, units = selected_neuron(view), block_map(architecture)
    if node is None:
        return
    blocks = sorted((block, other) for other in units.neighbours(unit) for block in units.units[other].blocks)
    other = blocks[int(view.node_layer[node])][1]
    if other != unit:
        st.caption("Of this neuron only the edges to the block in the middle show.")
        st.button(
            "Move to its block",
            key="network.move",
            icon=":material/center_focus_strong:",
            on_click=open_unit,
            args=(architecture, other),
        )


def _controls(view: GraphView) -> tuple[int, str]:
    most = min(MAX_DRAWN_EDGES, len(view.order))
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        count = most
        if most > 1:
            chosen = st.slider(
                "Strongest edges",
                1,
                most,
                min(DEFAULT_EDGES, most),
                key=f"network.edges{most}",
                width=300,
                persist_state="session",
            )
            count = int(chosen)
        colour_by = st.segmented_control(
            "Colour neurons by",
            [BIAS, LAYER, ACTIVATION],
            default=BIAS,
            required=True,
            key="network.colour",
            persist_state="session",
        )
    return count, colour_by or BIAS


def _drawing(view: GraphView, count: int, colour_by: str, values: np.ndarray | None, colours: Theme) -> None:
    edges = view.strongest(count)
    shown = values if colour_by == ACTIVATION else view.bias if colour_by == BIAS else None
    limit = full_colour(shown, 0.98) if shown is not None else 1.0
    of_what = "edges" if view.is_weight.all() else "weights"
    total = f"{count:,} of {view.num_weights:,} {of_what}, {view.share(count):.0%} of the total |weight|"
    spec = draw_network_graph(
        view, edges, theme=colours, node_values=shown, node_limit=limit, selected=selected_neuron(view)
    )
    st.echarts_chart(
        spec, height=560, key=CHART_KEY, on_select=lambda: _clicked(drawn_nodes(view, edges)), alt=_alt(view, total)
    )
    edge_name = "weight" if all(kernels.shape[1:] == (1, 1) for kernels in view.kernels) else "kernel size"
    node_key = category_key([layer.name for layer in view.layers[:MAX_KEYS]]) if shown is None else ""
    if shown is not None:
        node_key = scale_key("activation" if colour_by == ACTIVATION else "bias", limit, colours)
    st.html(key_line(scale_key(edge_name, edge_limit(view), colours, lines=True), node_key))
    st.caption(f"{total}. {_how_to_read(view)}")
    with st.expander("As a table", on_change="rerun", key="network.table") as table:
        if table.open:
            st.dataframe(edge_table(view, edges[:MAX_TABLE_EDGES]), hide_index=True, height=260)


def _how_to_read(view: GraphView) -> str:
    kernel = "The size of a kernel is its norm, its colour the sign of its sum. " if _has_kernels(view) else ""
    missing = (
        "" if len(drawn_nodes(view, view.strongest(1))) == view.num_nodes else "Only neurons of drawn edges show. "
    )
    others = "" if view.is_weight.all() else "Dashed edges carry no weight. "
    return f"{kernel}{others}{missing}Scroll to zoom, drag to move."


def _has_kernels(view: GraphView) -> bool:
    return any(kernels.shape[1:] != (1, 1) for kernels in view.kernels)


def _alt(view: GraphView, total: str) -> str:
    sizes = ", ".join(f"{layer.name}: {layer.size}" for layer in view.layers)
    return f"Layered drawing of the neural graph. Neurons: {sizes}. Drawn are {total}; a table follows below."


def _clicked(nodes: np.ndarray) -> None:
    """Look at the neuron that was clicked. A click on the neuron that was clicked last takes the mark away."""
    last = st.session_state.get(CLICKED_KEY)
    clicked = neuron_of_selection(st.session_state.get(CHART_KEY), nodes)
    if clicked is None and last is not None:
        clicked = last if st.session_state.get("network.neuron") != last else None
    elif clicked is not None:
        st.session_state[CLICKED_KEY] = clicked
    select_neuron(clicked)


def neuron_of_selection(event: Any, nodes: np.ndarray) -> int | None:
    """The neuron that a selection of the chart means; None for an edge or nothing."""
    groups = event["selection"]["selected"] if event else []
    for group in groups:
        if group["data_type"] == "node" and group["data_indices"]:
            place = int(group["data_indices"][0])
            return int(nodes[place]) if 0 <= place < len(nodes) else None
    return None


def edge_table(view: GraphView, edges: np.ndarray) -> dict[str, list[Any]]:
    """Edges as columns: names of both neurons, the weight (or a kernel's signed norm) and where it is stored."""
    rows = [view.edge(int(number)) for number in edges]
    return {
        "from": [view.node_name(edge.source) for edge in rows],
        "to": [view.node_name(edge.target) for edge in rows],
        "value": [edge.value for edge in rows],
        "tensor": [edge.path for edge in rows],
    }
