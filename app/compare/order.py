"""The order of the second network's neurons: aligned with the first network's, or as given, and what that changes."""

import streamlit as st

from ngcore.networks import Aligned

ALIGNED, AS_GIVEN = "Aligned", "As given"
ORDER_KEY = "compare_order"


def choose_order(moved: Aligned | None) -> bool:
    """Let the user choose the order of the second network's neurons, and say what the order makes of the distance."""
    if moved is None:
        st.info(
            "Networks of this size are compared as given: aligning their neurons would take minutes.",
            icon=":material/info:",
        )
        return False
    order = st.segmented_control(
        "Neurons of the second network",
        [ALIGNED, AS_GIVEN],
        default=ALIGNED,
        required=True,
        key=ORDER_KEY,
        bind="query-params",
        persist_state="session",
        help="Aligned: in the order, and with the signs, in which its weights are nearest to the first network's "
        "(weight matching, Ainsworth et al. 2023). It computes the same.",
    )
    given, reached = moved.given, moved.reached
    gain = (reached.length - given.length) / given.length if given.length else 0.0
    chosen = reached if order == ALIGNED else given
    figures = {
        "Distance, as given": (f"{given.length:.3g}", None),
        "Distance, aligned": (f"{reached.length:.3g}", f"{gain:+.0%}" if gain else None),
        "Relative distance": (f"{chosen.relative:.1%}", None),
        "Cosine": (f"{chosen.cosine:.3f}", None),
    }
    with st.container(horizontal=True, gap="small", key="pair-figures"):
        for title, (value, delta) in figures.items():
            st.metric(title, value, delta, delta_color="inverse", border=True, width=166)
    st.caption(
        "Distance: length of the difference of all weights; relative: its share of the length of the first network's. "
        "Aligning moves neurons and changes nothing of what the network computes."
    )
    return order == ALIGNED
