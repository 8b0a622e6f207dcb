"""Home: what this app is, a live example, what ships, and where to go."""

import streamlit as st

from app import page_table
from app.errors import reported
from app.home.live_example import live_example
from app.home.what_ships import checkpoint_table, zoo_table

CARD_WIDTH, CARD_HEIGHT = 262, 116

LESSON = """
**Why is a picture a network?** Train a small network to answer, for every place (x, y), how bright a picture is there.
When it answers well, its 1,185 weights *are* the picture: ask it at every place and you see it again, at any size.

**Why a graph?** Lay out the same weights in rows and columns and the order of the neurons shows, although it means
nothing: swap two hidden neurons together with their weights and the network computes the same. A graph has no such
order. Neurons become its nodes, biases belong to nodes, weights become its edges.

**What reads such a graph?** Another network, one that passes messages along edges. Trained on thousands of small
networks it learns to say which digit a network draws, how well a network will classify pictures that it has never
seen, or which weights must change for the digit to become thicker.

**Try this in class**
1. On *Network graph*, take a network that draws a digit. Which neurons have the strongest weights? Click one, walk on.
2. There, press *Shuffle hidden neurons*. What changes in the drawing, what in the picture? Why not exactly nothing?
3. On *Map*, find two groups that lie far apart. Open a network of each. What tells them apart?
4. On *Edit*, make a digit thicker twice. When does it stop being the same digit?
"""

st.title("Neural graphs")
st.markdown(
    "A trained network is a graph: neurons are its nodes, weights its edges. Other networks can read that graph and "
    "tell what the network shows, how well it will do, or how to change it. Here you can watch all of this on real "
    "networks, or bring your own."
)
with reported():
    live_example()

st.subheader("Where to go")
names = [name for name in page_table.TABLE if name != page_table.HOME]
with st.container(horizontal=True):
    for name in names:
        with st.container(border=True, width=CARD_WIDTH, height=CARD_HEIGHT):
            st.page_link(page_table.page(name))
            st.caption(page_table.TABLE[name].summary)

st.subheader("What is here")
st.markdown("**Zoos**: networks trained on real images")
with reported():
    zoo_table()
st.markdown("**Models** that read networks")
with reported():
    checkpoint_table()

with st.expander("For teachers and students: the ideas in five minutes", icon=":material/school:"):
    st.markdown(LESSON)
