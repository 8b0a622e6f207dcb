"""One block: what it is, the tensors that it carries, and the blocks it is joined to, each a way there."""

import streamlit as st

from app.block_map import BlockMap, block_map
from app.block_names import shortened
from app.errors import plain
from app.network.levels import open_unit
from ngcore.networks import Architecture

MAX_NEIGHBOURS = 6
NAME_LENGTH = 34


def block_panel(architecture: Architecture, unit: int) -> None:
    """Say what a unit is, and lead to those before and after it."""
    units = block_map(architecture)
    own = units.units[unit]
    st.markdown(f"**{plain(own.name)}**")
    facts = [own.kind, f"{own.size:,} neurons"]
    facts += [own.activation] if own.activation != "none" else []
    facts += [f"in {own.group}"] if own.group else []
    st.caption(plain(" · ".join(facts)))
    if own.parameters:
        st.code("\n".join(own.parameters), language=None)
    _neighbours(architecture, units, unit, is_before=True)
    _neighbours(architecture, units, unit, is_before=False)


def _neighbours(architecture: Architecture, units: BlockMap, unit: int, *, is_before: bool) -> None:
    found = [
        link.source if is_before else link.target
        for link in units.links
        if unit == (link.target if is_before else link.source) and link.source != link.target
    ]
    if not found:
        return
    st.caption("Reads" if is_before else "Read by")
    with st.container(gap=None):
        for other in found[:MAX_NEIGHBOURS]:
            st.button(
                plain(shortened(units.units[other].name, NAME_LENGTH)),
                key=f"block.walk{unit}.{other}.{is_before}",
                icon=f":material/{'arrow_upward' if is_before else 'arrow_downward'}:",
                type="tertiary",
                on_click=open_unit,
                args=(architecture, other),
            )
    if len(found) > MAX_NEIGHBOURS:
        st.caption(f"and {len(found) - MAX_NEIGHBOURS} more")
