"""A sweep of learning rates: short races of every optimiser at several rates, as a small heat map."""

import dataclasses

import streamlit as st

from app.charts.race_curves import draw_sweep
from app.components.appearance import theme
from app.errors import repeating
from app.race.live import SWEEP, Live, advance, begin, current, stop
from app.race.setup import MAX_RATE, MIN_RATE, Lane, Setup, first_rate, methods, title_of
from app.race.stage import TICK_S

FACTORS = (0.1, 0.3, 1.0, 3.0, 10.0)
STEPS = 100


def sweep(setup: Setup) -> None:
    """Ask for a sweep, and show it."""
    st.caption(
        f"Every optimiser at {len(FACTORS)} rates, {STEPS} steps each, with cosine decay: which of them forgives a "
        "wrong rate?"
    )
    live = current(SWEEP)
    if live is not None and live.is_running and not live.is_over:
        st.button("Stop", icon=":material/stop:", key="race.sweep_stop", on_click=stop, args=(SWEEP,))
        _running()
        return
    if st.button("Sweep the rates", icon=":material/grid_on:", key="race.sweep_start"):
        begin(sweep_of(setup), SWEEP)
        st.rerun()
    if live is not None:
        _heat_map(live)


def sweep_of(setup: Setup) -> Setup:
    """The race of many that a sweep is."""
    lanes = [
        Lane(method, min(max(factor * first_rate(method), MIN_RATE), MAX_RATE), "cosine")
        for method in methods()
        for factor in FACTORS
    ]
    return dataclasses.replace(setup, lanes=tuple(lanes), steps=STEPS)


@repeating(TICK_S)
def _running() -> None:
    live = current(SWEEP)
    if live is None:
        return
    advance(live)
    if live.is_over:
        st.rerun()
    st.progress(live.race.step / STEPS, text=f"Step {live.race.step} of {STEPS}", width=320)


def _heat_map(live: Live) -> None:
    accuracies = [100 * runner.standings[-1].accuracy[0] for runner in live.race.runners]
    names = list(dict.fromkeys(title_of(lane.method) for lane in live.setup.lanes))
    rates = [f"{lane.learning_rate:.2g}" for lane in live.setup.lanes]
    rows = [accuracies[i : i + len(FACTORS)] for i in range(0, len(accuracies), len(FACTORS))]
    texts = [rates[i : i + len(FACTORS)] for i in range(0, len(rates), len(FACTORS))]
    spec = draw_sweep(names, [f"× {factor:g}" for factor in FACTORS], rows, texts, theme=theme())
    st.echarts_chart(
        spec, height=90 + 46 * len(names), key="race.heat_map", alt="Accuracy of every optimiser by learning rate"
    )
    st.caption(
        f"Accuracy in % on 1,000 test images after {live.race.step} steps; in small the rate. The middle column is "
        "where this page begins."
    )
