"""Edit: pictures are edited by changing the weights of the networks that they are, one network or many at once."""

import streamlit as st

from app import answers, cached
from app.components.doubts import show_degeneracy
from app.components.edit_ways import MANY, show_ways
from app.components.network_picker import network_picker
from app.errors import end_page, reported
from app.studio.batch_views import show_batch, show_mode
from app.studio.controls import edit_controls, show_problems
from app.studio.exports import show_main_exports
from app.studio.states import possible_edits, states
from app.studio.strengths import show_strength
from app.studio.studio import show_studio
from app.studio.views import choose_pair, show_view

st.title("Edit")
with st.expander("What am I looking at?", icon=":material/help:"):
    st.markdown(
        "The selected network *is* a picture: it answers every coordinate with a brightness. Here the picture is "
        "edited by changing the network's **weights**, in a chain of steps. Some edits are exact formulas: a rotated "
        "picture has other weights in the first layer, an inverted one in the last. Others, such as thicker strokes, "
        "take a second network, trained on thousands of such pictures, that reads the weights as a graph and answers "
        "with a change for each of them. No pixel is looked at; the **target** is what the same edits of the pixels "
        "give, and is shown to compare.\n\n"
        "The strength scales an edit: 0 is none, 1 is all of it. A formula holds at any strength; a trained model was "
        "taught strength 1, and what it does beyond is measured and said below the picture. Try *Rotate* with "
        "strength 2, a half turn, on a 6, and see what a model then reads in the weights."
    )
selection = network_picker(cached.is_inr, needs="an INR, a network that is a picture")
show_ways(selection)
if selection is None:
    end_page()

with reported(stop=True):
    show_degeneracy(selection)
    network = cached.network(selection)
    editors = answers.editors_for(selection.zoo, network.architecture)
    cards = {card["name"]: card for found in editors.values() for card in found}
    picture, controls = st.columns([0.6, 0.4], gap="large")
    with controls:
        mode = show_mode()
        chain = edit_controls(possible_edits(selection.zoo, network), cards)
    if mode == MANY:
        with picture:
            show_batch(selection, chain)
    else:
        found = states(selection, chain)
        with controls:
            show_problems(found)
            show_strength(found[-1])
            pair = choose_pair(found)
            show_main_exports(selection, found[-1])
        with picture, st.container(key="edit-picture", gap="small"):
            show_view(selection, found, pair)
        show_studio(selection, found, pair)
