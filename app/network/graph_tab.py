"""The tab of the drawing: the viewer of the neural graph, and beside it the picture of an INR and the chosen neuron."""

from typing import Any

import numpy as np
import streamlit as st

import ngcore.graph
from app import cached
from app.answers import Card
from app.block_map import BlockMap, block_map
from app.components.appearance import theme
from app.components.graph_viewer import Shown, Words, graph_viewer
from app.components.render_panel import render_panel
from app.errors import fragment, plain, show_error
from app.explained import explanation, model_for, unit_of
from app.graph_view import MAX_DRAWN_EDGES, GraphView
from app.network.input_picker import input_picker
from app.network.neuron_panel import Surroundings, neuron_panel
from app.state import Selection
from app.viewer import sent
from app.viewer.look_link import look_at
from app.viewer.scene import pack_numbers
from app.viewer.selected import select_neuron, selected_neuron
from ngcore.errors import NeuralGraphError
from ngcore.networks import Architecture

VIEWER_KEY = "network.viewer"
ACTIVATION, ATTRIBUTION = "activation", "attribution"


@fragment
def graph_tab(selection: Selection) -> None:
    """Draw the selected network's graph, and beside it what belongs to it."""
    architecture, drawn = cached.network(selection).architecture, sent.of_selection(selection)
    colour, model, place = look_at(drawn).colour, model_for(selection), st.container()
    columns = iter(st.columns([1, 1, 1.4] if cached.is_inr(architecture) else [1, 1.8], gap="medium"))
    if cached.is_inr(architecture):
        with next(columns):
            render_panel(selection)
    with next(columns):
        inputs = _inputs(architecture, selection, is_wanted=colour == ACTIVATION)
        shares = _attribution(selection, model) if model is not None and colour == ATTRIBUTION else None
    with place:
        shown = Shown(
            drawn,
            _words(model),
            activations=sent.activations(selection, inputs) if inputs is not None else None,
            numbers=shares,
            is_picture=cached.is_inr(architecture),
        )
        graph_viewer(
            shown,
            key=VIEWER_KEY,
            file_name=selection.file_name,
            selected=selected_neuron(architecture),
            on_select=select_neuron,
        )
    with next(columns):
        values = cached.activations(selection, inputs) if inputs is not None else None
        neuron_panel(architecture, surroundings(selection), theme(), values)
    _tables(selection)


def _inputs(architecture: Architecture, selection: Selection, *, is_wanted: bool) -> list[np.ndarray] | None:
    """The inputs whose activations are shown; None while none are wanted."""
    if not is_wanted:
        st.caption("Colour the neurons by activation, or play the forward pass, to choose an input.")
        return None
    st.markdown("**Input**")
    return input_picker(architecture, selection)


def _words(model: Card | None) -> Words:
    """What neurons can be coloured by: also by attribution where a model answers about the network."""
    of_model = () if model is None else ((ATTRIBUTION, "attribution", unit_of(model)[1]),)
    return Words(colours=(*Words.colours, (ACTIVATION, "activation"), *of_model))


def _attribution(selection: Selection, model: Card) -> bytes | None:
    """The share of every neuron of what a model answers about the network, with a line that says which model."""
    try:
        found = explanation(model, selection, "gradient")
    except NeuralGraphError as error:
        show_error(error)
        return None
    factor, unit = unit_of(model)
    st.caption(
        f"Attribution: each neuron's share of the {plain(found.explains)}, in {unit}, by gradient × input of the model "
        f"{plain(model['name'])}. *Predict* has more of it, under *Why*."
    )
    return pack_numbers(found.structure.architecture, {ATTRIBUTION: factor * found.nodes.double().numpy()})


def surroundings(selection: Selection) -> Surroundings | None:
    """The edges around the selected neuron: those of the whole network, or of its block and those joined to it."""
    architecture = cached.network(selection).architecture
    node = selected_neuron(architecture)
    if node is None:
        return None
    if sent.has_whole_view(architecture):
        view = cached.graph_view(selection)
        return Surroundings(view, np.arange(view.num_nodes), node)
    units, structure = block_map(architecture), ngcore.graph.graph_structure(architecture)
    own = next(i for i, block in enumerate(structure.node_blocks) if block.start <= node < block.stop)
    near = units.neighbours(units.of_block[own])
    blocks = sorted(block for unit in near for block in units.units[unit].blocks)
    nodes = [np.arange(structure.node_blocks[block].start, structure.node_blocks[block].stop) for block in blocks]
    return Surroundings(cached.part_view(selection, tuple(blocks)), np.concatenate(nodes), node)


def _tables(selection: Selection) -> None:
    """What the drawing shows, as tables."""
    architecture = cached.network(selection).architecture
    with st.expander("As a table", on_change="rerun", key="network.table") as table:
        if not table.open:
            return
        st.dataframe(block_table(block_map(architecture), architecture), hide_index=True, height=260)
        if sent.has_whole_view(architecture):
            view = cached.graph_view(selection)
            edges = view.strongest(min(MAX_DRAWN_EDGES, len(view.order)))[:MAX_DRAWN_EDGES]
            st.dataframe(edge_table(view, edges), hide_index=True, height=260)


def block_table(units: BlockMap, architecture: Architecture) -> dict[str, list[Any]]:
    """The blocks as columns."""
    into: dict[int, list[int]] = {}
    for link in units.links:
        into.setdefault(link.target, []).append(link.source)
    shapes = architecture.parameter_shapes
    return {
        "block": [unit.name for unit in units.units],
        "kind": [unit.kind for unit in units.units],
        "part of": [unit.group or "" for unit in units.units],
        "neurons": [unit.size for unit in units.units],
        "activation": ["" if unit.activation == "none" else unit.activation for unit in units.units],
        "reads": [", ".join(units.units[i].name for i in into.get(number, ())) for number in range(len(units.units))],
        "tensors": [
            ", ".join(f"{name} {'×'.join(map(str, shapes[name]))}" for name in unit.parameters) for unit in units.units
        ],
    }


def edge_table(view: GraphView, edges: np.ndarray) -> dict[str, list[Any]]:
    """Edges as columns: names of both neurons, the weight (or a kernel's signed norm) and where it is stored."""
    rows = [view.edge(int(number)) for number in edges]
    return {
        "from": [view.node_name(edge.source) for edge in rows],
        "to": [view.node_name(edge.target) for edge in rows],
        "value": [edge.value for edge in rows],
        "tensor": [edge.path for edge in rows],
    }
