"""Whether calibrated answers hold what they promise: coverage on networks that calibration did not see."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ngcore.tasks.conformal import DEFAULT_LEVEL, POOLED, ROUNDING, quantile_of, spread_of, tempered
from ngcore.tasks.reading import Reading

BINS = 15  # of confidence, for its calibration error
CONFIDENCE = 0.99


@dataclasses.dataclass(frozen=True, kw_only=True)
class Coverage:
    """How often intervals, or sets of classes, held the truth.

    Attributes:
        group: "all", a family, or a group that was asked for.
        level: What was promised.
        coverage: Mean over runs of the share of networks whose truth was covered.
        size: Median width of the intervals, or mean number of classes in the sets.
        networks: Networks tested.
        runs: Runs tested.
        calibrated_on: Runs that the quantile comes from.
        low: Coverage is between `low` and `high` with probability 0.99 if the promise holds …
        high: … whatever runs were drawn for calibration and test. 1 for sets of classes: they always hold the likeliest
            class, and cover more than promised where that is right more often than `level`.
    """

    group: str
    level: float
    coverage: float
    size: float
    networks: int
    runs: int
    calibrated_on: int
    low: float
    high: float

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain JSON."""
        return dataclasses.asdict(self)


def measure_coverage(
    card: Mapping[str, Any],
    reading: Reading,
    *,
    level: float = DEFAULT_LEVEL,
    groups: Mapping[str, NDArray[np.bool_]] | None = None,
) -> list[Coverage]:
    """Coverage of all networks, of each family where there are several, and of further groups.

    Args:
        card: With the field "conformal".
        reading: What the model made of networks that it was not calibrated on.
        level: One of the levels on the card.
        groups: Further groups: by name, whether each network is in it.
    """
    is_covered, sizes, calibrated_on = _covered(card["conformal"], reading, level)
    families = np.unique(reading.families)
    named = {POOLED: np.ones(len(is_covered), bool)}
    named |= {str(family): reading.families == family for family in families if len(families) > 1}
    rows = []
    for name, own in {**named, **(groups or {})}.items():
        if not own.any():
            continue
        _, run, counts = np.unique(reading.runs[own], return_inverse=True, return_counts=True)
        share = float(np.mean(np.bincount(run, weights=is_covered[own].astype(float)) / counts))
        behind = int(calibrated_on[own].min())
        low, high = coverage_bounds(level, behind, len(counts))
        is_interval = card["conformal"]["kind"] == "interval"
        size = float(np.median(sizes[own]) if is_interval else sizes[own].mean())
        rows.append(
            Coverage(
                group=name,
                level=level,
                coverage=share,
                size=size,
                networks=int(own.sum()),
                runs=len(counts),
                calibrated_on=behind,
                low=low,
                high=high if is_interval else 1.0,
            )
        )
    return rows


def coverage_bounds(level: float, calibration_runs: int, test_runs: int) -> tuple[float, float]:
    """Between what coverage on `test_runs` lies with probability 0.99, for one network per run.

    The number of covered runs is beta-binomial: coverage given K calibration runs is Beta(K + 1 − l, l) with
    l = ⌊(K + 1)(1 − level)⌋ (Vovk 2012, "Conditional validity of inductive conformal predictors"). Several networks
    per run make coverage vary less.
    """
    from scipy.stats import betabinom

    missed = math.floor((calibration_runs + 1) * (1 - level) + ROUNDING)
    if missed == 0:
        return 1.0, 1.0
    law = betabinom(test_runs, calibration_runs + 1 - missed, missed)
    tail = (1 - CONFIDENCE) / 2
    return float(law.ppf(tail)) / test_runs, float(law.ppf(1 - tail)) / test_runs


def confidence_error(probabilities: NDArray[np.float64], labels: NDArray[np.int64], temperature: float = 1.0) -> float:
    """Expected calibration error: mean |accuracy − confidence| over bins of confidence, weighted by their networks.

    Args:
        probabilities: (networks, classes).
        labels: (networks,) true classes.
        temperature: See `tempered`.
    """
    own = tempered(probabilities, temperature)
    confidence, is_right = own.max(axis=1), own.argmax(axis=1) == labels
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = np.bincount(bins, weights=is_right - confidence, minlength=BINS)
    return float(np.abs(gaps).sum() / len(labels))


def _covered(
    calibration: Mapping[str, Any], reading: Reading, level: float
) -> tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.int64]]:
    """Whether the truth of each network was covered, the size of what covered it, and the runs behind that."""
    found = {family: quantile_of(calibration, level, str(family)) for family in np.unique(reading.families)}
    if calibration["kind"] == "classes":  # one quantile for all
        found = dict.fromkeys(found, quantile_of(calibration, level))
    infinite = {key: (math.inf if own[1] is None else own[1]) for key, own in found.items()}
    quantile = np.array([infinite[family] for family in reading.families])
    runs = np.array([found[family][2] for family in reading.families])
    truth, answers = reading.truth.double().numpy(), reading.answers.double().numpy()
    if calibration["kind"] == "interval":
        predicted = answers[:, 0]
        reach = quantile * spread_of(calibration)(predicted)
        low, high = np.clip(predicted - reach, 0, 1), np.clip(predicted + reach, 0, 1)
        return (low <= truth + ROUNDING) & (truth <= high + ROUNDING), high - low, runs
    is_in = answers >= 1 - quantile[:, None] - ROUNDING
    is_in[np.arange(len(answers)), answers.argmax(axis=1)] = True
    return is_in[np.arange(len(truth)), truth.astype(int)], is_in.sum(axis=1).astype(float), runs
