"""Blend: from one INR to another through weight space, and why the order of hidden neurons matters on the way."""

import streamlit as st

from app import cached
from app.blend.views import second_network, show_blend
from app.components.network_picker import network_picker
from app.errors import end_page, reported

st.title("Blend")
with st.expander("What am I looking at?", icon=":material/help:"):
    st.markdown(
        "Two networks are two points in weight space; on the straight line between them lie more networks. What do "
        "they show? If hidden neuron 5 of one network does the work of neuron 12 of the other, the line mixes neurons "
        "that have nothing to do with each other.\n\n"
        "**Aligning** puts the neurons of the second network into the order, and gives them the signs, in which its "
        "weights are nearest to those of the first (weight matching, Ainsworth et al. 2023). That changes nothing of "
        "what the second network computes, only where its neurons stand.\n\n"
        "Try *a shuffled copy*: both ends show the same picture, and the plain way still leads through noise, while "
        "the aligned way does not move at all. Two networks that were trained apart have other neurons, not only other "
        "orders: aligning brings them nearer, and the middle is still no blend of the pictures."
    )
selection = network_picker(cached.is_inr, needs="an INR, a network that is a picture")
if selection is None:
    end_page()

with reported(stop=True):
    second, key, name = second_network(selection)
    show_blend(cached.network(selection), second, f"{cached.content_key(selection)}|{key}", name)
