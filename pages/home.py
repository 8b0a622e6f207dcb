"""Home: what this app is, a live example, what ships, and where to go."""

import streamlit as st

from app import page_table
from app.errors import reported
from app.home.live_example import live_example
from app.home.what_ships import checkpoint_table, zoo_table

CARD_WIDTH, CARD_HEIGHT = 262, 116

st.title("Neural graphs")
st.markdown(
    "A trained network is a graph: neurons are its nodes, weights its edges. Other networks can read that graph and "
    "tell what the network shows, how well it will do, or how to change it. Here you can watch all of this on real "
    "networks, or bring your own."
)
st.page_link(page_table.page("learn"), label="New here? Three short lessons show you around.", icon=":material/school:")
with reported():
    live_example()

st.header("Where to go")
names = [name for name in page_table.TABLE if name != page_table.HOME]
with st.container(horizontal=True, key="home-cards"):
    for name in names:
        with st.container(border=True, width=CARD_WIDTH, height=CARD_HEIGHT):
            st.page_link(page_table.page(name))
            st.caption(page_table.TABLE[name].summary)

st.header("What is here")
st.markdown("**Zoos**: networks trained on real images")
with reported():
    zoo_table()
st.markdown("**Models** that read networks")
with reported():
    checkpoint_table()
