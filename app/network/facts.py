"""The facts of a network in one line, and all of its metadata on demand."""

import streamlit as st

from app import cached, state
from app.errors import plain
from app.state import Selection

HIDDEN = ("row",)


def network_facts(selection: Selection) -> None:
    """Say what the selected network is."""
    architecture = cached.network(selection).architecture
    row = cached.row(selection)
    label = cached.label_name(selection)
    facts = [f"**{plain(architecture.name)}**", f"{architecture.num_parameters:,} parameters"]
    if label is not None:
        facts.append(f"label {plain(label)}")
    if "accuracy" in row:
        facts.append(f"test accuracy {row['accuracy']:.1%}")
    if "psnr" in row:
        facts.append(f"fits its image to {row['psnr']:.1f} dB")
    if "split" in row:
        facts.append(f"{row['split']} split")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(" · ".join(facts), width="content")
        with st.popover("Details", type="tertiary", icon=":material/info:"):
            _details(selection, row)


def _details(selection: Selection, row: dict[str, object]) -> None:
    if selection.is_upload:
        own = state.kept()[selection.id]
        st.text(f"{own.title}\n{own.format}, {own.size:,} bytes\nsha256 {own.sha256[:32]}…")
        for note in own.notes:
            st.text(f"• {note}")
        if own.tensors:
            st.dataframe([vars(tensor) for tensor in own.tensors], hide_index=True)
        return
    items = {name: value for name, value in row.items() if name not in HIDDEN}
    shown = [f"{value:.5g}" if isinstance(value, float) else str(value) for value in items.values()]
    st.dataframe({"": list(items), "value": shown}, hide_index=True, width=320)
