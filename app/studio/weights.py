"""How far edits moved the weights: per tensor, per neuron, and on the graph."""

import streamlit as st

from app.charts.gaps import full_colour
from app.charts.graph_svg import NodeValues, draw_graph_svg
from app.charts.layer_changes import draw_layer_changes
from app.charts.network_graph import draw_network_graph, edge_limit
from app.charts.theme import key_line, scale_key
from app.components.appearance import theme
from app.errors import fragment
from app.graph_view import GraphView, view_of
from app.studio.changes import difference, layer_changes, neuron_changes, neuron_sizes
from app.studio.states import State

NUM_EDGES = 400
NUM_NEURONS = 12
FULL_COLOUR = 0.95  # quantile of the neurons at which the colour is full, so that one outlier does not pale the rest
SIZE, BIAS = "change of all its weights", "change of its bias"
WEIGHT_CHANGE = "change of the weight"


@fragment
def show_weight_changes(before: State, after: State, name: str) -> None:
    """Show the change between two states; `name` begins the names of files."""
    rows = layer_changes(after.network, before.network)
    view = view_of(difference(after.network, before.network))
    left, right = st.columns([0.42, 0.58], gap="medium")
    with left:
        st.markdown("**Per layer**")
        st.echarts_chart(
            draw_layer_changes(
                [str(row["tensor"]) for row in rows], [float(row["relative change"]) for row in rows], theme=theme()
            ),
            height=230,
            key="edit.layers",
            alt="How far each tensor of parameters moved; numbers are in the table",
        )
        _table(rows, "edit.layer_table")
        st.caption("Sizes are root mean squares over the tensor.")
        st.markdown("**Neurons that changed most**")
        _table(neuron_changes(view, view_of(before.network), NUM_NEURONS), "edit.neuron_table")
        st.caption("Length of the change of all incoming weights and the bias.")
    with right:
        _show_graph(view, name)


def _table(rows: list[dict[str, str | int | float]], key: str) -> None:
    digits = ("size before", "change", "largest change", "change of the bias")
    st.dataframe(
        rows,
        hide_index=True,
        height=220,
        key=key,
        column_config={column: st.column_config.NumberColumn(format="%.4f") for column in digits}
        | {"relative change": st.column_config.NumberColumn(format="percent")},
    )


def _show_graph(view: GraphView, name: str) -> None:
    edges = view.strongest(NUM_EDGES)
    st.markdown(f"**On the graph:** the {min(NUM_EDGES, len(view.order)):,} weights that changed most")
    coloured = st.segmented_control(
        "Colour neurons by the",
        [SIZE, BIAS],
        default=SIZE,
        required=True,
        key="edit.neuron_colour",
        persist_state="session",
    )
    values = neuron_sizes(view) if coloured == SIZE else view.bias
    limit = full_colour(values, FULL_COLOUR)
    nodes = NodeValues(coloured or SIZE, values, limit, is_size=coloured == SIZE)
    spec = draw_network_graph(view, edges, theme=theme(), node_values=nodes.values, node_limit=nodes.limit)
    st.echarts_chart(
        spec, height=520, key="edit.graph", alt="The neural graph, weights and neurons coloured by their change"
    )
    st.html(
        key_line(
            scale_key(WEIGHT_CHANGE, edge_limit(view), theme(), lines=True),
            scale_key(nodes.title, nodes.limit, theme(), is_size=nodes.is_size),
        )
    )
    st.caption(f"They have {view.share(NUM_EDGES):.0%} of the total change of {len(view.order):,} weights.")
    st.download_button(
        "This drawing (.svg)",
        lambda: draw_graph_svg(view, edges, title=f"{name}: change", edge_title=WEIGHT_CHANGE, nodes=nodes),
        f"{name}-change.svg",
        "image/svg+xml",
        key="edit.change_svg",
        icon=":material/polyline:",
        on_click="ignore",
    )
