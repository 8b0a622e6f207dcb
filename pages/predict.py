"""Predict: what trained models read off a network's weights, its class or its accuracy."""

import streamlit as st

from app import answers, cached, page_table
from app.components.doubts import show_degeneracy
from app.components.network_picker import network_picker
from app.errors import end_page, reported, show_error
from app.predict.accuracy import accuracy_prediction
from app.predict.classes import class_prediction

st.title("Predict")
with st.expander("What am I looking at?", icon=":material/help:"):
    st.markdown(
        "A model reads the **weights** of the selected network as a graph and answers a question about it. For a "
        "network that is a picture (an INR) the question is what the picture shows; for a classifier it is which share "
        "of test images it gets right, without running it on a single one.\n\n"
        "An *interval* holds the true accuracy of nine networks in ten, if they are like those that the model was "
        "trained on. The *p-value* says how usual this network is among those; below 0.05 the answer is a guess. "
        "*Worth k labelled images*: testing a network on k labelled images would be as far off on average.\n\n"
        "Models with *probes* also run the network on a few learned inputs. *Baselines* read flat weights or their "
        "statistics, and show what the graph is good for."
    )
selection = network_picker()
if selection is None:
    end_page()

with reported(stop=True):
    if show_degeneracy(selection).is_blank:
        end_page()
    is_inr = cached.is_inr(cached.network(selection).architecture)
    cards = answers.cards_for(answers.CLASSIFY if is_inr else answers.PREDICT, selection)
    said = answers.ask_all(cards, selection)
with reported():
    if not cards:
        st.info(
            "No trained model here reads networks with such inputs and outputs.",
            icon=":material/info:",
        )
        st.page_link(page_table.page("network"), label="Look at its graph")
    elif said.cards and is_inr:
        class_prediction(selection, said)
    elif said.cards:
        accuracy_prediction(selection, said)
for error in said.errors:
    show_error(error)
