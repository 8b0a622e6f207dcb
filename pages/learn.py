"""Learn: three guided lessons, each step a link that sets up another page."""

import streamlit as st

from app.errors import reported
from app.learn.player import choose_lesson, play

st.title("Learn")
with st.expander("What am I looking at?", icon=":material/help:"):
    st.markdown(
        "Three lessons of four steps. Each step opens another page of this app, set up for it, asks you to try "
        "something there, and then asks a question here. Come back with the back button of your browser; your answers "
        "stay while the app is open.\n\n"
        "For a class: put a step on the projector, let everyone answer, then try it together. A lesson takes about "
        "fifteen minutes."
    )
with reported():
    play(choose_lesson())
