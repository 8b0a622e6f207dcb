"""Home: what this app is, a live example, what ships, and where to go."""

import streamlit as st

st.title("Neural graphs")
st.write("See, read, judge and edit neural networks with neural networks.")
