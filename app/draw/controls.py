"""The controls of a fit, and how it goes while it runs."""

import random

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app import fits
from app.charts.fit_curve import draw_fit_curve
from app.charts.image_grid import data_address
from app.components.appearance import theme
from app.components.render_panel import enlarged
from app.draw.picture_source import PICTURE_WIDTH
from app.fits import MAX_SEED, Live, Target

RECIPE_KEY, SEED_KEY = "draw.recipe", "draw.seed"
CHART_HEIGHT = 210


def fit_controls(target: Target | None) -> tuple[Target, str, int] | None:
    """Let the user choose recipe and seed.

    Returns:
        What to fit now: target, recipe and seed; None as long as the user asks for no fit.
    """
    names = list(fits.recipes(target))
    st.session_state.setdefault(SEED_KEY, 0)
    with st.container(horizontal=True, vertical_alignment="bottom", key="fit-controls"):
        recipe = st.selectbox(
            "Recipe",
            names,
            key=RECIPE_KEY,
            width=230,
            persist_state="session",
            help="Models know the zoo's networks best. Quick is a third of the steps; thorough goes on until the "
            "picture is sharp.",
        )
        seed = st.number_input("Seed", 0, MAX_SEED, step=1, key=SEED_KEY, width=120, persist_state="session")
    with st.container(horizontal=True):
        wanted = st.button(
            "Fit a SIREN", type="primary", icon=":material/play_arrow:", key="draw.fit", disabled=target is None
        )
        again = st.button(
            "With another seed",
            icon=":material/casino:",
            key="draw.again",
            disabled=target is None,
            on_click=_random_seed,
            help="The same picture, other weights.",
        )
    if target is None or not (wanted or again):
        return None
    return target, recipe if recipe in names else names[0], int(np.clip(seed, 0, MAX_SEED))


def _random_seed() -> None:
    st.session_state[SEED_KEY] = random.randint(0, MAX_SEED)


def show_live(live: Live, picture: DeltaGenerator) -> None:
    """Run a fit and show how it goes; a click on anything stops it.

    Args:
        live: What is fitted.
        picture: The place for the picture so far.
    """
    place = st.empty()
    with place.container():
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(
                "Stop and keep this",
                icon=":material/stop:",
                key="draw.stop",
                help="Any other click on this page also stops it.",
            )
            bar = st.progress(0.0, text="Starting …", width=230)
        chart = st.empty()

    def show(live: Live) -> None:
        steps = live.config.steps
        bar.progress(live.step / steps, text=f"Step {live.step:,} of {steps:,}, {live.seconds_left:.0f} s left")
        if live.network is not None:
            shown = fits.show_of(live.network, live.target).clip(0, 1)
            picture.image(
                data_address(enlarged(shown, 2 * PICTURE_WIDTH)),
                width=PICTURE_WIDTH,
                alt="The picture so far",
                caption="The network so far",
            )
        chart.echarts_chart(draw_fit_curve(live.curve, steps, theme=theme()), height=CHART_HEIGHT, alt="PSNR so far")

    fits.run(live, show)
    place.empty()
