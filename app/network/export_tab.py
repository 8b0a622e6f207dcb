"""The tab of the exports: the network as a file, its graph as a page that works offline, its weights as a table."""

import functools
import io
import itertools

import numpy as np
import streamlit as st
from PIL import Image

from app import cached
from app.components.appearance import is_dark
from app.components.render_panel import SIZES
from app.errors import fragment
from app.graph_view import GraphView
from app.network.offline_graph import MAX_PAGE_EDGES, offline_page
from app.state import Selection
from app.viewer.sent import has_whole_view
from ngcore.upload import export_network

PAGE_HEIGHT = 520
PNG_SIDE = 512


@fragment
def export_tab(selection: Selection) -> None:
    """Offer what of the selected network can be taken along."""
    network = cached.network(selection)
    view = cached.graph_view(selection) if has_whole_view(network.architecture) else None
    name = selection.file_name
    with st.container(horizontal=True):
        st.download_button(
            "Network (.safetensors)",
            lambda: _safetensors(selection),
            f"{name}.safetensors",
            key="export.network",
            icon=":material/download:",
            on_click="ignore",
            type="primary",
            help="Its tensors and its architecture; this app and `ngcore` read it back bit for bit.",
        )
        if view is not None:
            st.download_button(
                "Weights (.csv)",
                functools.partial(weights_csv, view),
                f"{name}-weights.csv",
                "text/csv",
                key="export.weights",
                icon=":material/table:",
                on_click="ignore",
                help="One row per edge of the graph.",
            )
        if cached.is_inr(network.architecture):
            st.download_button(
                f"Picture ({PNG_SIDE} × {PNG_SIDE}, .png)",
                lambda: _png(selection),
                f"{name}.png",
                "image/png",
                key="export.picture",
                icon=":material/image:",
                on_click="ignore",
            )
    st.caption("To save a chart as a picture, point at it: the buttons appear in its upper right corner.")
    st.markdown("**Stand-alone HTML**")
    if view is None:
        st.markdown("The network has too many weights for one drawing or table; the graph tab shows its blocks.")
    else:
        _page(view, name)


def _page(view: GraphView, name: str) -> None:
    """The graph as a page of its own."""
    count = min(MAX_PAGE_EDGES, len(view.order))
    st.markdown(
        f"The graph as one HTML file that opens offline, with the {count:,} strongest of "
        f"{len(view.order):,} weights. Neurons can be dragged."
    )
    st.download_button(
        "Graph (.html)",
        lambda: offline_page(view, count),
        f"{name}-graph.html",
        "text/html",
        key="export.page",
        icon=":material/download:",
        on_click="ignore",
    )
    if st.toggle("Show it here", key="export.show"):
        page = offline_page(view, count, dark=is_dark())
        st.iframe(page, height=PAGE_HEIGHT, alt="The graph with neurons that can be dragged")


def _safetensors(selection: Selection) -> bytes:
    return export_network(cached.network(selection))


def weights_csv(view: GraphView) -> str:
    """Every edge as a row: the names of both neurons, the tensor entry, and the weights of its kernel."""
    import pandas

    names = np.array([view.node_name(node) for node in range(view.num_nodes)])
    weights = itertools.chain.from_iterable(map(_kernels_in_words, view.kernels))
    ends = {"from": names[view.source], "to": names[view.target]}
    table = pandas.DataFrame({**ends, "tensor": view.paths(), "weights": list(weights)})
    return table.to_csv(index=False, lineterminator="\r\n")  # as RFC 4180 has it


def _kernels_in_words(kernels: np.ndarray) -> list[str]:
    """The numbers of each kernel, row by row, with spaces between them."""
    rows = kernels.reshape(len(kernels), -1)
    form = " ".join(["%.9g"] * rows.shape[1])
    return [form % tuple(row) for row in rows.tolist()]


def _png(selection: Selection) -> bytes:
    picture = cached.image(selection, (max(PNG_SIDE, SIZES[0]),) * 2)
    file = io.BytesIO()
    Image.fromarray((picture * 255).round().astype("uint8")).save(file, format="PNG")
    return file.getvalue()
