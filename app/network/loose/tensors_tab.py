"""The tab of the tensors: each a block with its matrix, its histogram and its numbers, grouped by name; one closer."""

import itertools
import re
from html import escape

import numpy as np
import streamlit as st

from app.charts.tensor_blocks import card_html
from app.charts.theme import Theme
from app.charts.weights import draw_counts, draw_heatmap, draw_kernels
from app.components.appearance import theme
from app.errors import fragment
from app.network.loose.blocks import card_of, facts_of, has_kernels, small_picture
from app.network.loose.finding import find_tensors
from app.network.loose.said import connections
from app.network.weights_tab import NO_BAR
from app.state import KeptWeights
from ngcore.upload.weights import WeightTensor, first_kernels
from ngcore.upload.weights.thumbnail import MAX_KERNELS, as_matrix

PER_PAGE = 24
LARGE_SIDE = 256


@fragment
def tensors_tab(kept: KeptWeights) -> None:
    """Show a page of tensors, and one of them closer."""
    names = find_tensors(kept, "loose.tensors", per_page=PER_PAGE)
    if not names:
        return
    colours, links = theme(), connections(kept)
    blocks = [
        group_html(group, [card_html(card_of(kept.file, name, links), colours) for name in members])
        for group, members in itertools.groupby(names, key=group_of)
    ]
    st.html("".join(blocks))
    st.markdown("**One tensor closer**")
    name = st.selectbox("Tensor", names, key=f"loose.closer.{kept.file.sha256[:12]}.{names[0]}")
    if name is not None:
        _closer(kept, kept.file.tensors[name], colours)


def group_of(name: str) -> str:
    """The name of the layer of a tensor: what stands before its last piece."""
    return re.split(r"[./](?=[^./]*$)", name)[0] if re.search(r"[./]", name) else ""


def group_html(group: str, cards: list[str]) -> str:
    """The cards of one layer below its path in the tree."""
    path = " / ".join(escape(piece) for piece in re.split(r"[./]", group))
    return f"<div class='loose-group'>{path or '–'}</div><div class='loose-cards'>{''.join(cards)}</div>"


def _closer(kept: KeptWeights, tensor: WeightTensor, colours: Theme) -> None:
    """A tensor's matrix and kernels in large, and its distribution."""
    left, right = st.columns([1.35, 1], gap="medium")
    with left:
        way: str | None = "Matrix"
        if has_kernels(tensor):
            way = st.segmented_control("Show", ["Kernels", "Matrix"], default="Kernels", required=True, key="loose.way")
        if way == "Kernels":
            figure = draw_kernels(first_kernels(tensor), theme=colours)
        else:
            picture = small_picture(kept.file.sha256, tensor.name, LARGE_SIDE, tensor)
            figure = draw_heatmap(picture, theme=colours, x_title="column", y_title="row", size=as_matrix(tensor.shape))
        st.plotly_chart(figure, height=380, key="loose.matrix", config=NO_BAR, alt=f"Values, {facts_of(tensor)}.")
        if way == "Kernels" and max(tensor.shape[:2]) > MAX_KERNELS:
            st.caption(f"The first {MAX_KERNELS} channels of each side.")
        elif way == "Matrix" and max(as_matrix(tensor.shape)) > LARGE_SIDE:
            st.caption("A cell is the mean of a block of entries.")
    with right:
        summary = tensor.summary
        if summary.counts:
            figure = draw_counts(np.array(summary.counts), summary.edges, theme=colours)
            st.plotly_chart(figure, height=380, key="loose.counts", config=NO_BAR, alt="Histogram of the values.")
        st.caption(
            f"Largest finite |value| {summary.largest:.4g}; {summary.num_nan + summary.num_infinite:,} not finite."
        )
