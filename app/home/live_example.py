"""A real network on the home page: its graph beside the picture that it is."""

import random

import streamlit as st

from app import cached, page_table, state
from app.charts.network_graph import draw_network_graph, edge_limit
from app.charts.theme import key_line, scale_key
from app.components.appearance import theme
from app.components.render_panel import enlarged
from app.errors import fragment
from app.state import Selection

SHOWN_KEY = "example.shown"
DRAWN_EDGES = 300
PICTURE_SIDE = 56


@fragment
def live_example() -> None:
    """Show the graph and the picture of an INR, and let the user take another one; nothing where there is no zoo."""
    choices = _choices()
    if not choices:
        return
    shown = st.session_state.get(SHOWN_KEY)
    if shown not in choices:
        shown = st.session_state[SHOWN_KEY] = choices[0]
    selection = Selection.parse(shown)
    if selection is None:
        return
    graph, picture = st.columns([2.1, 1], gap="large", vertical_alignment="center")
    with graph:
        _graph(selection)
    with picture:
        image = enlarged(cached.image(selection, (PICTURE_SIDE, PICTURE_SIDE)), 560)
        st.image(image, width="stretch", alt="The picture that this network computes")
        label = cached.label_name(selection)
        st.caption(f"The picture that this network computes, pixel by pixel (label {label}).")
        with st.container(horizontal=True):
            st.button(
                "Another example", icon=":material/casino:", on_click=_another, args=(choices,), key="example.next"
            )
            if st.button("Look inside", icon=":material/hub:", type="primary", key="example.open"):
                state.select(zoo=selection.zoo, id=selection.id)
                st.switch_page(page_table.page("network"), query_params={state.QUERY_PARAMETER: selection.key})


def _choices() -> list[str]:
    """Keys of test networks of the first zoo of INRs."""
    for zoo in cached.zoos().values():
        if all(cached.is_inr(architecture) for architecture in zoo.architectures.values()):
            rows = zoo.rows(split="test")
            return zoo.metadata["id"].iloc[rows if len(rows) else slice(None)].tolist()
    return []


def _another(choices: list[str]) -> None:
    st.session_state[SHOWN_KEY] = random.choice(choices)


def _graph(selection: Selection) -> None:
    view, colours = cached.graph_view(selection), theme()
    limit = float(abs(view.bias).max()) or 1.0
    spec = draw_network_graph(
        view,
        view.strongest(DRAWN_EDGES),
        theme=colours,
        node_values=view.bias,
        node_limit=limit,
        aspect=1.55,
    )
    alt = f"The neural graph of a network of {view.num_nodes} neurons, drawn in layers from left to right."
    st.echarts_chart(spec, height=400, key="example.chart", alt=alt)
    st.html(key_line(scale_key("weight", edge_limit(view), colours, lines=True), scale_key("bias", limit, colours)))
