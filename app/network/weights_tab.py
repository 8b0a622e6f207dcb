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
from ngcore.networks import Network

NO_BAR = {"displaylogo": False, "scrollZoom": False, "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"]}


@fragment
def weights_tab(selection: Selection) -> None:
    """Show the weights of one layer as pictures, and statistics of all tensors as a table."""
    network, colours = cached.network(selection), theme()
    names = [f"{position}.weight" for position in network.architecture.weight_layers]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        name = st.segmented_control(
            "Weights of",
            names,
            default=names[0],
            required=True,
            key=f"weights.layer{len(names)}",
            format_func=lambda name: f"{name}  {_shape(network, name)}",
        )
        is_log = st.toggle("Logarithmic counts", value=True, key="weights.log", persist_state="session")
    weight = network.parameters[name or names[0]][0].cpu().numpy()
    matrix_place, spread_place = st.columns([1.35, 1], gap="medium")
    with matrix_place:
        _matrix(weight, name or names[0], colours)
    with spread_place:
        st.markdown("**Weight distribution**")
        figure = draw_histogram(weight.ravel(), theme=colours, is_log=is_log)
        alt = f"Histogram of the {weight.size:,} weights; the table below has their statistics."
        st.plotly_chart(figure, height=380, key="weights.spread", config=NO_BAR, alt=alt)
    st.markdown("**All tensors**")
    st.dataframe(tensor_table(network), hide_index=True, column_config=_number_columns())


def _matrix(weight: np.ndarray, name: str, colours: Theme) -> None:
    """The matrix of a Linear; the kernels of a convolution, or their norms where there are too many."""
    axes: Any = {"x_title": "input", "y_title": "output"}
    if weight.ndim == 4 and max(weight.shape[:2]) <= MAX_KERNELS and weight.shape[2:] != (1, 1):
        st.markdown("**Kernels**, one for each pair of channels")
        figure = draw_kernels(weight, theme=colours)
    elif weight.ndim == 4:
        st.markdown("**Norms of the kernels**")
        norms = np.sqrt(np.square(weight.astype(float)).sum(axis=(2, 3)))
        figure = draw_heatmap(norms, theme=colours, value="norm", **axes)
    else:
        st.markdown("**Weight matrix**, one output per row")
        figure = draw_heatmap(weight, theme=colours, **axes)
    alt = f"The tensor {name} of shape {_sides(weight.shape)} as colours about zero; a table of its statistics follows."
    st.plotly_chart(figure, height=380, key="weights.matrix", config=NO_BAR, alt=alt)
    rows, columns = block_size(weight.reshape(weight.shape[0], -1) if weight.ndim == 2 else weight[:, :, 0, 0])
    if (rows, columns) != (1, 1):
        st.caption(f"A cell is the mean of {rows} × {columns} entries.")


def _shape(network: Network, name: str) -> str:
    return _sides(network.architecture.parameter_shapes[name])


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
