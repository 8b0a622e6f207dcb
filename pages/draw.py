"""Draw: a drawing, an image file or an image of a zoo becomes a network, fitted before the user's eyes."""

import streamlit as st

from app import fits
from app.draw.controls import fit_controls, show_live
from app.draw.picture_source import picture_source, show_target
from app.draw.views import show_fit, show_fits, show_small
from app.errors import reported

st.title("Draw")
with st.expander("What am I looking at?", icon=":material/help:"):
    st.markdown(
        "A SIREN is a small network that answers every place (x, y) with a brightness. Here one is trained, before "
        "your eyes, until it answers like your picture; from then on its weights *are* the picture. Other models then "
        "read those weights and say which digit they draw, and all other pages work with the new network.\n\n"
        "*PSNR* says how close it comes: 20 dB is a rough likeness, above 30 dB the eye hardly sees a difference. "
        "The *seed* chooses the random weights that the training starts from: with another seed the picture is the "
        "same and the weights are not."
    )

fits.keep_finished()  # a fit that a click has stopped
left, right = st.columns([0.42, 0.58], gap="large")
target = None
with left, reported():
    target = picture_source()
with right:
    if target is None:
        st.info("Draw a digit or choose a picture; then a network can be fitted to it.", icon=":material/draw:")
    with st.container(horizontal=True):
        target_place, picture_place = st.empty(), st.empty()
    asked = fit_controls(target)
    if asked:
        with target_place:
            show_target(asked[0])
        with reported():
            show_live(fits.begin(*asked), picture_place)
            fits.keep_finished()
    elif target is not None:
        with target_place:
            show_target(target)
    shown = fits.chosen()
    if shown and target is not None and shown.target.is_same(target):
        with picture_place:
            show_small(shown)

if shown:
    with reported():
        show_fit(shown)
with reported():
    show_fits()
