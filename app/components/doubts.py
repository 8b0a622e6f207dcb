"""What speaks against an answer: a network that computes nothing, or one unlike those that a model was trained on."""

from collections.abc import Sequence

import streamlit as st

from app import answers, cached
from app.answers import Card
from app.errors import plain
from app.state import Selection
from ngcore.errors import NeuralGraphError
from ngcore.networks import Network
from ngcore.tasks import Degeneracy, Familiarity, Ranges, find_degeneracy, find_ranges, judge_familiarity

MAX_NETWORKS = 256
WARNING = ":material/warning:"


def show_degeneracy(selection: Selection) -> Degeneracy:
    """Warn where the selected network computes nothing, or a layer of it does; say whether it is blank."""
    found = _degeneracy(cached.content_key(selection), cached.network(selection))
    if found.sentences:
        rest = " There is nothing that a model could read in it." if found.is_blank else ""
        st.warning(plain(" ".join(found.sentences) + rest), icon=WARNING)
    return found


@st.cache_data(max_entries=MAX_NETWORKS, show_spinner=False)
def _degeneracy(key: str, _network: Network) -> Degeneracy:
    return find_degeneracy(_network)


def show_differences(card: Card, selection: Selection) -> None:
    """Warn where the selected network is unlike those that a model was trained on."""
    sentences = familiarity(card, selection).sentences
    if sentences:
        st.warning(plain(" ".join(sentences)), icon=WARNING)


def familiarity(card: Card, selection: Selection) -> Familiarity:
    """Whether the selected network is like those that a model was trained on."""
    network = cached.network(selection)
    is_own = selection.zoo == card["corpus"]["name"]
    return judge(card, network, key=cached.content_key(selection), ranges=None if is_own else ranges_for(card, network))


def doubts_about(card: Card, network: Network, *, key: str, zoo: str = "") -> str:
    """What speaks against a model's answer about a network from anywhere, in sentences; empty where nothing does.

    Args:
        card: Of the model.
        network: A stack of one.
        key: Identifies the network.
        zoo: Name of its zoo; about networks of the zoo that the model was trained on there is no doubt.
    """
    if zoo == card["corpus"]["name"]:
        return ""
    try:
        return " ".join(judge(card, network, key=key, ranges=ranges_for(card, network)).sentences)
    except NeuralGraphError:
        return ""


def judge(card: Card, network: Network, *, key: str, ranges: Ranges | None = None) -> Familiarity:
    """Whether a network from anywhere is like those that a model was trained on; `key` identifies the network."""
    return _judge(card["name"], card["weights_sha256"], key, str(cached.device()), network, ranges)


@st.cache_data(max_entries=MAX_NETWORKS, show_spinner=False)
def _judge(name: str, weights: str, key: str, device: str, _network: Network, _ranges: Ranges | None) -> Familiarity:
    return judge_familiarity(answers.checkpoint(name, weights), _network, _ranges)[0]


def ranges_for(card: Card, network: Network) -> Ranges | None:
    """What the networks of the zoo of a model are like; None where the zoo is not here."""
    zoo = cached.zoos().get(card["corpus"]["name"])
    return None if zoo is None else _ranges(zoo.name, zoo.hash, network.architecture.id, network)


@st.cache_data(max_entries=MAX_NETWORKS, show_spinner=False)
def _ranges(zoo: str, zoo_hash: str, architecture: str, _network: Network) -> Ranges | None:
    return find_ranges(cached.zoo(zoo), _network.architecture)


def say_agreement(chosen: int, all_answers: Sequence[int]) -> None:
    """Say how many of the models give the answer of the chosen one; a warning where most give others."""
    agreeing, count = sum(answer == chosen for answer in all_answers), len(all_answers)
    if count < 2:
        return
    text = f"{agreeing} of {count} models give this answer."
    if 2 * agreeing < count:
        st.warning(f"Only {text}", icon=WARNING)
    else:
        st.caption(text)
