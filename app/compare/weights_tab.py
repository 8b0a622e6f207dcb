"""The tab of the weights: distances, matrices side by side, and differences by layer and by neuron."""

from typing import Any

import numpy as np
import streamlit as st

from app.charts.gaps import full_colour
from app.charts.layer_changes import draw_layer_changes
from app.charts.tensor_pictures import as_matrix
from app.charts.theme import key_line, scale_key
from app.charts.two_networks import MAX_BARS, draw_neuron_differences, draw_two_histograms
from app.charts.weights import block_size, draw_heatmap
from app.compare.order import choose_order
from app.compare.pair import Pair, aligned
from app.components.appearance import theme
from app.errors import fragment, plain
from ngcore.networks import Aligned, Network, NeuronDifferences, neuron_differences, tensor_differences

TENSOR_KEY, LOG_KEY = "compare_tensor", "compare_log"
NUM_NEURONS = 12
NAMES = ("first", "second")
NO_BAR = {"displaylogo": False, "displayModeBar": False}


@fragment
def weights_tab(pair: Pair) -> None:
    """Show how far apart the weights of two networks are."""
    if not pair.is_one_architecture:
        _other_architectures(pair)
        return
    moved = aligned(pair) if pair.can_align else None
    is_aligned = choose_order(moved)
    second = moved.network if moved is not None and is_aligned else pair.second
    rows = tensor_differences(pair.first, second)
    name = st.selectbox(
        "Tensor", [row.name for row in rows], key=TENSOR_KEY, bind="query-params", persist_state="session", width=260
    )
    name = name or rows[0].name
    _matrices(pair.first, second, name)
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown("**Difference per layer**")
        st.echarts_chart(
            draw_layer_changes(
                [row.name for row in rows], [row.relative for row in rows], theme=theme(), title="relative difference"
            ),
            height=max(160, 34 * len(rows) + 40),
            key="pair.layers",
            alt="How far apart each tensor of both networks is; the table below has the numbers",
        )
        _layer_table(rows)
    with right:
        _neurons(pair, second, name.rpartition(".")[0], moved if is_aligned else None)
    _histograms([_values(one, name) for one in (pair.first, second)], plain(name))


def _matrices(first: Network, second: Network, name: str) -> None:
    """The same tensor of both networks and its difference, in one scale of colours."""
    pair = [as_matrix(_values(one, name)) for one in (first, second)]
    limit = max(full_colour(matrix, 1.0) for matrix in pair)
    shown = {"First": pair[0], "Second": pair[1], "Second − first": pair[1] - pair[0]}
    for number, (column, (title, matrix)) in enumerate(zip(st.columns(3, gap="small"), shown.items(), strict=True)):
        with column:
            st.markdown(f"**{title}**")
            st.plotly_chart(
                draw_heatmap(matrix, theme=theme(), x_title="input", y_title="output", limit=limit),
                height=300,
                key=f"pair.matrix.{number}",
                config=NO_BAR,
                alt=f"{title}: the tensor {name} as colours about zero; the table below has its size",
            )
    st.html(key_line(scale_key("weight, and difference of weights", limit, theme())))
    if block_size(pair[0]) != (1, 1):
        height, width = block_size(pair[0])
        st.caption(f"A cell is the mean of {height} × {width} entries.")


def _layer_table(rows: list[Any]) -> None:
    st.dataframe(
        [
            {
                "tensor": row.name,
                "entries": row.count,
                "relative difference": row.relative,
                "difference": row.change,
                "largest": row.largest,
            }
            for row in rows
        ],
        hide_index=True,
        height="content" if len(rows) < NUM_NEURONS else 36 * NUM_NEURONS,
        key="pair.layer_table",
        column_config={column: st.column_config.NumberColumn(format="%.3g") for column in ("difference", "largest")}
        | {"relative difference": st.column_config.NumberColumn(format="percent")},
    )
    st.caption("Differences are root mean squares over the tensor; relative: as a share of the first network's.")


def _neurons(pair: Pair, second: Network, layer: str, moved: Aligned | None) -> None:
    """The neurons of the layer that the tensor is of as bars, and the neurons of all layers that differ most."""
    found = neuron_differences(pair.first, second)
    own = next((one for one in found if one.layer == layer), None)
    if own is not None:
        st.markdown(f"**Difference per neuron of layer {plain(layer)}**")
        given = next(one for one in neuron_differences(pair.first, pair.second) if one.layer == layer) if moved else own
        st.echarts_chart(
            draw_neuron_differences(
                given.relative.numpy(), own.relative.numpy() if moved is not None else None, theme=theme()
            ),
            height=260,
            key="pair.neurons",
            alt=f"How far apart each neuron of layer {layer} is; the table below has the largest ones",
        )
        if len(own.change) > MAX_BARS:
            st.caption(f"The first {MAX_BARS} of {len(own.change):,} neurons.")
    st.dataframe(
        _furthest(found),
        hide_index=True,
        height="content",
        key="pair.neuron_table",
        column_config={
            "difference": st.column_config.NumberColumn(format="%.3g"),
            "relative difference": st.column_config.NumberColumn(format="percent"),
        },
    )
    st.caption("Neurons that differ most, by all weights that lead into them and their bias.")


def _furthest(found: list[NeuronDifferences]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = [
        {"layer": one.layer, "neuron": number, "difference": float(change), "relative difference": float(relative)}
        for one in found
        for number, (change, relative) in enumerate(zip(one.change, one.relative, strict=True))
    ]
    return sorted(rows, key=lambda row: -row["difference"])[:NUM_NEURONS]


def _histograms(values: list[np.ndarray], what: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**Weight distribution of {what}**", width="stretch")
        is_log = st.toggle("Logarithmic counts", value=True, key=LOG_KEY, bind="query-params", persist_state="session")
    st.echarts_chart(
        draw_two_histograms(values, NAMES, theme=theme(), is_log=is_log),
        height=260,
        key="pair.histograms",
        alt=f"Histograms of {what} in both networks",
    )


def _other_architectures(pair: Pair) -> None:
    """What can still be said of the weights of networks of different architectures."""
    first, second = pair.first.architecture, pair.second.architecture
    st.info(
        f"Different architectures: {plain(first.name)} and {plain(second.name)}. A weight of one has no counterpart in "
        "the other, so that there are no differences by layer and no alignment. Compared are how the weights are "
        "distributed, what both networks compute, what models predict, and how near models find them.",
        icon=":material/info:",
    )
    st.dataframe(
        [
            {
                "network": name,
                "architecture": network.architecture.name,
                "parameters": network.architecture.num_parameters,
                "layers with weights": len({own.rpartition(".")[0] for own in network.parameters}),
                "standard deviation": float(_all_values(network).std()),
                "largest weight": network.largest,
            }
            for name, network in zip(NAMES, (pair.first, pair.second), strict=True)
        ],
        hide_index=True,
        key="pair.facts",
        column_config={
            "parameters": st.column_config.NumberColumn(format="localized"),
            "standard deviation": st.column_config.NumberColumn(format="%.3g"),
            "largest weight": st.column_config.NumberColumn(format="%.3g"),
        },
    )
    _histograms([_all_values(one) for one in (pair.first, pair.second)], "all parameters")


def _values(network: Network, name: str) -> np.ndarray:
    return network.parameters[name][0].float().cpu().numpy()


def _all_values(network: Network) -> np.ndarray:
    return network.flatten()[0].float().cpu().numpy()
