"""Race: optimisers train the same network side by side, before the viewer's eyes."""

import streamlit as st

from app import state
from app.errors import reported
from app.race.live import begin, current, stop
from app.race.results import results
from app.race.setup import ask_setup
from app.race.stage import stage
from app.race.sweep import sweep

st.title("Race")
with st.expander("What am I looking at?", icon=":material/help:"):
    st.markdown(
        "An optimiser turns gradients into steps. Here several of them train copies of **one** network, from the same "
        "initial weights, on the same images in the same order; all that differs is the rule that makes the step. "
        "*Muon* makes every singular value of a matrix's step alike; *AdamW* divides each weight's step by the size "
        "of its gradients.\n\n"
        "Try a rate ten times as high, or a constant one: which optimiser forgives it? Then look at the neural graphs "
        "below the curves: where does each of them change the network?"
    )
with reported():
    setup = ask_setup(state.selected())
    if setup is not None:
        with st.container(horizontal=True):
            label = "Start" if current() is None else "Start again"
            if st.button(label, type="primary", icon=":material/flag:", key="race.start"):
                with st.spinner("To the start …"):
                    begin(setup)
            live = current()
            if live is not None:
                st.button("Clear", icon=":material/close:", key="race.clear", on_click=stop)
        if live is not None and live.setup != setup:
            st.caption("Below is the race that was started before these settings were changed.")
with reported():
    stage()
    results()
if setup is not None:
    with st.expander("Learning-rate sweep", icon=":material/grid_on:"), reported():
        sweep(setup)
