"""What trained models say about a network, cached: which models fit it, their answers, and how long they take."""

import dataclasses
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import streamlit as st
import torch

from app import cached, state
from app.byte_cache import remembered
from app.state import UPLOAD, Selection
from ngcore.errors import NeuralGraphError
from ngcore.networks import Architecture, Network
from ngcore.tasks import (
    can_read,
    change_of_inrs,
    changed_by,
    classify_inrs,
    edit_of,
    expect_not_blank,
    images_worth_of,
    load_checkpoint,
    predict_accuracy,
)
from ngcore.zoo import Zoo

Card = Mapping[str, Any]

CLASSIFY, PREDICT, EDIT = "classify", "predict", "edit"
MAX_ANSWERS = 512
MAX_EDIT_BYTES = 256 * 1024 * 1024
QUESTIONS = {CLASSIFY: "Which class?", EDIT: "How to edit?", PREDICT: "How accurate?"}
SCORES = {CLASSIFY: "accuracy", PREDICT: "kendall_tau", EDIT: "mse"}


def cards_for(task: str, selection: Selection) -> list[Card]:
    """Cards of the models that answer a question about the selected network, the best first.

    For a network of a zoo these are the models that were trained on that zoo; for any other, all that read networks
    with inputs and outputs like its own, those of the zoo that it is most like first.
    """
    return cards_that_read(task, cached.network(selection).architecture, zoo=selection.zoo)


def cards_that_read(task: str, architecture: Architecture, *, zoo: str = "") -> list[Card]:
    """Cards of the models that answer a question about networks of an architecture, the best first.

    Args:
        task: The question.
        architecture: Of the networks.
        zoo: Where they come from; models that were trained on other zoos step back if any was trained on it.
    """
    return _fitting(cached.checkpoints(task), zoo, architecture)


def editors_for(zoo: str, architecture: Architecture) -> dict[str, list[Card]]:
    """Cards of the models that edit such networks, the best first, by the name of their edit.

    Args:
        zoo: Name of the zoo that the networks come from; models that were trained on others step back, edit by edit.
        architecture: Of the networks.
    """
    groups: dict[str, list[Card]] = {}
    for card in cached.checkpoints(EDIT):
        groups.setdefault(edit_of(card), []).append(card)
    found = {name: _fitting(cards, zoo, architecture) for name, cards in groups.items()}
    return {name: cards for name, cards in found.items() if cards}


def _fitting(cards: Sequence[Card], zoo: str, architecture: Architecture) -> list[Card]:
    readable = [card for card in cards if can_read(card, architecture)]
    fitting = [card for card in readable if card["corpus"]["name"] == zoo] or readable
    near = _closest_zoo() if zoo == UPLOAD else None
    return sorted(fitting, key=lambda card: (card["corpus"]["name"] != near, _rank(card)))


def _closest_zoo() -> str | None:
    """The zoo that the selected network is most like."""
    selection = state.selected()
    return cached.closest_zoo(selection) if selection is not None and cached.exists(selection) else None


def _rank(card: Card) -> float:
    """The score, so that lower is better."""
    return score(card) if card["task"] == EDIT else -score(card)


def score(card: Card) -> float:
    """The figure by which models of a task are ranked, on validation networks; the worst where it is missing."""
    name = SCORES[card["task"]]
    worst = float("inf") if card["task"] == EDIT else float("-inf")
    return float(card["metrics"].get("validation", {}).get(name, worst))


def describe_score(card: Card) -> str:
    """The test figure of a card in words, such as "93.1% right (n = 10,000)"."""
    test = card["metrics"].get("test", {})
    name = SCORES[card["task"]]
    if name not in test:
        return "not measured"
    value = test[name]
    text = {CLASSIFY: f"{value:.1%} right", PREDICT: f"τ {value:.3f}", EDIT: f"MSE {value:.4f}"}[card["task"]]
    return f"{text} (n = {test['n']:,})"


def worth(card: Card) -> int | None:
    """How many labelled images a predicted accuracy is worth; None where that is not known."""
    zoo = cached.zoos().get(card["corpus"]["name"])
    measured = tuple(sorted(map(str, card["metrics"].get("validation", {}).items())))
    return _worth(measured, zoo.hash if zoo else "", card, zoo)


@st.cache_data(max_entries=MAX_ANSWERS, show_spinner=False)
def _worth(measured: tuple[str, ...], zoo_hash: str, _card: Card, _zoo: Zoo | None) -> int | None:
    return images_worth_of(_card, _zoo.metadata["accuracy"].to_numpy() if _zoo else ())


def mean_error(card: Card) -> float | None:
    """Mean absolute error of predicted accuracies on validation networks, in [0, 1]; None where it was not measured."""
    return card["metrics"].get("validation", {}).get("mean_absolute_error")


def describe_reading(card: Card) -> str:
    """What a model of INRs is given, in a sentence."""
    return f"{_describe_inputs(card)}{_describe_signs(card)}"


def _describe_signs(card: Card) -> str:
    """That an answer may depend on signs of neurons which change nothing of what the network computes."""
    config = card["model"]["config"]
    depends = config["kind"] in ("ng-gnn", "ng-t") and not config.get("is_sign_invariant")
    return " Its answer may change with the signs of neurons, which change nothing of the picture." if depends else ""


def _describe_inputs(card: Card) -> str:
    config = card["model"]["config"]
    count = config.get("num_probes", 0)
    if not count:
        return "The model is given the weights, not a picture."
    answers = f"its output at {count} points" + (" on a grid" if config.get("has_lattice") else " that the model chose")
    if config["kind"] == "output-probes":
        return f"The model is given {answers}, not the weights."
    return f"The model is given the weights, and {answers}."


def class_names(card: Card, count: int) -> list[str]:
    """Names of the classes that a model tells apart; their numbers where its zoo is not here."""
    name = card["corpus"]["name"]
    zoo = cached.zoos().get(name)
    names = zoo.card.get("class_names", ()) if zoo else ()
    return [str(text) for text in names] if len(names) == count else [str(number) for number in range(count)]


def answer(card: Card, selection: Selection) -> np.ndarray:
    """Class probabilities, or one predicted accuracy, of the selected network."""
    return answer_about(card, cached.network(selection), key=cached.content_key(selection))


def answer_about(card: Card, network: Network, *, key: str) -> np.ndarray:
    """The answer about a network from anywhere; `key` identifies the network."""
    return _answer(card["name"], card["weights_sha256"], key, str(cached.device()), network)[0]


@dataclasses.dataclass(frozen=True)
class Answered:
    """What several models said about one network.

    Attributes:
        cards: Of the models that answered.
        values: Their answers.
        errors: Why others did not, in words.
    """

    cards: list[Card]
    values: list[np.ndarray]
    errors: list[str]


def ask_all(cards: list[Card], selection: Selection) -> Answered:
    """Ask every model; one that is damaged or does not fit keeps no other from answering."""
    answered = Answered([], [], [])
    for card in cards:
        try:
            answered.values.append(answer(card, selection))
            answered.cards.append(card)
        except NeuralGraphError as error:
            answered.errors.append(f"{card['name']}: {error}")
    return answered


def milliseconds(card: Card, selection: Selection) -> float:
    """How long the model took for the selected network, once warm."""
    network, key = cached.network(selection), cached.content_key(selection)
    return _answer(card["name"], card["weights_sha256"], key, str(cached.device()), network)[1]


@st.cache_data(max_entries=MAX_ANSWERS, show_spinner=False)
def _answer(name: str, weights: str, key: str, device: str, _network: Network) -> tuple[np.ndarray, float]:
    expect_not_blank(_network)
    model = checkpoint(name, weights)
    ask = classify_inrs if model.card["task"] == CLASSIFY else predict_accuracy
    if (weights, device) not in _warm():
        ask(model, _network)
        _warm().add((weights, device))
    started = time.perf_counter()
    values = ask(model, _network)[0].float().cpu().numpy()
    return values.reshape(-1), 1000 * (time.perf_counter() - started)


@st.cache_resource(show_spinner=False)
def _warm() -> set[tuple[str, str]]:
    """Digests and devices of the models that have answered before: the first answer takes longer than all others."""
    return set()


def checkpoint(name: str, weights: str) -> Any:
    """A trained model on the chosen device; `weights` is the digest of its weights."""
    return _checkpoint(name, weights, str(cached.device()))


@st.cache_resource(max_entries=24, show_spinner=False)
def _checkpoint(name: str, weights: str, device: str) -> Any:

    return load_checkpoint(name, torch.device(device))


def edited(card: Card, network: Network, strength: float, *, key: str) -> Network:
    """INRs after an edit of some strength; `key` identifies the INRs. The model is asked once for all strengths."""
    change = _change(card["name"], card["weights_sha256"], key, str(cached.device()), network)
    return changed_by(card["name"], network, change, strength)


@remembered(max_bytes=MAX_EDIT_BYTES)
def _change(name: str, weights: str, key: str, device: str, _network: Network) -> Network:
    return change_of_inrs(checkpoint(name, weights), _network).detach()
