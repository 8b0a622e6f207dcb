"""What an edit did: to the picture, to its distance from the target, and to the weights."""

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from app import state
from app.charts.image_grid import to_png
from app.charts.layer_changes import draw_layer_changes
from app.charts.network_graph import draw_network_graph, edge_limit
from app.charts.signed_image import draw_signed_image
from app.charts.theme import key_line, scale_key
from app.components.appearance import theme
from app.components.edit_controls import MAX_STRENGTH, set_last_strength
from app.components.export_tab import file_name
from app.components.render_panel import enlarged
from app.components.siren_view import siren_view
from app.edit_steps import Step, difference, layer_changes, target_of
from app.graph_view import view_of
from app.state import Selection

if TYPE_CHECKING:
    from ngcore.networks import Network

SIDE = 28  # pixels at which pictures are compared, as in training
SHOWN = 224
SIZES = (28, 64, 128, 256)
PNG_SIZES = (28, 64, 128, 256, 512, 1024)
CHANGE_LIMIT = 0.5
NUM_EDGES = 400


def render(network: "Network", side: int = SIDE) -> np.ndarray:
    """What an INR shows, not clipped: (side, side) or (side, side, 3)."""
    import torch

    from app import cached
    from ngcore.inr import render as render_stack

    with torch.inference_mode():
        return render_stack(network, (side, side), device=cached.device())[0].cpu().numpy()


def show_pictures(selection: Selection, before: "Network", after: "Network", *, times: int) -> None:
    """Before, after, target and differences side by side, and the distance from the target."""
    first, last = render(before), render(after)
    target, source = target_of(selection, first, times)
    side = st.segmented_control(
        "Pixels a side of before and after",
        SIZES,
        default=SIDE,
        required=True,
        key="edit.side",
        persist_state="session",
    )
    drawn = [render(network, side or SIDE).clip(0, 1) for network in (before, after)]
    again = "" if times == 1 else f", {times} times"
    pictures = {
        "Before": (drawn[0], "The picture before the edit"),
        "After": (drawn[1], "The picture after the edit"),
        "Target": (target, f"Dilation of {source} by 3 × 3 pixels{again}"),
        "After − before": (_signed(last - first), "What the edit changed"),
        "After − target": (_signed(last - target), "What is missing to the target"),
    }
    for column, (title, (pixels, alt)) in zip(st.columns(len(pictures)), pictures.items(), strict=True):
        column.image(enlarged(pixels, SHOWN * 2), caption=title, alt=alt, width="stretch")
    st.html(key_line(scale_key("difference", CHANGE_LIMIT, theme())))
    _show_errors(first, last, target, source + again)


def _show_errors(first: np.ndarray, last: np.ndarray, target: np.ndarray, source: str) -> None:
    untouched, reached = (float(np.square(image - target).mean()) for image in (first, last))
    with st.container(horizontal=True):
        st.metric("MSE to the target, unedited", f"{untouched:.4f}", border=True, width=230)
        st.metric(
            "MSE to the target, edited", f"{reached:.4f}", border=True, width=230, delta_color="inverse",
            delta=f"{(reached - untouched) / untouched:+.0%}" if untouched else None,
        )  # fmt: skip
        bright, brighter = (float(image.clip(0, 1).mean()) for image in (first, last))
        st.metric(
            "Mean brightness", f"{brighter:.3f}", f"{brighter - bright:+.3f}", border=True, width=230, delta_color="off"
        )
    st.caption(
        f"Compared at {SIDE} × {SIDE} pixels. The target is the 3 × 3 dilation of {source}: every pixel becomes the "
        "brightest of itself and its eight neighbours."
    )


def _signed(values: np.ndarray) -> np.ndarray:
    return draw_signed_image(values, CHANGE_LIMIT, theme=theme())


@st.fragment
def show_zoom(selection: Selection, before: "Network", after: "Network", taken: list[Step]) -> None:
    """Before and after to zoom into, with a strength to try; one step of editing can take it over."""
    st.caption(
        "Computed anew for every pixel of your screen: the picture of an INR has no pixels of its own. Zoom with the "
        "wheel or two fingers, drag to move, double-click to see all."
    )
    tried = siren_view(before, after, key="edit.zoom", pixels=SIDE, limit=CHANGE_LIMIT).strength
    strength = round(taken[0].strength * tried, 2)
    if len(taken) == 1 and strength != taken[0].strength and strength <= MAX_STRENGTH:
        is_taken = st.button(
            f"Edit with strength {strength:g}", icon=":material/check:", key="edit.take_strength",
            on_click=set_last_strength, args=(selection, taken, strength),
            help="The previewed strength becomes that of the edit above.",
        )  # fmt: skip
        if is_taken:
            st.rerun()


def show_weight_changes(before: "Network", after: "Network") -> None:
    """How far the edit moved the weights: per tensor, and on the graph."""
    rows = layer_changes(after, before)
    view = view_of(difference(after, before))
    edges = view.strongest(NUM_EDGES)
    left, right = st.columns([0.42, 0.58], gap="medium")
    with left:
        st.markdown("**Per layer**")
        st.echarts_chart(
            draw_layer_changes(
                [str(row["tensor"]) for row in rows], [float(row["relative change"]) for row in rows], theme=theme()
            ),
            height=250, key="edit.layers", alt="How far each tensor of parameters moved; numbers are in the table",
        )  # fmt: skip
        st.dataframe(
            rows, hide_index=True, height=250,
            column_config={
                name: st.column_config.NumberColumn(format="%.4f")
                for name in ("size before", "change", "largest change")
            } | {"relative change": st.column_config.NumberColumn(format="percent")},
        )  # fmt: skip
        st.caption("Sizes are root mean squares over the tensor.")
    with right:
        st.markdown(f"**On the graph:** the {min(NUM_EDGES, len(view.order)):,} weights that changed most")
        spec = draw_network_graph(
            view, edges, theme=theme(), node_values=view.bias, node_limit=float(np.abs(view.bias).max()) or 1.0
        )
        st.echarts_chart(
            spec, height=480, key="edit.graph", alt="The neural graph, weights and biases coloured by their change"
        )
        st.html(key_line(scale_key("change of the weight", edge_limit(view), theme(), lines=True)))
        st.caption(
            f"They have {view.share(NUM_EDGES):.0%} of the total change of {len(view.order):,} weights. Neurons are "
            "coloured by the change of their bias."
        )


def show_exports(selection: Selection, after: "Network", notes: list[str]) -> None:
    """Take the edited network along, as a file, as a picture, or to the other pages."""
    from ngcore.upload import export_network

    name = f"{file_name(selection)}-edited"
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.download_button(
            "Edited network (.safetensors)", lambda: export_network(after), f"{name}.safetensors", key="edit.export",
            icon=":material/download:", on_click="ignore", type="primary",
        )  # fmt: skip
        st.button(
            "Use it on the other pages", icon=":material/input:", key="edit.keep", on_click=_keep,
            args=(selection, after, tuple(notes)), help="Keep it for this session and select it.",
        )  # fmt: skip
        side = st.selectbox("Pixels a side of the picture", PNG_SIZES, index=3, key="edit.png_side", width=190)
        st.download_button(
            "Picture (.png)", lambda: to_png(render(after, side)), f"{name}-{side}.png", "image/png", key="edit.png",
            icon=":material/image:", on_click="ignore",
        )  # fmt: skip


def _keep(selection: Selection, after: "Network", notes: tuple[str, ...]) -> None:
    kept = state.keep_network(after, f"{selection.short_id}, edited", notes=notes)
    state.select(zoo=kept.zoo, id=kept.id)
