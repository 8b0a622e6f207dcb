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
from app.components.mirrored import mirrored
from app.graph_view import Edge, GraphView
from app.viewer.selected import NEURON
from ngcore.networks import Architecture

NUM_EDGES, NAME_LENGTH = 5, 44
LAYER_KEY, PLACE_KEY = "neuron.layer", "neuron.place"


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
    place = None if own is None or node is None else node - starts[own]

    def choose_layer(number: int | None) -> None:
        NEURON.set(None if number is None else starts[number])

    def choose_place(number: int | None) -> None:
        NEURON.set(None if own is None or number is None else starts[own] + int(number))

    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(
            "Layer",
            range(len(units)),
            **mirrored(LAYER_KEY, own, choose_layer),
            placeholder="none",
            width=135,
            format_func=lambda i: shortened(units[i].name, NAME_LENGTH),
        )
        st.number_input(
            "Neuron",
            0,
            units[own].size - 1 if own is not None else 0,
            **mirrored(PLACE_KEY, place, choose_place, of=own),
            width=105,
            disabled=own is None,
        )


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
            on_click=NEURON.set,
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
