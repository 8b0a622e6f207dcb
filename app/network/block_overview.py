"""The graph from afar: its blocks as units, each a way to its neurons, and a table of them."""

from typing import Any

import streamlit as st

import ngcore.graph
from app.block_map import BlockMap, block_map
from app.charts.block_graph import chart_height, draw_block_graph, families
from app.charts.theme import Theme, category_key, key_line
from app.network.levels import open_unit, unit_name
from ngcore.networks import Architecture

CHART_KEY, OPEN_KEY = "network.blocks", "network.open"
WINDOW = 620  # pixels; longer drawings scroll


def block_overview(architecture: Architecture, colours: Theme) -> None:
    """Draw all blocks, from the inputs at the top to the outputs at the bottom."""
    units, structure = block_map(architecture), ngcore.graph.graph_structure(architecture)
    height = chart_height(units)
    st.html(key_line(category_key(families(units))))
    with st.container(height=WINDOW if height > WINDOW else "content", border=False, key="network-blocks"):
        st.echarts_chart(
            draw_block_graph(units, theme=colours),
            height=height,
            key=f"{CHART_KEY}.{architecture.id}",
            on_select=lambda: _clicked(architecture),
            alt=_alt(units),
        )
    st.caption(
        f"{len(units.units):,} blocks, {structure.num_nodes:,} neurons, {structure.num_edges:,} edges. "
        "Dashed lines carry no weights; arrows upwards are recurrences. Click a block to see its neurons."
    )
    with st.expander("As a table", on_change="rerun", key="network.block_table") as table:
        if table.open:
            st.dataframe(block_table(units), hide_index=True, height=260)


def block_list(architecture: Architecture) -> None:
    """The blocks as a list to choose from, which needs no mouse."""
    units = block_map(architecture)
    st.session_state[OPEN_KEY] = None
    st.selectbox(
        "Open a block",
        range(len(units.units)),
        None,
        key=OPEN_KEY,
        placeholder="Choose or search by name",
        format_func=lambda number: unit_name(units, number),
        on_change=lambda: _chosen(architecture),
    )
    st.caption("A block is what one layer makes, or one part of an attention or a recurrence, such as a gate.")


def _chosen(architecture: Architecture) -> None:
    if st.session_state[OPEN_KEY] is not None:
        open_unit(architecture, st.session_state[OPEN_KEY])


def _clicked(architecture: Architecture) -> None:
    unit = unit_of_selection(st.session_state.get(f"{CHART_KEY}.{architecture.id}"), block_map(architecture))
    if unit is not None:
        open_unit(architecture, unit)


def unit_of_selection(event: Any, units: BlockMap) -> int | None:
    """The unit that a selection of the chart means; None for an edge or nothing."""
    groups = event["selection"]["selected"] if event else []
    for group in groups:
        if group["data_type"] == "node" and group["data_indices"]:
            number = int(group["data_indices"][0])
            return number if 0 <= number < len(units.units) else None
    return None


def _alt(units: BlockMap) -> str:
    return f"Drawing of {len(units.units)} blocks in {len(units.rows)} rows by depth; a table follows below."


def block_table(units: BlockMap) -> dict[str, list[Any]]:
    """The blocks as columns."""
    into: dict[int, list[int]] = {}
    for link in units.links:
        into.setdefault(link.target, []).append(link.source)
    return {
        "block": [unit.name for unit in units.units],
        "kind": [unit.kind for unit in units.units],
        "part of": [unit.group or "" for unit in units.units],
        "neurons": [unit.size for unit in units.units],
        "activation": ["" if unit.activation == "none" else unit.activation for unit in units.units],
        "reads": [", ".join(units.units[i].name for i in into.get(number, ())) for number in range(len(units.units))],
        "tensors": [", ".join(unit.parameters) for unit in units.units],
    }
