"""The tab of the graphs: the difference of two networks in one picture, or both side by side, moved together."""

import streamlit as st

from app import cached
from app.compare.order import choose_order
from app.compare.pair import Pair, aligned
from app.components.graph_pair import GraphPair, show_graph_pair
from app.components.graph_viewer import Shown, graph_viewer
from app.errors import fragment
from app.viewer import sent
from app.viewer.sent import Drawn

KEY = "pair.graph"
HEIGHT = 460


@fragment
def graph_tab(pair: Pair) -> None:
    """Draw the graphs of two networks."""
    if not pair.is_one_architecture:
        _other_architectures(pair)
        return
    moved = aligned(pair) if pair.can_align else None
    is_aligned = choose_order(moved)
    second = moved.network if moved is not None and is_aligned else pair.second
    first_key, second_key = pair.keys
    show_graph_pair(
        GraphPair(
            keys=(first_key, f"{second_key}\naligned with {first_key}" if is_aligned else second_key),
            networks=(pair.first, second),
            names=("First", "Second"),
            file_name=pair.selection.file_name,
            class_names=sent.class_names(pair.selection),
            is_picture=cached.is_inr(pair.first.architecture),
        ),
        key=KEY,
        parameter="compare_graph",
    )


def _other_architectures(pair: Pair) -> None:
    """Both graphs, each for itself: no neuron of one has a counterpart in the other."""
    st.info(
        "Different architectures: their neurons have no counterparts, so that the graphs are moved one by one.",
        icon=":material/info:",
    )
    second = pair.partner.selection or pair.selection
    shown = {
        "First": Drawn(pair.keys[0], pair.first, sent.class_names(pair.selection)),
        "Second": Drawn(pair.keys[1], pair.second, sent.class_names(second)),
    }
    for number, (column, (name, drawn)) in enumerate(zip(st.columns(2, gap="small"), shown.items(), strict=True)):
        with column:
            st.markdown(f"**{name}**")
            graph_viewer(
                Shown(drawn, is_picture=cached.is_inr(drawn.architecture)),
                key=f"{KEY}.apart{number}",
                file_name=f"{pair.selection.file_name}-{number + 1}",
                height=HEIGHT,
                is_compact=True,
                is_in_address=number == 0,
            )
