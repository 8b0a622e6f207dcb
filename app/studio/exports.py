"""What can be taken along of a chain of edits: networks, pictures, drawings, and the code that does it again."""

import streamlit as st

from app import state
from app.charts.gaps import full_colour
from app.charts.graph_svg import NodeValues, draw_graph_svg
from app.charts.image_grid import to_png
from app.errors import fragment, reported
from app.graph_view import MAX_EDGES, view_of
from app.state import Selection
from app.studio import session
from app.studio.chain import describe
from app.studio.code import START_FILE, python_code
from app.studio.states import State, render
from ngcore.networks import check_cost
from ngcore.upload import export_network

MIN_SIDE, MAX_SIDE, DEFAULT_SIDE = 28, 2048, 512
MAX_SVG_EDGES = 2_000
STATE_KEY = "edit.export_state"


def show_main_exports(selection: Selection, end: State) -> None:
    """The edited network as a file, and on to the other pages with it."""
    with st.container(horizontal=True, key="edit-take"):
        st.download_button(
            "Edited network (.safetensors)",
            lambda: export_network(end.network),
            f"{selection.file_name}-edited.safetensors",
            key="edit.export",
            icon=":material/download:",
            on_click="ignore",
            type="primary",
        )
        st.button(
            "Keep as my network",
            icon=":material/input:",
            key="edit.keep",
            on_click=_keep,
            args=(selection, end),
            disabled=not end.steps,
            help="Keep the edited network for this session and select it; the chain starts again.",
        )


def _keep(selection: Selection, end: State) -> None:
    kept = state.keep_network(end.network, f"{selection.short_id}, edited", notes=tuple(describe(end.steps)))
    state.select(zoo=kept.zoo, id=kept.id)
    session.reset()


@fragment
def show_exports(selection: Selection, found: list[State]) -> None:
    """Files of any state, and the code of the whole chain."""
    places = list(range(len(found)))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        last = st.session_state.get(STATE_KEY)
        st.session_state[STATE_KEY] = last if last in places else places[-1]  # a name may be new
        place = st.selectbox(
            "State",
            places,
            key=STATE_KEY,
            format_func=lambda i: found[i].name,
            width=220,
            persist_state="session",
        )
        side = st.number_input(
            "Resolution of the picture",
            MIN_SIDE,
            MAX_SIDE,
            DEFAULT_SIDE,
            key="edit.png_side",
            width=210,
            persist_state="session",
        )
    chosen = found[place]
    _show_files(chosen, f"{selection.file_name}-state-{place}", int(side))
    st.markdown("**The chain as code**")
    end = found[-1]
    code = python_code(selection, end)
    if selection.is_upload:
        st.caption(f"Save the start as `{START_FILE}` beside it: choose *Start* above.")
    st.code(code, language="python")
    st.download_button(
        "Code (.py)",
        code,
        f"{selection.file_name}-edit.py",
        "text/x-python",
        key="edit.code",
        icon=":material/code:",
        on_click="ignore",
    )


def _show_files(chosen: State, name: str, side: int) -> None:
    with st.container(horizontal=True):
        st.download_button(
            "Network (.safetensors)",
            lambda: export_network(chosen.network),
            f"{name}.safetensors",
            key="edit.export_one",
            icon=":material/download:",
            on_click="ignore",
        )
        with reported():
            _show_picture_file(chosen, name, side)
        st.download_button(
            "Graph (.svg)",
            lambda: _graph(chosen, name),
            f"{name}-graph.svg",
            "image/svg+xml",
            key="edit.svg",
            icon=":material/polyline:",
            on_click="ignore",
            disabled=chosen.network.architecture.num_parameters > MAX_EDGES,
            help="The neural graph as a vector drawing with a key, neurons coloured by bias.",
        )


def _show_picture_file(chosen: State, name: str, side: int) -> None:
    check_cost(chosen.network.architecture, num_inputs=side * side, max_bytes=None)
    st.download_button(
        f"Picture, {side} × {side} (.png)",
        lambda: to_png(render(chosen.network, (side, side))[0]),
        f"{name}-{side}.png",
        "image/png",
        key="edit.png",
        icon=":material/image:",
        on_click="ignore",
    )


def _graph(chosen: State, name: str) -> str:
    view = view_of(chosen.network)
    nodes = NodeValues("bias", view.bias, full_colour(view.bias, 0.98))
    return draw_graph_svg(view, view.strongest(MAX_SVG_EDGES), title=f"{name} ({chosen.name})", nodes=nodes)
