"""Edit: an INR's picture is dilated by changing its weights, without ever looking at its pixels."""

import streamlit as st

from app import answers, cached
from app.components.edit_controls import edit_controls
from app.components.edit_views import show_exports, show_pictures, show_weight_changes, show_zoom
from app.components.network_picker import network_picker
from app.edit_steps import describe, take
from app.errors import reported

st.title("Edit")
with st.expander("What am I looking at?", icon=":material/help:"):
    st.markdown(
        "The selected network *is* a picture: it answers every coordinate with a brightness. A second network, trained "
        "on thousands of such pictures, reads its **weights** as a graph and answers with a change for each of them. "
        "The changed network shows the same picture with thicker strokes, a *dilation*. No pixel is looked at; the "
        "**target** is what a dilation of the pixels gives, and is shown to compare.\n\n"
        "The strength scales the change of the weights. *Apply again* edits the edited network once more."
    )
selection = network_picker(cached.is_inr, needs="an INR, a network that is a picture")
if selection is None:
    st.stop()

with reported(stop=True):
    cards = {card["name"]: card for card in answers.cards_for(answers.EDIT, selection)}
    if not cards:
        st.info("No trained model here edits networks of this kind.", icon=":material/info:")
        st.stop()
    taken = edit_controls(selection, cards)
    before, after = cached.network(selection), take(selection, taken, cards)
    show_pictures(selection, before, after, times=len(taken))
    st.subheader("Zoom in")
    show_zoom(selection, before, after, taken)
    st.subheader("Take it along")
    show_exports(selection, after, describe(taken))
    st.subheader("Change of the weights")
    show_weight_changes(before, after)
