"""The selected network with one layer damaged: what models predict and what is measured, each computed once."""

import dataclasses
from collections.abc import Sequence

import streamlit as st

from app import answers, cached, measured
from app.answers import Card
from app.state import Selection
from ngcore.errors import NeuralGraphError
from ngcore.networks import Network
from ngcore.tasks import WAYS, Measured, predict_accuracy, sweep_layer

MAX_ANSWERS = 4_096


@dataclasses.dataclass(frozen=True)
class Damage:
    """What is done to which network.

    Attributes:
        selection: The network.
        layer: Name of a step.
        how: Key of `WAYS`.
        image_set: The images that it is measured on; None for none.
    """

    selection: Selection
    layer: str
    how: str
    image_set: str | None

    @property
    def strengths(self) -> tuple[float, ...]:
        """Those of a sweep, the first of which changes nothing."""
        return WAYS[self.how].strengths

    def network(self, strength: float) -> Network:
        """The damaged network."""
        return sweep_layer(cached.network(self.selection), self.layer, self.how, (strength,))

    def key(self, strength: float) -> str:
        """Identifies the damaged network; the same for all that change nothing."""
        own = cached.content_key(self.selection)
        return own if strength == self.strengths[0] else f"{own}/{self.layer}:{self.how}:{strength:g}"

    def predicted(self, card: Card, strength: float) -> float | None:
        """What a model predicts; None where it has no answer."""
        return _predicted(
            card["name"], card["weights_sha256"], self.key(strength), str(cached.device()), self, strength
        )

    def measured(self, strength: float) -> Measured | None:
        """What it truly is on images; None where there are none."""
        if self.image_set is None:
            return None
        return measured.measure(self.key(strength), self.network(strength), self.image_set)


@st.cache_data(max_entries=MAX_ANSWERS, show_spinner=False)
def _predicted(name: str, weights: str, key: str, device: str, _damage: Damage, _strength: float) -> float | None:
    try:
        return float(predict_accuracy(answers.checkpoint(name, weights), _damage.network(_strength))[0])
    except NeuralGraphError:
        return None


@dataclasses.dataclass(frozen=True)
class Sweep:
    """Accuracies at every strength, in [0, 1].

    Attributes:
        predicted: One list per model, by its name.
        measured: Measured ones; None where there are no images.
    """

    predicted: dict[str, list[float | None]]
    measured: list[float] | None


def sweep(damage: Damage, cards: Sequence[Card]) -> Sweep:
    """All models and the measurement at every strength."""
    predicted = {card["name"]: [damage.predicted(card, strength) for strength in damage.strengths] for card in cards}
    if damage.image_set is None:
        return Sweep(predicted, None)
    truth = [damage.measured(strength) for strength in damage.strengths]
    return Sweep(predicted, [one.accuracy for one in truth if one is not None])
