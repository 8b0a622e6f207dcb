"""The tab of the training run of a network: its checkpoints played as a film, beside the curve of accuracy."""

import math

import numpy as np
import streamlit as st

from app import cached
from app.charts.gaps import full_colour
from app.charts.image_grid import to_image
from app.charts.run_curve import draw_run_curve
from app.charts.tensor_pictures import histogram_picture, matrix_picture
from app.charts.theme import key_line, scale_key
from app.compare.partner import run_of, step_in_words
from app.components.appearance import theme
from app.errors import plain, reported
from app.partner import PARTNER, Partner
from app.state import Selection

FRAME_KEY, TENSOR_KEY, PLAYING_KEY = "compare_frame", "compare_film", "pair.playing"
SECONDS = 0.8  # between two frames
SIDE = 320
SHARE = 0.995  # quantile of all |weights| of the run at which the colour is full


def film_tab(selection: Selection) -> None:
    """Play the checkpoints of the run that a network is from."""
    run = run_of(selection)
    if len(run) < 2:
        st.info(
            "This network is no checkpoint of a training run; those of zoos of classifiers are.",
            icon=":material/info:",
        )
        return
    architecture = cached.network(selection).architecture
    with st.container(horizontal=True, vertical_alignment="bottom", key="pair-film"):
        name = st.selectbox(
            "Tensor",
            list(architecture.parameter_shapes),
            key=TENSOR_KEY,
            bind="query-params",
            persist_state="session",
            width=260,
        )
        is_playing = st.toggle("Play", key=PLAYING_KEY)
    st.fragment(_film, run_every=SECONDS if is_playing else None)(run, name)


def _film(run: list[Selection], name: str) -> None:
    with reported():
        _show_frame(run, name)


def _show_frame(run: list[Selection], name: str) -> None:
    """One checkpoint; while the film plays, the next one each time."""
    last = len(run)
    if st.session_state.get(PLAYING_KEY):
        shown = st.session_state.get(FRAME_KEY, 1)
        st.session_state[FRAME_KEY] = shown % last + 1
    frame = st.slider("Checkpoint", 1, last, key=FRAME_KEY, bind="query-params", persist_state="session") - 1
    tensors = [cached.network(one).parameters[name][0].float().cpu().numpy() for one in run]
    limit = full_colour(np.concatenate([own.ravel() for own in tensors]), SHARE)
    rows = [cached.row(one) for one in run]
    left, middle, right = st.columns([0.3, 0.3, 0.4], gap="medium")
    colours = theme()
    left.image(
        to_image(matrix_picture(tensors[frame], limit, theme=colours, side=SIDE)),
        width="stretch",
        caption=f"{plain(name)} as a matrix",
        alt=f"The tensor {name} at checkpoint {frame + 1} as colours about zero",
    )
    middle.image(
        to_image(histogram_picture(tensors[frame], limit, theme=colours, side=SIDE)),
        width="stretch",
        caption=f"Its weights from −{limit:.3g} to {limit:.3g}",
        alt=f"Histogram of the tensor {name} at checkpoint {frame + 1}",
    )
    with right:
        st.markdown(f"**{plain(step_in_words(run[frame]))}**")
        st.echarts_chart(
            draw_run_curve(
                [row.get("step", number) for number, row in enumerate(rows)],
                [row.get("accuracy", math.nan) for row in rows],
                frame,
                theme=colours,
            ),
            height=260,
            key="pair.curve",
            alt="Test accuracy of the checkpoints of this run; the one that is shown is marked",
        )
        st.button(
            "Compare with this checkpoint",
            icon=":material/compare:",
            key="pair.take_frame",
            on_click=PARTNER.set,
            args=(Partner(run[frame]),),
        )
    st.html(key_line(scale_key(f"weight, the same scale at all {last} checkpoints", limit, colours)))
