"""How far edits moved the weights: per tensor, per neuron, and on the graph."""

import streamlit as st

from app.charts.layer_changes import draw_layer_changes
from app.components.appearance import theme
from app.components.graph_pair import GraphPair, show_graph_pair
from app.errors import fragment
from app.graph_view import view_of
from app.studio.changes import layer_changes, neuron_changes
from app.studio.states import State
from app.viewer.changes import difference

NUM_NEURONS = 12


@fragment
def show_weight_changes(before: State, after: State, name: str) -> None:
    """Show the change between two states; `name` begins the names of files."""
    rows = layer_changes(after.network, before.network)
    view = view_of(difference(after.network, before.network))
    st.markdown("**On the graph**")
    show_graph_pair(
        GraphPair(
            keys=(before.key, after.key),
            networks=(before.network, after.network),
            names=(f"Before: {before.name}", f"After: {after.name}"),
            file_name=name,
            word="change",
            is_picture=True,
        ),
        key="edit.graph",
        parameter="edit_graph",
    )
    left, right = st.columns(2, gap="medium")
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
    with right:
        st.markdown("**Neurons that changed most**")
        _table(neuron_changes(view, view_of(before.network), NUM_NEURONS), "edit.neuron_table")
        st.caption("Length of the change of all incoming weights and the bias.")


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
