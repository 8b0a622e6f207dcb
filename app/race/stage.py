"""The race as one watches it: controls, curves, and the neural graph of every runner with its last update."""

import streamlit as st

from app.charts.colours import CATEGORIES
from app.charts.graph_svg import draw_graph_svg
from app.charts.race_curves import Curve, draw_race
from app.components.appearance import theme
from app.errors import repeating
from app.graph_view import TooManyEdgesError, view_of
from app.race.live import Live, advance, current, last_change

TICK_S = 0.7
NUM_EDGES = 250
STEPS_AT_ONCE = 10
BY_STEP, BY_TIME = "Steps", "Seconds"
ACCURACY, LOSS = "Accuracy", "Loss"


def stage() -> None:
    """Show the race of this session, and let it go on while it runs."""
    live = current()
    if live is None:
        return
    _view_controls()
    if live.is_running and not live.is_over:
        _running()
    else:
        _controls(live)
        _curves(live)
        _graphs(live)


def _view_controls() -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        st.segmented_control(
            "Against", [BY_STEP, BY_TIME], default=BY_STEP, required=True, key="race_against", bind="query-params"
        )
        st.segmented_control(
            "Show", [ACCURACY, LOSS], default=ACCURACY, required=True, key="race_show", bind="query-params"
        )


@repeating(TICK_S)
def _running() -> None:
    """A slice of the race, and how it stands then."""
    live = current()
    if live is None:
        return
    if live.is_running:
        advance(live)
    if live.is_over or not live.is_running:  # a click has paused it
        live.is_running = False
        st.rerun()
    _controls(live)
    _curves(live)


def _controls(live: Live) -> None:
    steps, total = live.race.step, live.setup.steps
    with st.container(horizontal=True, vertical_alignment="center"):
        if not live.is_over:
            label, icon = ("Pause", "pause") if live.is_running else ("Go on", "play_arrow")
            st.button(label, icon=f":material/{icon}:", key="race.pause", on_click=_toggle)
            if not live.is_running:
                st.button(
                    f"{STEPS_AT_ONCE} steps",
                    icon=":material/skip_next:",
                    key="race.step",
                    on_click=_step,
                )
        st.progress(steps / total, text=f"Step {steps:,} of {total:,}", width=320)


def _toggle() -> None:
    live = current()
    if live is not None:
        live.is_running = not live.is_running


def _step() -> None:
    live = current()
    if live is not None:
        advance(live, steps=STEPS_AT_ONCE)


def _curves(live: Live) -> None:
    by_time = st.session_state.get("race_against") == BY_TIME
    shows_loss = st.session_state.get("race_show") == LOSS
    curves = []
    for lane, runner in zip(live.setup.lanes, live.race.runners, strict=True):
        points = [
            (
                standing.seconds if by_time else float(standing.step),
                standing.loss[0] if shows_loss else 100 * standing.accuracy[0],
            )
            for standing in runner.standings
        ]
        curves.append(Curve(lane.name, points))
    spec = draw_race(
        curves,
        x_title="seconds" if by_time else "step",
        y_title="cross-entropy" if shows_loss else "accuracy in %",
        x_max=None if by_time else live.setup.steps,
        theme=theme(),
    )
    what = "Loss" if shows_loss else "Accuracy"
    st.echarts_chart(spec, height=380, key="race.curves", alt=f"{what} of every optimiser on 1,000 test images")
    st.caption("On 1,000 test images. Seconds are those of training alone, on one core of this server.")


def _graphs(live: Live) -> None:
    """The last update of every runner on the neural graph."""
    st.markdown("**The last update of each, on the neural graph**")
    columns = st.columns(len(live.setup.lanes))
    for number, (column, lane) in enumerate(zip(columns, live.setup.lanes, strict=True)):
        change = last_change(live, number)
        with column:
            colour = CATEGORIES[number % len(CATEGORIES)]
            st.html(f"<span style='color:{colour}'>●</span> {lane.name}")
            if change is None:
                st.caption("No step yet.")
                continue
            try:
                view = view_of(change)
            except TooManyEdgesError as error:
                st.caption(str(error))
                continue
            svg = draw_graph_svg(
                view, view.strongest(NUM_EDGES), title=lane.name, edge_title="change of a weight", theme=theme()
            )
            st.image(svg, alt=f"Neural graph of the network that {lane.name} trains, edges coloured by their change")
