"""How near the graph is looked at: blocks as units, or neurons, of the whole network or around one block."""

from dataclasses import dataclass

import streamlit as st

import ngcore.graph
from app.block_map import BlockMap, block_map
from app.block_names import shortened
from app.graph_view import MAX_EDGES
from app.network.neuron_panel import select_neuron
from ngcore.networks import Architecture

BLOCKS, NEURONS = "Blocks", "Neurons"
WHOLE = -1
MANY_UNITS, MANY_NEURONS = 24, 600  # of which the blocks show first
FEW_UNITS = 10  # of chains whose neurons need no overview
NAME_LENGTH = 44


@dataclass(frozen=True)
class Level:
    """What of a graph is shown.

    Attributes:
        is_blocks: Whether blocks are units.
        unit: Number of the unit whose neurons show with those joined to them; None: all neurons.
    """

    is_blocks: bool
    unit: int | None


def level_controls(architecture: Architecture) -> Level:
    """Let the user choose; small chains show their neurons without asking."""
    units, is_small = block_map(architecture), has_whole_view(architecture)
    if architecture.chain and is_small and len(units.units) <= FEW_UNITS:
        return Level(is_blocks=False, unit=None)
    level_key, unit_key = keys_of(architecture)
    st.session_state.setdefault(level_key, BLOCKS if _starts_with_blocks(architecture) else NEURONS)
    level = st.segmented_control("Show", [BLOCKS, NEURONS], required=True, key=level_key, persist_state="session")
    if level == BLOCKS:
        return Level(is_blocks=True, unit=None)
    options = [*([WHOLE] if is_small else []), *range(len(units.units))]
    st.session_state.setdefault(unit_key, options[0])
    chosen = st.selectbox(
        "Around",
        options,
        key=unit_key,
        width=260,
        format_func=lambda number: unit_name(units, number),
        on_change=select_neuron,
        args=(None,),
        persist_state="session",
    )
    return Level(is_blocks=False, unit=None if chosen == WHOLE else int(chosen))


def keys_of(architecture: Architecture) -> tuple[str, str]:
    """Keys of the two controls, of their own for each architecture."""
    return f"network.level.{architecture.id}", f"network.unit.{architecture.id}"


def has_whole_view(architecture: Architecture) -> bool:
    """Whether all neurons can be drawn at once."""
    return ngcore.graph.graph_structure(architecture).num_edges <= MAX_EDGES


def _starts_with_blocks(architecture: Architecture) -> bool:
    structure, units = ngcore.graph.graph_structure(architecture), block_map(architecture)
    is_large = len(units.units) > MANY_UNITS or structure.num_nodes > MANY_NEURONS
    return not has_whole_view(architecture) or (is_large and architecture.chain is None)


def unit_name(units: BlockMap, number: int) -> str:
    """The name of a unit in a list."""
    if number == WHOLE:
        return "The whole network"
    unit = units.units[number]
    return f"{shortened(unit.name, NAME_LENGTH)} · {unit.size:,}"


def open_unit(architecture: Architecture, unit: int) -> None:
    """Show the neurons of a unit; for callbacks."""
    level_key, unit_key = keys_of(architecture)
    st.session_state[level_key], st.session_state[unit_key] = NEURONS, unit
    select_neuron(None)
