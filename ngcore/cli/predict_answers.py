"""What one model says about one network, as the plain fields that `ngcore predict` prints and writes as JSON."""

import functools
from typing import TYPE_CHECKING, Any

from ngcore.cli.inputs import InputNetwork
from ngcore.errors import NeuralGraphError, NotFiniteError

if TYPE_CHECKING:
    from ngcore.networks import Architecture, Network
    from ngcore.tasks import Checkpoint, Familiarity, Measured, Ranges

Change = tuple[str, str, float]
"""Layer, way and strength, see `ngcore.tasks.change_layer`."""

NUM_WHY = 5


def answer_about(checkpoint: "Checkpoint", given: InputNetwork, *, why: bool, change: Change | None) -> dict[str, Any]:
    """The answer, how far to trust it, and what else was asked for.

    Raises:
        NeuralGraphError: If the model has no answer.
    """
    from ngcore.tasks import expect_not_blank

    expect_not_blank(given.network)
    is_accuracy = checkpoint.card["task"] == "predict"
    answer = _accuracy(checkpoint, given) if is_accuracy else _classes(checkpoint, given)
    familiarity = _familiarity(checkpoint, given)
    answer["familiarity"] = familiarity.to_dict() if familiarity else None
    answer["warnings"] = list(familiarity.sentences) if familiarity else []
    if why:
        answer["why"] = _why(checkpoint, given.network)
    if change is not None and is_accuracy:
        answer["what_if"] = {"accuracy": _predict(checkpoint, changed(given.network, change))}
    return answer


def changed(network: "Network", change: Change) -> "Network":
    """The network with one layer damaged."""
    from ngcore.tasks import sweep_layer

    layer, how, strength = change
    return sweep_layer(network, layer, how, (strength,))


def measured(given: InputNetwork, network: "Network") -> "Measured | None":
    """The accuracy on images that ship; None where none fit, or it is open which do."""
    from ngcore.tasks import measurable_on, measure_on_images
    from ngcore.zoo import sample_images

    names = measurable_on(network.architecture)
    own = given.zoo.card.get("recipe", {}).get("images") if given.zoo else None
    names = [own] if own in names else names
    if len(names) != 1:
        return None
    try:
        return measure_on_images(network, sample_images(names[0]))
    except NeuralGraphError:
        return None  # this installation lacks the images


def _predict(checkpoint: "Checkpoint", network: "Network") -> float:
    from ngcore.tasks import predict_accuracy

    return float(predict_accuracy(checkpoint, network)[0])


def _accuracy(checkpoint: "Checkpoint", given: InputNetwork) -> dict[str, Any]:
    from ngcore.tasks import accuracy_interval, images_worth_of

    accuracy, card = _predict(checkpoint, given.network), checkpoint.card
    interval = accuracy_interval(card, accuracy, architecture=given.network.architecture)
    return {
        "accuracy": accuracy,
        "interval": interval.to_dict() if interval else None,
        "mean_absolute_error": card["metrics"].get("validation", {}).get("mean_absolute_error"),
        "images_worth": images_worth_of(card, _accuracies(card["corpus"]["name"])),
    }


def _classes(checkpoint: "Checkpoint", given: InputNetwork) -> dict[str, Any]:
    from ngcore.tasks import class_set, classify_inrs
    from ngcore.zoo import CLASS_NAMES

    probabilities = classify_inrs(checkpoint, given.network)[0]
    names = CLASS_NAMES.get(checkpoint.card["corpus"]["recipe"].get("image_set", ""), ())
    if len(names) != len(probabilities):
        names = tuple(map(str, range(len(probabilities))))
    best, likely = int(probabilities.argmax()), class_set(checkpoint.card, probabilities)
    return {
        "label": best,
        "class": names[best],
        "probability": float(probabilities[best]),
        "probabilities": dict(zip(names, probabilities.tolist(), strict=True)),
        "class_set": {**likely.to_dict(), "classes": [names[label] for label in likely.labels]} if likely else None,
    }


def _why(checkpoint: "Checkpoint", network: "Network") -> dict[str, Any]:
    from ngcore.tasks import explain_by_gradient

    return explain_by_gradient(checkpoint, network).to_dict(num_edges=NUM_WHY)


def _familiarity(checkpoint: "Checkpoint", given: InputNetwork) -> "Familiarity | None":
    """Whether the network is like those that the model knows; None where the model has no finite view of it."""
    from ngcore.tasks import judge_familiarity

    corpus = checkpoint.card["corpus"]["name"]
    is_own = given.zoo is not None and given.zoo.name == corpus
    try:
        return judge_familiarity(
            checkpoint, given.network, None if is_own else _ranges(corpus, given.network.architecture)
        )[0]
    except NotFiniteError:
        return None


@functools.lru_cache(maxsize=64)
def _ranges(zoo: str, architecture: "Architecture") -> "Ranges | None":
    """What the networks of a zoo are like; None where it is not available."""
    from ngcore.tasks import find_ranges
    from ngcore.zoo import Zoo, find_zoo

    try:
        return find_ranges(Zoo.open(find_zoo(zoo)), architecture)
    except NeuralGraphError:
        return None


@functools.lru_cache(maxsize=16)
def _accuracies(zoo: str) -> tuple[float, ...]:
    """The accuracies of the networks of a zoo; none where it is not available."""
    from ngcore.zoo import Zoo, find_zoo

    try:
        return tuple(Zoo.open(find_zoo(zoo)).metadata["accuracy"].tolist())
    except NeuralGraphError:
        return ()
