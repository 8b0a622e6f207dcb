"""Split-conformal prediction by run: intervals for accuracies, sets of classes, and p-values, from a model's card.

The networks of one run resemble each other, so that they are not exchangeable; runs are. All quantiles here are those
of hierarchical conformal prediction (Lee, Barber & Willett 2023, "Distribution-free inference with hierarchical data",
Sec. 2): each of K runs weighs 1 / (K + 1), shared equally among its networks, and infinity weighs 1 / (K + 1). What
follows covers a random network of a new run with at least the stated probability. With one network per run it is
ordinary split conformal prediction (Vovk et al. 2005; Lei et al. 2018).
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from ngcore.errors import NeuralGraphError
from ngcore.networks import Architecture
from ngcore.tasks.traits import family_of

LEVELS = (0.5, 0.8, 0.9, 0.95, 0.99)
"""Coverages that calibration stores quantiles for."""

DEFAULT_LEVEL = 0.9
POOLED = "all"
ROUNDING = 1e-9
SMALLEST_PROBABILITY = 1e-30

Floats = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Interval:
    """Where the true accuracy of a network lies, with probability `level` if it is like those of the model's zoo.

    Attributes:
        low: Lower end, in [0, 1].
        high: Upper end, in [0, 1].
        level: Coverage.
        runs: Validation runs that it was calibrated on.
        family: The family (see `family_of`) whose runs those are; "all" where they are of all families.
        note: Why it says nothing, where that is so; else empty.
    """

    low: float
    high: float
    level: float
    runs: int
    family: str = POOLED
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain JSON."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClassSet:
    """The classes among which the true one is, with probability `level` if the network is like those of the zoo.

    Attributes:
        labels: The classes, the likeliest first; never none.
        level: Coverage.
        confidence: Calibrated probability of the likeliest class.
        runs: Validation runs (images) that it was calibrated on.
        note: Why it says nothing, where that is so; else empty.
    """

    labels: tuple[int, ...]
    level: float
    confidence: float
    runs: int
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain JSON."""
        return {**dataclasses.asdict(self), "labels": list(self.labels)}


def run_quantile(scores: Sequence[float] | Floats, runs: Sequence[Any] | NDArray[Any], level: float) -> float:
    """The smallest score that at least `level` of the K runs and one at infinity lie at or below.

    With one network per run: the ⌈level · (K + 1)⌉-th smallest score; of 9 scores at level 0.9 the largest.

    Args:
        scores: One per network.
        runs: The run of each network.
        level: In (0, 1).

    Returns:
        Infinity where there are too few runs: K / (K + 1) < level.

    Raises:
        NeuralGraphError: If the level is outside (0, 1), or scores and runs differ in number.
    """
    if not 0 < level < 1:
        raise NeuralGraphError(f"Expected a level between 0 and 1, got {level}.")
    values, shares, count = _weighted(scores, runs)
    order = np.argsort(values, kind="stable")
    reached = np.flatnonzero(np.cumsum(shares[order]) >= level * (count + 1) - ROUNDING)
    return float(values[order][reached[0]]) if len(reached) else math.inf


def run_p_values(
    scores: Sequence[float] | Floats, runs: Sequence[Any] | NDArray[Any], tested: Sequence[float] | Floats
) -> Floats:
    """How unusually large scores are: (1 + the share of each run at or above, summed over runs) / (K + 1).

    Args:
        scores: One per calibration network.
        runs: The run of each calibration network.
        tested: Scores to be judged.

    Returns:
        One p-value for each tested score. A random network of a new run has one of at most p with probability at most
        p, up to ties.
    """
    values, shares, count = _weighted(scores, runs)
    order = np.argsort(values, kind="stable")
    above = np.concatenate([np.cumsum(shares[order][::-1])[::-1], [0.0]])
    places = np.searchsorted(values[order], np.asarray(tested, dtype=np.float64), side="left")
    return (1 + above[places]) / (count + 1)


def _weighted(scores: Sequence[float] | Floats, runs: Sequence[Any] | NDArray[Any]) -> tuple[Floats, Floats, int]:
    """Scores, each one's share of its run, and the number of runs."""
    values = np.asarray(scores, dtype=np.float64)
    if values.shape != np.shape(runs):
        raise NeuralGraphError(f"Expected one run per score, got {values.shape} scores and {np.shape(runs)} runs.")
    _, run, sizes = np.unique(np.asarray(runs), return_inverse=True, return_counts=True)
    return values, 1.0 / sizes[run], len(sizes)


@dataclasses.dataclass(frozen=True)
class Spread:
    """How far predictions usually are from the truth, by predicted accuracy; linear between knots, constant outside.

    Attributes:
        predicted: Knots, increasing.
        residual: Mean |truth − prediction| near each.
    """

    predicted: tuple[float, ...]
    residual: tuple[float, ...]

    def __call__(self, predicted: Floats | float) -> Floats:
        """The usual distance at predicted accuracies."""
        return np.asarray(np.interp(predicted, self.predicted, self.residual))

    @classmethod
    def fit(cls, predicted: Floats, truth: Floats, *, num_knots: int = 6, per_knot: int = 10) -> "Spread":
        """Mean residuals in bins of equally many networks; one bin where there are few.

        Must not see the networks that intervals are calibrated on: with a spread fixed beforehand, coverage holds
        whatever the spread is (Lei et al. 2018, Sec. 5.2).
        """
        residual = np.abs(truth - predicted)
        floor = max(0.1 * float(residual.mean()), 1e-3)
        bins = np.array_split(np.argsort(predicted, kind="stable"), max(1, min(num_knots, len(predicted) // per_knot)))
        knots = {float(np.median(predicted[own])): max(floor, float(residual[own].mean())) for own in bins}
        return cls(tuple(sorted(knots)), tuple(knots[key] for key in sorted(knots)))


def accuracy_interval(
    card: Mapping[str, Any],
    accuracy: float,
    *,
    level: float = DEFAULT_LEVEL,
    architecture: Architecture | None = None,
) -> Interval | None:
    """The interval of a predicted accuracy: accuracy ± quantile · spread(accuracy), clipped to [0, 1].

    Args:
        card: Of the model.
        accuracy: As predicted.
        level: One of the levels stored on the card.
        architecture: Of the network: the interval is that of its family where the family was calibrated on enough runs
            (Mondrian conformal prediction: coverage holds in each family).

    Returns:
        None where the card has no calibration of intervals. [0, 1] with a note where there were too few runs.

    Raises:
        NeuralGraphError: If the level is not on the card.
    """
    calibration = card.get("conformal")
    if not calibration or calibration["kind"] != "interval":
        return None
    own = POOLED if architecture is None else family_of(architecture)
    family, quantile, runs = quantile_of(calibration, level, own)
    if quantile is None:
        return Interval(low=0.0, high=1.0, level=level, runs=runs, family=family, note=_too_few(level, runs))
    reach = quantile * float(spread_of(calibration)(accuracy))
    low, high = max(0.0, accuracy - reach), min(1.0, accuracy + reach)
    return Interval(low=low, high=high, level=level, runs=runs, family=family)


def class_set(
    card: Mapping[str, Any], probabilities: Float[Tensor, " classes"], *, level: float = DEFAULT_LEVEL
) -> ClassSet | None:
    """The likeliest class and all others whose probability is at least 1 − quantile (LAC, Sadinle et al. 2019).

    The quantile is that of 1 − p(true class). The confidence is that of softmax(logits / T), with the temperature T
    that fits the validation split best (Guo et al. 2017).

    Args:
        card: Of the model.
        probabilities: As `classify_inrs` answers for one network.
        level: One of the levels stored on the card.

    Returns:
        None where the card has no calibration of classes. All classes with a note where there were too few runs.

    Raises:
        NeuralGraphError: If the level is not on the card.
    """
    calibration = card.get("conformal")
    if not calibration or calibration["kind"] != "classes":
        return None
    _, quantile, runs = quantile_of(calibration, level)
    own = probabilities.detach().cpu().double().numpy()
    confidence = float(tempered(own[None], calibration["temperature"]).max())
    order = np.argsort(-own, kind="stable")
    is_in = np.ones(len(own), bool) if quantile is None else own[order] >= 1 - quantile - ROUNDING
    is_in[0] = True
    return ClassSet(
        labels=tuple(order[is_in].tolist()),
        level=level,
        confidence=confidence,
        runs=runs,
        note=_too_few(level, runs) if quantile is None else "",
    )


def tempered(probabilities: Floats, temperature: float) -> Floats:
    """softmax(logits / T) from softmax(logits), (networks, classes)."""
    logits = np.log(np.maximum(probabilities, SMALLEST_PROBABILITY)) / temperature
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def quantile_of(calibration: Mapping[str, Any], level: float, family: str = POOLED) -> tuple[str, float | None, int]:
    """The quantile of a family if it has one at this level, else that of all families together.

    Args:
        calibration: The field "conformal" of a card.
        level: One of its levels.
        family: See `family_of`.

    Returns:
        The family whose it is, the quantile (None: too few runs), and the number of runs behind it.

    Raises:
        NeuralGraphError: If the level is not among those stored.
    """
    groups = calibration["quantiles"]
    known = groups[POOLED]["levels"]
    key = next((key for key in known if abs(float(key) - level) < ROUNDING), None)
    if key is None:
        raise NeuralGraphError(f"Expected a level of {', '.join(known)}, got {level}.")
    if groups.get(family, {}).get("levels", {}).get(key) is None:
        family = POOLED
    return family, groups[family]["levels"][key], groups[family]["runs"]


def spread_of(calibration: Mapping[str, Any]) -> Spread:
    """The spread of residuals that a card's field "conformal" holds."""
    return Spread(tuple(calibration["spread"]["predicted"]), tuple(calibration["spread"]["residual"]))


def _too_few(level: float, runs: int) -> str:
    needed = math.ceil(level / (1 - level) - ROUNDING)
    return f"A level of {level:.0%} needs at least {needed} validation runs; there were {runs}."
