"""Network graph: one network, its neurons and weights, and what it does."""

import streamlit as st

from app.components.network_picker import network_picker

st.title("Network graph")
selection = network_picker()
