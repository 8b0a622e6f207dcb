"""Whether a network is like those that a model was trained on: a calibrated p-value, and rules in plain sentences.

A model answers about any network, and is sure of itself far from what it knows. `judge_familiarity` is the one place
that says whether a network is of that kind. What can be seen beforehand: another architecture, weights of another size,
a picture of other brightness or contrast; what the model itself sees: an embedding far from those of its zoo.
"""

import dataclasses
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ngcore.inr import is_inr, render
from ngcore.networks import Activation, Architecture, Network
from ngcore.tasks.answers import embed_networks
from ngcore.tasks.calibration import FLAG_LEVEL
from ngcore.tasks.checkpoints import Checkpoint
from ngcore.tasks.reference import REFERENCE_FILE, Reference
from ngcore.tasks.traits import FAMILY_NAMES, family_of, measure_traits
from ngcore.zoo.storage import Zoo

MAX_COMPARED = 1_000  # networks of the zoo that ranges are taken from, evenly spaced
SLACK = 1.25  # weights larger or smaller than any by this factor are unlike them
MARGIN = 0.1  # share of the range of brightness or contrast by which a picture may leave it

MANY_ARCHITECTURES = 20  # a model that was trained on this many is expected to read others of such sizes

Range = tuple[float, float]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Familiarity:
    """Whether a network is like those that a model was trained on.

    Attributes:
        p_value: Share of the networks of the model's zoo that are at least as unusual, by run; None where the model
            was not calibrated. Below `level`, the network is unusual.
        parts: By kind of distance (see `ngcore.tasks.reference`) its own p-value; they say what is unusual.
        level: How often the p-value alone flags a network of the zoo.
        runs: Validation runs behind the p-value; it cannot be below 1 / (runs + 1).
        sentences: What speaks against the answer, the gravest first; empty where nothing does.
        rules: Those of the sentences that rules say whatever the p-value is.
    """

    p_value: float | None
    parts: Mapping[str, float]
    level: float
    runs: int
    sentences: tuple[str, ...]
    rules: tuple[str, ...] = ()

    @property
    def is_flagged(self) -> bool:
        """Whether the network is out of the zoo: its answers are then guesses, and intervals don't hold."""
        return bool(self.sentences)

    def to_dict(self) -> dict[str, Any]:
        """The fields and the flag as plain JSON."""
        return {
            **dataclasses.asdict(self),
            "parts": dict(self.parts),
            "sentences": list(self.sentences),
            "rules": list(self.rules),
            "is_flagged": self.is_flagged,
        }


def judge_familiarity(checkpoint: Checkpoint, network: Network, ranges: "Ranges | None" = None) -> list[Familiarity]:
    """Say of each network whether it is like those that the model was trained on.

    Args:
        checkpoint: The model; its p-values come from `ngcore calibrate`.
        network: N networks that the model can read.
        ranges: Of the zoo that it was trained on, by `find_ranges`; None where that is not available.

    Returns:
        One for each network.

    Raises:
        CheckpointError: If the model's reference is damaged.
        NotFiniteError: If a network has no finite embedding.
    """
    card, known = checkpoint.card, _architectures(checkpoint.card)
    rules = [tuple(_differences(card, known, network[i], ranges)) for i in range(len(network))]
    reference = load_reference(checkpoint)
    if reference is None:
        unknown = Familiarity(p_value=None, parts={}, level=FLAG_LEVEL, runs=0, sentences=())
        return [dataclasses.replace(unknown, sentences=said, rules=said) for said in rules]
    level = float(card["out_of_zoo"]["level"])
    traits = measure_traits(network)
    p_values = reference.p_values(embed_networks(checkpoint, network), traits)
    judged = []
    for i, said in enumerate(rules):
        parts = {part: float(values[i]) for part, values in p_values.items() if part != "all"}
        p_value, sentences = float(p_values["all"][i]), said
        if p_value < level:
            sentences = (_unusual(p_value, parts), *(said or reference.unusual_traits(traits[i])[:2]))
        found = Familiarity(p_value=p_value, parts=parts, level=level, runs=reference.num_runs, sentences=sentences)
        judged.append(dataclasses.replace(found, rules=said))
    return judged


def load_reference(checkpoint: Checkpoint) -> Reference | None:
    """The reference beside a checkpoint; None where it was not calibrated, or its file was left out.

    Raises:
        CheckpointError: If the file is damaged or another than its card names.
    """
    fields = checkpoint.card.get("out_of_zoo")
    if not fields or checkpoint.folder is None or not (checkpoint.folder / REFERENCE_FILE).is_file():
        return None
    return _loaded(checkpoint.folder, fields["sha256"])


@functools.lru_cache(maxsize=32)
def _loaded(folder: Path, sha256: str) -> Reference:
    return Reference.load(folder, sha256)


def _unusual(p_value: float, parts: Mapping[str, float]) -> str:
    """The sentence of a p-value below its level."""
    what = (
        "size, or that of its weights,"
        if min(parts, key=lambda part: parts[part]) == "traits"
        else "representation in the model"
    )
    return f"Its {what} is unusual: of the networks that the model knows, {p_value:.1%} are as far from the others."


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
    return _differences(card, _architectures(card), network, ranges)


def _differences(
    card: Mapping[str, Any], known: list[Architecture], network: Network, ranges: Ranges | None
) -> list[str]:
    if network.architecture in known:
        return [] if ranges is None else _outside(ranges, network)
    if len(known) < MANY_ARCHITECTURES:
        return [_other_architecture(card, network.architecture, known)]
    families = dict.fromkeys(map(family_of, known))
    if (own := family_of(network.architecture)) in families:
        return []  # sizes are compared by the p-value
    names = " and ".join(FAMILY_NAMES[family] for family in families)
    return [f"This network is of the family {FAMILY_NAMES[own]}; the model was trained on {names}."]


def describe(architecture: Architecture) -> str:
    """An architecture's name, with the frequencies of its sines."""
    sines = [
        layer.omega_0 for layer in architecture.layers if isinstance(layer, Activation) and layer.function == "sine"
    ]
    frequencies = ", ".join(f"{omega:g}" for omega in dict.fromkeys(sines))
    return f"{architecture.name} with ω₀ {frequencies}" if frequencies else architecture.name


def _architectures(card: Mapping[str, Any]) -> list[Architecture]:
    """The architectures that a model was trained on."""
    return [Architecture.from_dict(fields) for fields in card["model"]["architectures"]]


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
