"""Lab: the three checks of the paper on one network: symmetry, probes, extremes."""

import streamlit as st

from app import answers
from app.components.doubts import show_degeneracy
from app.components.network_picker import network_picker
from app.errors import end_page, reported
from app.lab import checking
from app.lab.extremes_tab import extremes_tab
from app.lab.probes_tab import probes_tab
from app.lab.symmetry_tab import symmetry_tab

st.title("Lab")
with st.expander("What am I looking at?", icon=":material/help:"):
    st.markdown(
        "Three checks of models that read networks. *Symmetry*: does an answer stay the same where the network "
        "computes the same? *Probes*: what does running the network on a few inputs add? *Extremes*: what becomes of "
        "answers as networks grow far wider and deeper than those in training?\n\n"
        "Where an answer must be the same by the way a model is built, and is not, the check says *broken*. Where it "
        "need not be, the table says why. `ngcore check` prints the same."
    )
selection = network_picker()
if selection is None:
    end_page()
with reported(stop=True):
    show_degeneracy(selection)
    cards = checking.readers(selection)
    names = st.multiselect(
        "Models",
        list(cards),
        default=[name for name, card in cards.items() if card["task"] != answers.EDIT],
        key=f"lab.models.{selection.zoo}.{len(cards)}",
        placeholder="None: only the network itself" if cards else "No trained model reads this network",
    )
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        copies = st.slider("Copies for each symmetry", 1, 32, 4, key="lab.copies", persist_state="session", width=220)
        is_asked = st.button("Run checks", type="primary", icon=":material/science:", key="lab.run")
    found = checking.known(selection, names, copies)
    if is_asked and found is None:
        bar = st.progress(0.0, "Checking …")
        found = checking.run(selection, {name: cards[name] for name in names}, copies, bar.progress)
        bar.empty()
    if found is None:
        st.info("Press *Run checks* to check this network; it takes a few seconds.", icon=":material/info:")

symmetry, probes, extremes = st.tabs(["Symmetry", "Probes", "Extremes"], key="lab_tab", bind="query-params")
if symmetry.open:
    with symmetry, reported():
        symmetry_tab(selection, found)
if probes.open:
    with probes, reported():
        probes_tab()
if extremes.open:
    with extremes, reported():
        extremes_tab(selection, found)
