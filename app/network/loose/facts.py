"""What a file of weights without structure holds, in one line, and what of it was set aside."""

import streamlit as st

from app.errors import plain
from app.network.loose.said import recognised
from app.state import KeptWeights

MAX_LISTED = 1_000


def show_facts(kept: KeptWeights) -> None:
    """Say what the file holds, that its structure is not known, and why."""
    file = kept.file
    facts = [
        f"**{plain(kept.title)}**",
        f"{len(file.tensors):,} tensors",
        f"{file.num_numbers:,} numbers",
        f"{file.format}, {_bytes(file.size)}",
    ]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(" · ".join(facts), width="content")
        with st.popover("Details", type="tertiary", icon=":material/info:"):
            st.text(f"sha256 {file.sha256[:32]}…")
            for note in file.notes:
                st.text(f"• {note}")
            st.text(f"No network was made of it: {kept.reason}")
    _show_structure(kept)
    if file.aside:
        _show_aside(kept)


def _show_structure(kept: KeptWeights) -> None:
    """Say which network it is, or that it is not known."""
    found = recognised(kept)
    if found.structure is None:
        st.info(
            "**Weights without structure.** The file does not say how its tensors connect, so they stand here as they "
            f"are, unconnected; connections are guesses by matching sizes. {plain(' '.join(found.near_misses))}",
            icon=":material/link_off:",
        )
        return
    structure = found.structure
    st.info(
        f"**The weights of {structure.scheme}**, by the names of its tensors: "
        f"{structure.architecture.num_parameters:,} parameters in {len(structure.architecture.steps):,} steps. "
        "Connections are those of its library. It is not drawn as a network here; Details say why.",
        icon=":material/link:",
    )


def _show_aside(kept: KeptWeights) -> None:
    aside = kept.file.aside
    reasons = list(dict.fromkeys(one.reason for one in aside))
    listed = "; ".join(reasons[:3]) + ("; …" if len(reasons) > 3 else "")
    with st.expander(f"Set aside: {len(aside):,} ({plain(listed)})", on_change="rerun", key="loose.aside") as opened:
        if opened.open:
            rows = [
                {"name": one.name, "shape": shape_text(one.shape) if one.shape is not None else "", "why": one.reason}
                for one in aside[:MAX_LISTED]
            ]
            st.dataframe(rows, hide_index=True, height=240)


def shape_text(shape: tuple[int, ...]) -> str:
    """A shape as text, such as "64×3×7×7"."""
    return "×".join(map(str, shape)) or "scalar"


def _bytes(size: int) -> str:
    return f"{size / 2**20:,.1f} MB" if size >= 2**20 else f"{size / 2**10:,.1f} kB"
