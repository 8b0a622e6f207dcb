"""What of a module or a file a network holds: said where it is not all."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from app import state
from app.errors import plain
from app.state import Selection


def show_coverage(selection: Selection) -> None:
    """Say what was left out of the selected network and why; nothing where all of it was read as it is."""
    own = state.kept().get(selection.id) if selection.is_upload else None
    if own is None or own.coverage is None:
        return
    coverage = own.coverage
    if coverage["skipped"]:
        st.warning(plain(in_words(coverage)), icon=":material/warning:")
    if not any(coverage[name] for name in ("skipped", "unused", "notes")):
        return
    with st.expander("What was read", expanded=bool(coverage["skipped"]), key="network.coverage"):
        if coverage["skipped"]:
            st.dataframe(coverage["skipped"], hide_index=True)
        if coverage["unused"]:
            st.text("Parameters that no output depends on: " + ", ".join(coverage["unused"]))
        for note in coverage["notes"]:
            st.text(f"• {note}")


def in_words(coverage: Mapping[str, Any]) -> str:
    """A sentence on what is missing."""
    count = len(coverage["skipped"])
    left_out = "One operation was" if count == 1 else f"{count:,} operations were"
    return (
        f"This is a part of the network: {coverage['num_covered']:,} of {coverage['num_parameters']:,} parameters are "
        f"in the graph. {left_out} left out, and what they make is an input here."
    )
