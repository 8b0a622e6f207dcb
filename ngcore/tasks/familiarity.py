"""Whether a network is like those that a model was trained on, in plain sentences; few rules, each of them explained.

A model answers about any network, and is sure of itself far from what it knows. What can be seen beforehand: another
architecture, weights of another size, a picture of other brightness or contrast.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ngcore.inr import is_inr, render
from ngcore.networks import Activation, Architecture, Network
from ngcore.zoo.storage import Zoo

MAX_COMPARED = 1_000  # networks of the zoo that ranges are taken from, evenly spaced
SLACK = 1.25  # weights larger or smaller than any by this factor are unlike them
MARGIN = 0.1  # share of the range of brightness or contrast by which a picture may leave it

Range = tuple[float, float]


@dataclasses.dataclass(frozen=True)
class Ranges:
    """How large the weights of networks of one architecture are, and what their pictures are like.

    Attributes:
        weights: Smallest and largest root mean square of each tensor, by its name.
        pictures: Smallest and largest value of each statistic of the pictures; empty where they are no INRs.
    """

    weights: Mapping[str, Range]
    pictures: Mapping[str, Range]


def find_ranges(zoo: Zoo, architecture: Architecture) -> Ranges | None:
    """The ranges of a zoo's networks of an architecture; None where it has none."""
    rows = np.concatenate(
        [zoo.rows(architecture=key) for key, own in zoo.architectures.items() if own == architecture]
        or [np.array([], dtype=int)]
    )
    if not len(rows):
        return None
    chosen = rows[np.unique(np.linspace(0, len(rows) - 1, min(len(rows), MAX_COMPARED)).round().astype(int))]
    networks = zoo.networks(chosen)
    return Ranges(_bounds(_sizes(networks)), _bounds(_pictures(networks)))


def find_differences(card: Mapping[str, Any], network: Network, ranges: Ranges | None) -> list[str]:
    """How a network differs from those that a model was trained on; empty where nothing speaks against the answer.

    Args:
        card: Of the model.
        network: A stack of one.
        ranges: Of the zoo that it was trained on, by `find_ranges`; None where that is not available.
    """
    known = [Architecture.from_dict(fields) for fields in card["model"]["architectures"]]
    if network.architecture not in known:
        return [_other_architecture(card, network.architecture, known)]
    return [] if ranges is None else _outside(ranges, network)


def describe(architecture: Architecture) -> str:
    """An architecture's name, with the frequencies of its sines."""
    sines = [
        layer.omega_0 for layer in architecture.layers if isinstance(layer, Activation) and layer.function == "sine"
    ]
    frequencies = ", ".join(f"{omega:g}" for omega in dict.fromkeys(sines))
    return f"{architecture.name} with ω₀ {frequencies}" if frequencies else architecture.name


def _other_architecture(card: Mapping[str, Any], own: Architecture, known: list[Architecture]) -> str:
    names = list(dict.fromkeys(map(describe, known)))
    others = f"{', '.join(names[:3])}{' and others' if len(names) > 3 else ''}"
    is_named_alike = describe(own) in names
    this = "has other strides, norms or skips" if is_named_alike else f"is {describe(own)}"
    sentence = f"This network {this}; the model was trained on {others}. It may be wrong however sure it is."
    if card["model"]["config"]["kind"] in ("ng-gnn", "ng-t") and max(own.layer_sizes) > max(map(_width, known)):
        sentence += " On networks twice as wide as the known ones such models were right 19% of the time, and surer."
    return sentence


def _width(architecture: Architecture) -> int:
    return max(architecture.layer_sizes)


def _outside(ranges: Ranges, network: Network) -> list[str]:
    """A sentence for weights and one for the picture, each about the first number that lies outside."""
    sentences = []
    for name, size in _sizes(network).items():
        low, high = ranges.weights[name]
        if not low / SLACK <= (own := float(size[0])) <= high * SLACK:
            sentences.append(
                f"The weights in {name} are of size {own:.2g}; in the networks that the model knows, of {low:.2g} to "
                f"{high:.2g}."
            )
            break
    for name, value in _pictures(network).items():
        low, high = ranges.pictures[name]
        margin = MARGIN * (high - low)
        if not low - margin <= (own := float(value[0])) <= high + margin:
            sentences.append(
                f"The {name} of its picture is {own:.2f}; of those known to the model, {low:.2f} to {high:.2f}."
            )
            break
    return sentences


def _sizes(network: Network) -> dict[str, Float[Tensor, " networks"]]:
    """Root mean square of every tensor of parameters."""
    flat = {name: tensor.detach().flatten(1).double() for name, tensor in network.parameters.items()}
    return {name: tensor.square().mean(dim=1).sqrt() for name, tensor in flat.items()}


def _pictures(network: Network) -> dict[str, Float[Tensor, " networks"]]:
    """Statistics of the pictures of INRs; empty for others."""
    if not is_inr(network.architecture):
        return {}
    with torch.inference_mode():
        pixels = render(network).flatten(1).double()  # networks, pixels · channels
    return {
        "darkest value": pixels.amin(dim=1),
        "brightest value": pixels.amax(dim=1),
        "contrast": pixels.std(dim=1),
    }


def _bounds(values: Mapping[str, Tensor]) -> dict[str, Range]:
    return {name: (float(numbers.min()), float(numbers.max())) for name, numbers in values.items()}
