"""The tab of the weights: each layer's matrix, how its weights are spread, its kernels, and numbers of all layers."""

from typing import Any

import numpy as np
import streamlit as st

from app import cached
from app.charts.theme import Theme
from app.charts.weights import MAX_KERNELS, block_size, draw_heatmap, draw_histogram, draw_kernels
from app.components.appearance import theme
from app.errors import fragment
from app.state import Selection
from ngcore.networks import Architecture, Network

MAX_BUTTONS = 6
NO_BAR = {"displaylogo": False, "scrollZoom": False, "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"]}


@fragment
def weights_tab(selection: Selection) -> None:
    """Show the weights of one tensor as pictures, and statistics of all tensors as a table."""
    network, colours = cached.network(selection), theme()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        name = _tensor_picker(network)
        is_log = st.toggle(
            "Logarithmic counts", value=True, key="network_log", bind="query-params", persist_state="session"
        )
    weight = network.parameters[name][0].float().cpu().numpy()
    matrix_place, spread_place = st.columns([1.35, 1], gap="medium")
    with matrix_place:
        _matrix(weight, name, matrix_axes(network.architecture, name), colours)
    with spread_place:
        st.markdown("**Weight distribution**")
        figure = draw_histogram(weight.ravel(), theme=colours, is_log=is_log)
        alt = f"Histogram of the {weight.size:,} weights; the table below has their statistics."
        st.plotly_chart(figure, height=380, key="weights.spread", config=NO_BAR, alt=alt)
    st.markdown("**All tensors**")
    st.dataframe(tensor_table(network), hide_index=True, column_config=_number_columns())


def _tensor_picker(network: Network) -> str:
    """Buttons for a few tensors, a list to search for many; those that are no matrices come last."""
    architecture = network.architecture
    names = [f"{position}.weight" for position in architecture.weight_layers]
    if architecture.chain is None or not names or len(names) > MAX_BUTTONS:
        shapes = architecture.parameter_shapes
        names = sorted(shapes, key=lambda name: len(shapes[name]) < 2)
    options: Any = {
        "key": "network_tensor",
        "bind": "query-params",
        "format_func": lambda name: _with_shape(network, name),
    }
    if len(names) > MAX_BUTTONS:
        return st.selectbox("Tensor", names, width=420, **options)
    name = st.segmented_control("Weights of", names, default=names[0], required=True, **options)
    return name or names[0]


def matrix_axes(architecture: Architecture, name: str) -> tuple[str, str]:
    """What the rows and the columns of a tensor are."""
    layer_name, _, own = name.rpartition(".")
    layer = next(step.layer for step in architecture.steps if step.name == layer_name and step.layer.parameter_shapes())
    axes = [None if axis is None else axis.end for axis in layer.axes.get(own, ())]
    words = {"out": "output", "in": "input", None: "position"}
    rows = words[axes[0]] if axes else "entry"
    columns = words[axes[1]] if len(axes) > 1 else "hidden" if own == "weight_hh" else "position"
    return rows, "hidden" if own == "weight_hh" else columns


def _matrix(weight: np.ndarray, name: str, axes: tuple[str, str], colours: Theme) -> None:
    """The matrix of a tensor; kernels of convolutions, or their norms where there are too many."""
    rows, columns = axes
    titles: Any = {"x_title": columns, "y_title": rows}
    kernels = as_kernels(weight)
    if kernels is None:
        matrix = weight if weight.ndim == 2 else weight.reshape(len(weight) if weight.ndim else 1, -1)
        heading = f"**Matrix**, one {rows} per row" if weight.ndim > 1 else "**Vector**"
        st.markdown("**Weight matrix**, one output per row" if (rows, columns) == ("output", "input") else heading)
        figure = draw_heatmap(matrix, theme=colours, **titles)
    elif max(kernels.shape[:2]) <= MAX_KERNELS and kernels.shape[2:] != (1, 1):
        matrix = weight
        st.markdown("**Kernels**, one for each pair of channels")
        figure = draw_kernels(kernels, theme=colours)
    else:
        st.markdown("**Norms of the kernels**")
        matrix = np.sqrt(np.square(kernels.astype(float)).sum(axis=(2, 3)))
        figure = draw_heatmap(matrix, theme=colours, value="norm", **titles)
    alt = f"The tensor {name} of shape {_sides(weight.shape)} as colours about zero; a table of its statistics follows."
    st.plotly_chart(figure, height=380, key="weights.matrix", config=NO_BAR, alt=alt)
    if matrix.ndim == 2 and block_size(matrix) != (1, 1):
        height, width = block_size(matrix)
        st.caption(f"A cell is the mean of {height} × {width} entries.")


def as_kernels(weight: np.ndarray) -> np.ndarray | None:
    """Kernels of any number of axes as (channels, channels, height, width): depth and height one below the other."""
    if weight.ndim < 3:
        return None
    return weight.reshape(*weight.shape[:2], -1, weight.shape[-1])


def _with_shape(network: Network, name: str) -> str:
    return f"{name}  {_sides(network.architecture.parameter_shapes[name])}"


def _sides(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))


def tensor_table(network: Network) -> dict[str, list[Any]]:
    """Statistics of every tensor of a network, as columns."""
    table: dict[str, list[Any]] = {key: [] for key in ("tensor", "shape", "smallest", "largest", "mean", "spread")}
    for name, stack in network.parameters.items():
        values = stack[0].double()
        table["tensor"].append(name)
        table["shape"].append(_sides(tuple(values.shape)))
        numbers = (values.min(), values.max(), values.mean(), values.std(correction=0))
        for key, value in zip(("smallest", "largest", "mean", "spread"), numbers, strict=True):
            table[key].append(float(value))
    return table


def _number_columns() -> dict[str, Any]:
    number = st.column_config.NumberColumn
    columns = {key: number(key, format="%.4g") for key in ("smallest", "largest", "mean")}
    return {**columns, "spread": number("spread", format="%.4g", help="The standard deviation")}
