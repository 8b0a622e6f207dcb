"""The tab of the connections: weights below each other, guessed arcs dashed, and a way to correct them."""

from functools import partial

import streamlit as st

from app.charts.tensor_blocks import connections_html
from app.components.appearance import theme
from app.components.mirrored import mirrored
from app.errors import fragment, plain
from app.network.loose.blocks import row_of
from app.network.loose.finding import find_tensors
from app.network.loose.said import connections, corrections, forget_corrections, say_sources
from app.state import KeptWeights
from ngcore.upload.weights import Corrections

PER_PAGE = 40
MAX_CHOICES = 400  # tensors before and behind one that may be named as its source


@fragment
def connections_tab(kept: KeptWeights) -> None:
    """Draw a page of weights with what may connect them, and let the viewer say what does."""
    weights = [name for name in kept.file.likely_order if len(kept.file.tensors[name].shape) >= 2]
    names = find_tensors(kept, "loose.links", per_page=PER_PAGE, names=weights)
    if not names:
        return
    drawing, fields = st.columns([2, 1], gap="medium")
    with fields:
        _correct(kept, names, weights)
    links = connections(kept)
    place = {name: i for i, name in enumerate(names)}
    inner = [link for link in links if link.source in place and link.target in place]
    with drawing:
        arcs = [(place[link.source], place[link.target], link.is_guess) for link in inner]
        st.html(connections_html([row_of(kept.file, name) for name in names], arcs, theme()))
        outer = sum((link.source in place) != (link.target in place) for link in links)
        st.caption(
            "Dashed: guessed, as the sizes match. Solid: known by the names, or as you said."
            + (f" {outer:,} more lead to weights that do not show here." if outer else "")
        )


def _correct(kept: KeptWeights, names: list[str], weights: list[str]) -> None:
    """Fields that say after which weights one stands."""
    st.markdown("**Correct a connection**")
    target = st.selectbox("Weight", names, key=f"loose.target.{kept.file.sha256[:12]}.{names[0]}")
    sources = [link for link in connections(kept) if link.target == target]
    names_of_sources = [link.source for link in sources]
    st.multiselect(
        "It takes the outputs of",
        choices(weights, target, names_of_sources),
        **mirrored(
            "loose.sources", names_of_sources, partial(say_sources, kept, target), of=(kept.file.sha256, target)
        ),
        placeholder="Nothing: unconnected",
    )
    for link in sources:
        st.caption(plain(f"{link.source}: {link.reason}{', a guess' if link.is_guess else ''}"))
    if corrections(kept) != Corrections():
        st.button("Back to the guesses", key="loose.forget", on_click=lambda: forget_corrections(kept))


def choices(weights: list[str], target: str, chosen: list[str]) -> list[str]:
    """Weights that one may stand behind: the nearest in the file, and those that are chosen."""
    at = weights.index(target)
    near = weights[max(0, at - MAX_CHOICES // 2) : at + MAX_CHOICES // 2]
    return list(dict.fromkeys([name for name in [*chosen, *near] if name != target]))
