"""The tab of the exports: network and tensors as files, the graph for other programs, the Python of the view."""

import io
import re
from collections.abc import Callable, Mapping

import streamlit as st
from PIL import Image

from app import cached
from app.components.appearance import is_dark
from app.components.render_panel import SIZES
from app.errors import fragment
from app.graph_view import GraphView
from app.network.graph_files import graph_svg, graphml, npy, pyg_data, python_code
from app.network.offline_graph import MAX_PAGE_EDGES, offline_page
from app.network.weight_table import MAX_WEIGHTS, weight_table
from app.state import Selection
from app.viewer.sent import has_whole_view
from ngcore.networks import Network
from ngcore.upload import export_network

PAGE_HEIGHT = 520
PNG_SIDE = 512


@fragment
def export_tab(selection: Selection) -> None:
    """Offer what of the selected network can be taken along."""
    network = cached.network(selection)
    has_view = has_whole_view(network.architecture)
    name = selection.file_name
    with st.container(horizontal=True):
        _button(
            "Network (.safetensors)",
            lambda: _safetensors(selection),
            f"{name}.safetensors",
            icon="download",
            is_main=True,
            hint="Its tensors and its architecture; this app and `ngcore` read it back bit for bit.",
        )
        if network.architecture.num_parameters <= MAX_WEIGHTS:
            _button(
                "Weights (.csv)",
                lambda: weight_table(network),
                f"{name}-weights.csv",
                icon="table",
                hint="One row per edge of the graph.",
            )
        if cached.is_inr(network.architecture):
            _button(f"Picture ({PNG_SIDE} × {PNG_SIDE}, .png)", lambda: _png(selection), f"{name}.png", icon="image")
    _tensor(network, name)
    st.markdown("**Graph**")
    with st.container(horizontal=True):
        if has_view:
            title = f"{cached.title(selection)}, {network.architecture.name}"
            _button(
                "Drawing (.svg)", lambda: graph_svg(cached.graph_view(selection), title), f"{name}.svg", icon="draw"
            )
            _button(
                "GraphML",
                lambda: graphml(cached.graph_view(selection)),
                f"{name}.graphml",
                icon="hub",
                hint="For Gephi, yEd, Cytoscape and networkx.",
            )
        _button(
            "PyTorch Geometric (.pt)",
            lambda: pyg_data(network),
            f"{name}-graph.pt",
            icon="scatter_plot",
            hint="A `Data` with x, edge_index and edge_attr.",
        )
    st.caption("The view as you see it is saved by PNG and SVG above the drawing in the graph tab.")
    st.markdown("**Stand-alone HTML**")
    if has_view:
        _page(cached.graph_view(selection), name)
    else:
        st.markdown("The network has too many weights for a page of its own; the graph tab shows its layers.")
    st.markdown("**Python**")
    st.code(python_code(selection, f"{name}.safetensors"), language="python")


def _button(
    label: str, data: Callable[[], bytes | str], file: str, *, icon: str, hint: str | None = None, is_main: bool = False
) -> None:
    """A button whose file is made when it is clicked."""
    st.download_button(
        label,
        data,
        file,
        key=f"export.{file.rpartition('.')[2]}.{icon}",
        icon=f":material/{icon}:",
        on_click="ignore",
        type="primary" if is_main else "secondary",
        help=hint,
    )


def _tensor(network: Network, name: str) -> None:
    """Any tensor as a file of numpy."""
    shapes = network.architecture.parameter_shapes
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox(
            "Tensor", list(shapes), key="export.tensor", width=360, format_func=lambda key: _with_shape(key, shapes)
        )
        if chosen is not None:
            safe = re.sub(r"[^\w.-]", "-", chosen)
            _button("Tensor (.npy)", lambda: npy(network, chosen), f"{name}-{safe}.npy", icon="data_array")


def _with_shape(name: str, shapes: Mapping[str, tuple[int, ...]]) -> str:
    return f"{name}  {'×'.join(map(str, shapes[name]))}"


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


def _png(selection: Selection) -> bytes:
    picture = cached.image(selection, (max(PNG_SIDE, SIZES[0]),) * 2)
    file = io.BytesIO()
    Image.fromarray((picture * 255).round().astype("uint8")).save(file, format="PNG")
    return file.getvalue()
