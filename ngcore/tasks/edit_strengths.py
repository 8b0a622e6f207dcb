"""What the strength of a trained edit is worth: its error from 0 to 2, and that of applying it more than once."""

import dataclasses
import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ngcore.inr import edit_images, render
from ngcore.networks import Network
from ngcore.tasks.answers import change_of_inrs, changed_by
from ngcore.tasks.checkpoints import Checkpoint
from ngcore.tasks.corpus import Corpus
from ngcore.tasks.problems import edit_of
from ngcore.zoo.originals import has_originals_at_hand, original_images

STRENGTHS = tuple(quarter / 4 for quarter in range(9))
TIMES = (2, 3)
MAX_NETWORKS = 1_000
SIDE = 28  # pixels of pictures whose originals are not available
FIELD = "strengths"


@dataclasses.dataclass(frozen=True)
class EditStrengths:
    """Errors of a trained edit, as its card has them.

    Attributes:
        n: Number of networks that it was measured on.
        split: Which networks these are.
        once: By strength, the MSE to the same edit of the pixels, and the MSE of the networks as they were.
        repeated: The same by how often the full edit is applied, of the pixels too.
    """

    n: int
    split: str
    once: dict[float, tuple[float, float]]
    repeated: dict[int, tuple[float, float]]

    @classmethod
    def of_card(cls, card: Mapping[str, Any]) -> "EditStrengths | None":
        """What a card says; None where nothing was measured."""
        found = card.get(FIELD)
        if not found:
            return None
        once = {row["strength"]: (row["mse"], row["mse_unedited"]) for row in found["once"]}
        repeated = {row["times"]: (row["mse"], row["mse_unedited"]) for row in found["repeated"]}
        return cls(found["n"], found["split"], once, repeated)

    def to_dict(self) -> dict[str, Any]:
        """As JSON; inverse of `of_card`."""
        names = ("mse", "mse_unedited")
        return {
            "n": self.n,
            "split": self.split,
            "once": [{"strength": key, **dict(zip(names, row, strict=True))} for key, row in self.once.items()],
            "repeated": [{"times": key, **dict(zip(names, row, strict=True))} for key, row in self.repeated.items()],
        }

    @property
    def useful_up_to(self) -> float:
        """The strength beyond which the edit is worse than none, between those measured; the largest if none is."""
        known = sorted(self.once)
        for low, high in itertools.pairwise(known):
            before, after = (self.once[strength][0] - self.once[strength][1] for strength in (low, high))
            if after > 0 and high > 1:
                share = before / (before - after) if before < 0 else 0.0
                return round(low + share * (high - low), 2)
        return known[-1]

    def remains(self, strength: float) -> float:
        """Share of the error of no edit that remains at a strength, linear between those measured; 0 at strength 0."""
        known = [own for own in sorted(self.once) if own > 0]
        shares = [_share(*self.once[own]) for own in known]
        return float(np.interp(strength, [0.0, *known], [shares[0], *shares])) if strength > 0 else 0.0

    def remains_repeated(self, times: int) -> float | None:
        """The same after this many full edits, one after the other; None where it was not measured."""
        if times == 1:
            return self.remains(1.0)
        return _share(*self.repeated[times]) if times in self.repeated else None


def _share(mse: float, unedited: float) -> float:
    return mse / unedited if unedited else float("inf")


def measure_strengths(checkpoint: Checkpoint, corpus: Corpus) -> EditStrengths:
    """Measure an editing model on networks that it was not trained on, on at most `MAX_NETWORKS` of them.

    The model is asked once for all strengths, as it answers with a change that is scaled; and once more for every
    repetition.

    Raises:
        CheckpointError: If the model does not edit.
        NotFiniteError: If it has no finite answer.
    """
    edit, count = edit_of(checkpoint.card), min(len(corpus), MAX_NETWORKS)
    once = {strength: np.zeros(2) for strength in STRENGTHS}
    repeated = {times: np.zeros(2) for times in TIMES}
    for network, images in _with_images(corpus, count, checkpoint.device):
        size = (images.shape[1], images.shape[2])
        given, change = render(network, size).cpu(), change_of_inrs(checkpoint, network)
        for strength, errors in once.items():
            edited = changed_by(checkpoint.name, network, change, strength)
            errors += _errors(render(edited, size).cpu(), given, edit_images(images, edit, strength))
        moved, target = changed_by(checkpoint.name, network, change, 1.0), edit_images(images, edit)
        for times in range(2, max(TIMES) + 1):
            moved = changed_by(checkpoint.name, moved, change_of_inrs(checkpoint, moved), 1.0)
            target = edit_images(target, edit)
            repeated[times] += _errors(render(moved, size).cpu(), given, target)
    return EditStrengths(
        count,
        corpus.split,
        {strength: _means(errors, count) for strength, errors in once.items()},
        {times: _means(errors, count) for times, errors in repeated.items()},
    )


def _with_images(corpus: Corpus, count: int, device: torch.device) -> Iterator[tuple[Network, Tensor]]:
    """Networks in chunks, and the images that they were fitted to; what they show where those are not available."""
    has_images = has_originals_at_hand(corpus.zoo)
    for index in torch.arange(count).split(128):
        for network, places in corpus.batch(index, device):
            if has_images:
                images = torch.from_numpy(original_images(corpus.zoo, corpus.rows[index[places].numpy()])).float() / 255
            else:
                images = render(network, (SIDE, SIDE)).clamp(0, 1).cpu()
            yield network, images


def _errors(edited: Tensor, given: Tensor, target: Tensor) -> Float[np.ndarray, " 2"]:
    """Sums over networks of the mean squared errors after the edit and without it."""
    return np.array([float((own - target).double().square().flatten(1).mean(dim=1).sum()) for own in (edited, given)])


def _means(sums: Float[np.ndarray, " 2"], count: int) -> tuple[float, float]:
    return float(sums[0] / count), float(sums[1] / count)
