"""The tab of the shuffle: the hidden neurons in another order, and what that changes (nothing but the drawing)."""

import numpy as np
import streamlit as st
import torch

from app import cached
from app.address import whole_number
from app.components.graph_viewer import Shown, graph_viewer
from app.components.render_panel import enlarged
from app.errors import fragment, reported
from app.network import shuffled_answers
from app.network.permutation_lab import Shuffled
from app.state import Selection
from app.viewer import sent
from app.viewer.flight import pack_flight
from ngcore.inr import render
from ngcore.networks import Network, check_cost

SEED = whole_number("shuffle", most=9_999)
DRAWING_HEIGHT = 380
PICTURE_SIDE = 64
MOVED_NOISE = 1e-3  # share of the outputs' size that float32 sums may differ by; far above it something is wrong


@fragment
def shuffle_tab(selection: Selection) -> None:
    """Let the user shuffle the hidden neurons, and compare before and after."""
    st.markdown(
        "Hidden neurons have no order, nor have heads of attention: renumber them together with their weights, and the "
        "network computes the same function. A model that reads networks should not notice either; one that reads "
        "neural graphs does not."
    )
    seed = SEED.get() or 0
    st.button(
        "Shuffle hidden neurons" if not seed else "Shuffle again",
        type="primary",
        icon=":material/shuffle:",
        key="shuffle.go",
        on_click=_next_seed,
    )
    shuffled = shuffled_answers.shuffled(selection, seed) if seed else None
    if shuffled is not None:
        _numbers(shuffled)
    _drawing(selection, shuffled)
    if shuffled is None:
        return
    if cached.is_inr(shuffled.network.architecture):
        with reported():
            _pictures(cached.network(selection), shuffled.network)
    _predictions(selection, seed)


def _next_seed() -> None:
    SEED.set((SEED.get() or 0) % 9_999 + 1)


def _numbers(shuffled: Shuffled) -> None:
    drift = shuffled.drift
    columns = iter(st.columns(4 if shuffled.heads else 3))
    next(columns).metric("Neurons that moved", f"{shuffled.moved:,} of {shuffled.hidden:,}", border=True)
    if shuffled.heads:
        next(columns).metric(
            "Heads that moved",
            f"{shuffled.moved_heads:,} of {shuffled.heads:,}",
            border=True,
            help="Heads of attention move as wholes; where queries share keys, those that share them are one.",
        )
    next(columns).metric("Largest change of a weight", f"{shuffled.largest_change:.3g}", border=True)
    next(columns).metric(
        "Largest change of an output",
        f"{drift.error:.1e}",
        border=True,
        help=f"On the same random inputs; the largest output is {drift.scale:.3g}. What is left is rounding: sums "
        "in another order differ in their last digits.",
    )
    if drift.relative > MOVED_NOISE:
        st.warning("The outputs differ by more than rounding explains.", icon=":material/warning:")


def _drawing(selection: Selection, shuffled: Shuffled | None) -> None:
    """The graph, whose neurons fly to their new places with all of their edges."""
    architecture = cached.network(selection).architecture
    flight = pack_flight(architecture, shuffled.permutation) if shuffled else None
    shown = Shown(sent.of_selection(selection), flight=flight)
    graph_viewer(shown, key="shuffle.viewer", file_name=f"{selection.file_name}-shuffled", height=DRAWING_HEIGHT)
    st.caption("Neurons move with all of their edges; their names are those from before the shuffle.")


def _pictures(before: Network, after: Network) -> None:
    check_cost(before.architecture, num_inputs=2 * PICTURE_SIDE**2, max_bytes=None)
    with torch.inference_mode():
        first, second = (render(network, (PICTURE_SIDE,) * 2)[0].cpu().numpy() for network in (before, after))
    difference = float(np.abs(first - second).max())
    columns = st.columns(3)
    shown = (first, second, np.abs(first - second))
    captions = ("Before", "After", f"Difference: at most {difference:.1e}")
    for column, picture, caption in zip(columns, shown, captions, strict=True):
        column.image(enlarged(np.clip(picture, 0, 1), 448), width=220, caption=caption, alt=f"Picture: {caption}")


def _predictions(selection: Selection, seed: int) -> None:
    """What every fitting trained model says before and after."""
    rows = shuffled_answers.shuffled_answers(selection, seed)
    if rows:
        st.markdown("**Predictions before and after**")
        change = st.column_config.NumberColumn(
            format="%.1e", help="Of a probability, or of the predicted accuracy; what is left is rounding."
        )
        st.dataframe(rows, hide_index=True, column_config={"largest change": change})
