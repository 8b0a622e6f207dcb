"""Why models answer as they do about a network, computed once for all pages."""

from typing import TYPE_CHECKING, Literal

import streamlit as st

from app import answers, cached
from app.answers import Card
from app.state import Selection

if TYPE_CHECKING:
    from ngcore.networks import Network
    from ngcore.tasks import Explanation

Method = Literal["gradient", "occlusion"]


def explanation(card: Card, selection: Selection, method: Method) -> "Explanation":
    """What the parts of the selected network contribute to a model's answer."""
    key, device = cached.content_key(selection), str(cached.device())
    return _explain(card["name"], card["weights_sha256"], key, device, method, cached.network(selection))


@st.cache_resource(max_entries=32, show_spinner=False)
def _explain(name: str, weights: str, key: str, device: str, method: Method, _network: "Network") -> "Explanation":
    from ngcore.tasks import explain_by_gradient, explain_by_occlusion

    explain = explain_by_gradient if method == "gradient" else explain_by_occlusion
    return explain(answers.checkpoint(name, weights), _network)


def model_for(selection: Selection) -> Card | None:
    """The best model whose answer about the selected network can be explained; None for none."""
    is_inr = cached.is_inr(cached.network(selection).architecture)
    return next(iter(answers.cards_for(answers.CLASSIFY if is_inr else answers.PREDICT, selection)), None)


def unit_of(card: Card) -> tuple[int, str]:
    """What shares of a model's answer are multiplied with, and the unit that they are in then."""
    return (100, "points") if card["task"] == answers.PREDICT else (1, "log-odds")
