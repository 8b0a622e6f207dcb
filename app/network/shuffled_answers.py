"""The selected network with its hidden neurons shuffled, and what trained models say of it before and after."""

from typing import Any

import numpy as np
import streamlit as st
import torch

from app import answers, cached
from app.components.doubts import doubts_about
from app.errors import show_error
from app.network.permutation_lab import Shuffled, model_drift, shuffle
from app.sample_inputs import random_inputs
from app.state import Selection
from ngcore.errors import NeuralGraphError
from ngcore.networks import Network
from ngcore.tasks import classify_inrs, expect_not_blank, predict_accuracy

MAX_NETWORKS = 64
MAX_ROWS = 256


def shuffled(selection: Selection, seed: int) -> Shuffled:
    """The selected network with its hidden neurons and heads in the order that a seed draws."""
    return _shuffled(cached.content_key(selection), seed, cached.network(selection))


@st.cache_data(max_entries=MAX_NETWORKS, max_size="128MB", show_spinner=False)
def _shuffled(key: str, seed: int, _network: Network) -> Shuffled:
    inputs = [torch.from_numpy(x) for x in random_inputs(_network.architecture)]
    return shuffle(_network, inputs, seed=seed)


def shuffled_answers(selection: Selection, seed: int) -> list[dict[str, Any]]:
    """A row for every trained model that reads the selected network: both answers, and the largest change in them.

    Where something speaks against an answer there is a column of doubts.
    """
    rows = []
    for task in (answers.CLASSIFY, answers.PREDICT):
        for card in answers.cards_for(task, selection):
            try:
                rows.append(_row(card, selection, seed))
            except NeuralGraphError as error:
                show_error(f"{card['name']}: {error}")
    return rows


def _row(card: answers.Card, selection: Selection, seed: int) -> dict[str, Any]:
    network, key = cached.network(selection), cached.content_key(selection)
    before, after, change = _ask(
        card["name"],
        card["weights_sha256"],
        key,
        seed,
        network,
        shuffled(selection, seed).network,
    )
    said = {"before": in_words(card, before), "after": in_words(card, after)}
    doubts = doubts_about(card, network, key=key, zoo=selection.zoo)
    return {"model": card["name"], **said, "largest change": change, **({"doubts": doubts} if doubts else {})}


@st.cache_data(max_entries=MAX_ROWS, show_spinner="Asking the trained models …")
def _ask(
    name: str, weights: str, key: str, seed: int, _network: Network, _shuffled: Network
) -> tuple[np.ndarray, np.ndarray, float]:
    expect_not_blank(_network)
    model = answers.checkpoint(name, weights)
    ask = classify_inrs if model.card["task"] == answers.CLASSIFY else predict_accuracy
    before, after = (ask(model, network)[0].numpy().reshape(-1) for network in (_network, _shuffled))
    return before, after, model_drift(lambda stack: ask(model, stack), _network, seed=seed).error


def in_words(card: answers.Card, values: np.ndarray) -> str:
    """An answer in words, such as "7 (98.2%)" or "61.3% accuracy"."""
    if len(values) == 1:
        return f"{values[0]:.1%} accuracy"
    best = int(values.argmax())
    return f"{answers.class_names(card, len(values))[best]} ({values[best]:.1%})"
