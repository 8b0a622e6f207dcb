"""What the sidebar shows below the pages: the selected network, and the device."""

import streamlit as st

from app import cached, state
from app.errors import plain


def show_selection() -> None:
    """Name the network that all pages look at."""
    selection = state.selected()
    if selection is None or not cached.exists(selection):
        return
    label = cached.label_name(selection)
    st.caption("Selected network")
    st.markdown(f"**{plain(cached.title(selection))}**" + (f"  \nlabel {plain(label)}" if label else ""))


def show_device() -> None:
    """Say what computes, and let the user choose where there is a choice."""
    from ngcore.device import available_devices, describe_device

    names = available_devices()
    if len(names) > 1:
        st.selectbox("Device", ["auto", *names], key=state.DEVICE_KEY, persist_state="session")
        st.caption(describe_device(cached.device()))
    else:
        st.caption(f":material/memory: {describe_device(cached.device())}")
