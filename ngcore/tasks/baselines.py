"""What accuracy predictions of models have to beat: baselines on the same networks, chosen by validation networks."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Bool, Float

from ngcore.errors import ZooError
from ngcore.tasks.accuracy_figures import Figures, accuracy_figures, final_checkpoints
from ngcore.tasks.baseline_features import (
    Features,
    earlier_accuracies,
    hyper_parameters,
    spectra,
    training_figures,
    weight_statistics,
)
from ngcore.tasks.boosting import Boosted, boost
from ngcore.zoo.metadata import SPLITS
from ngcore.zoo.storage import Zoo

KINDS_SHOWN = ("zoo", "family")
"""Columns within whose values the figures of a baseline are kept."""

Reads = Literal["nothing", "hyper-parameters", "weights", "both", "training images", "its own past"]


@dataclasses.dataclass(frozen=True)
class Subject:
    """The networks that a baseline is about.

    Attributes:
        zoo: Where they come from.
        rows: Their positions in its metadata.
    """

    zoo: Zoo
    rows: np.ndarray

    @classmethod
    def of(cls, zoo: Zoo, *, limit: int | None = None) -> "Subject":
        """All networks with an accuracy, or the first `limit` of each split.

        Raises:
            ZooError: If a split has no such network.
        """
        known = zoo.metadata["accuracy"].notna().to_numpy()
        parts = {split: (rows := zoo.rows(split=split))[known[rows]][:limit] for split in SPLITS}
        for split, rows in parts.items():
            if not len(rows):
                raise ZooError(
                    f"Expected {split} networks with accuracies in {zoo.name} ({zoo.folder}), got none; a sample of "
                    "test networks is not enough to choose baselines by: build the zoo."
                )
        return cls(zoo, np.sort(np.concatenate(list(parts.values()))))

    @functools.cached_property
    def accuracies(self) -> Float[np.ndarray, " networks"]:
        """Measured test accuracies."""
        return self.zoo.metadata["accuracy"].to_numpy()[self.rows]

    @functools.cached_property
    def final(self) -> Bool[np.ndarray, " networks"]:
        """Which are the last of their runs."""
        return final_checkpoints(self.zoo)[self.rows]

    def split(self, name: str) -> Bool[np.ndarray, " networks"]:
        """Which belong to a split."""
        return (self.zoo.metadata["split"].to_numpy() == name)[self.rows]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Prediction:
    """What a baseline says of every network.

    Attributes:
        of_all: By what ranks all validation networks best; None for a baseline of final checkpoints alone.
        of_final: By what ranks the final ones among them best.
        chosen: What was chosen for each, in JSON types.
    """

    of_all: Float[np.ndarray, " networks"] | None
    of_final: Float[np.ndarray, " networks"]
    chosen: dict[str, Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Baseline:
    """A way to predict accuracies without a model of networks.

    Attributes:
        words: What it is.
        reads: What it is told of a network.
        predict: Predicts the accuracies of all networks from those of the training networks.
    """

    words: str
    reads: Reads
    predict: Callable[[Subject], Prediction]


def measure_baseline(baseline: Baseline, subject: Subject) -> dict[str, Any]:
    """Figures of a baseline (see `accuracy_figures`) on validation and on test networks, and what was chosen.

    "final" comes from the choice for final checkpoints, the others from that for all; within `KINDS_SHOWN`, errors
    and ranks alone.
    """
    prediction = baseline.predict(subject)
    figures = {split: _figures(prediction, subject, split) for split in ("validation", "test")}
    return {**figures, "chosen": prediction.chosen}


def _figures(prediction: Prediction, subject: Subject, split: str) -> Figures:
    chosen = subject.split(split)
    final = _figures_of(prediction.of_final, subject, chosen & subject.final)
    if prediction.of_all is None:
        return {"n": 0, "final": final["final"], "kinds": shorten_kinds(final["kinds"])}
    figures = _figures_of(prediction.of_all, subject, chosen)
    kinds = {
        column: {value: own | {"final": final["kinds"][column][value]["final"]} for value, own in kind.items()}
        for column, kind in figures["kinds"].items()
        if set(final["kinds"].get(column, ())) == set(kind)
    }
    return {**figures, "final": final["final"], "kinds": shorten_kinds(kinds)}


def _figures_of(predicted: np.ndarray, subject: Subject, chosen: np.ndarray) -> Figures:
    if not chosen.any():
        raise ZooError(f"Expected final checkpoints in every split of {subject.zoo.name}, got one without.")
    pair = torch.tensor(predicted[chosen]), torch.tensor(subject.accuracies[chosen])
    return accuracy_figures(*pair, subject.zoo, subject.rows[chosen])


def shorten_kinds(kinds: Mapping[str, Mapping[str, Figures]]) -> dict[str, Any]:
    """Of the figures within kinds of networks those that tables show: errors and ranks, of `KINDS_SHOWN`."""
    names = ("n", "kendall_tau", "mean_absolute_error")

    def shorten(own: Figures) -> Figures:
        return {name: own[name] for name in names} | {"final": {name: own["final"][name] for name in names}}

    shown = {column: kinds[column] for column in KINDS_SHOWN if column in kinds}
    return {column: {value: shorten(own) for value, own in kind.items()} for column, kind in shown.items()}


def _boosted(read: Callable[[Zoo, np.ndarray], Features]) -> Callable[[Subject], Prediction]:
    """Trees on features; for final checkpoints also tried when fitted to these alone."""

    def predict(subject: Subject) -> Prediction:
        features = read(subject.zoo, subject.rows)
        train, validation = subject.split("train"), subject.split("validation")
        choices = {"all": validation, "final": validation & subject.final}
        by_all = boost(features, subject.accuracies, train, choices)
        by_final = boost(features, subject.accuracies, train & subject.final, {"final": choices["final"]})
        own = max(by_all["final"], by_final["final"], key=lambda one: one.tau)
        fitted_to = "all" if own is by_all["final"] else "final"
        return Prediction(
            of_all=by_all["all"].predicted,
            of_final=own.predicted,
            chosen={"all": by_all["all"].chosen, "final": own.chosen | {"fitted_to": fitted_to}},
        )

    return predict


def _boosted_curve(back: int) -> Callable[[Subject], Prediction]:
    """Trees on the accuracies of earlier checkpoints, for final ones."""

    def predict(subject: Subject) -> Prediction:
        features = earlier_accuracies(subject.zoo, subject.rows, back)
        train, validation = (subject.split(name) & subject.final for name in ("train", "validation"))
        best: Boosted = boost(features, subject.accuracies, train, {"final": validation})["final"]
        return Prediction(of_all=None, of_final=best.predicted, chosen={"final": best.chosen})

    return predict


def _same_as_before(back: int) -> Callable[[Subject], Prediction]:
    """The accuracy of a checkpoint some places before; the mean of training networks where there is none."""

    def predict(subject: Subject) -> Prediction:
        earlier = earlier_accuracies(subject.zoo, subject.rows, back).values[:, 0]
        mean = subject.accuracies[subject.split("train") & subject.final].mean()
        return Prediction(of_all=None, of_final=np.where(np.isfinite(earlier), earlier, mean), chosen={})

    return predict


def _line(column: str) -> Callable[[Subject], Prediction]:
    """The straight line through one feature that fits training networks best, which fixes the sign of its ranking."""

    def fit(values: np.ndarray, accuracies: np.ndarray, train: np.ndarray) -> tuple[np.ndarray, float]:
        known = np.isfinite(values)
        fitted = train & known
        x, y = values[fitted], accuracies[fitted]
        if not len(x) or not x.var():
            return np.full(len(values), accuracies[train].mean()), 0.0
        slope = ((x - x.mean()) * (y - y.mean())).mean() / x.var()
        return y.mean() + slope * (np.where(known, values, x.mean()) - x.mean()), float(slope)

    def predict(subject: Subject) -> Prediction:
        features = spectra(subject.zoo, subject.rows)
        values, train = features.values[:, features.names.index(column)], subject.split("train")
        of_all, slope = fit(values, subject.accuracies, train)
        of_final, final_slope = fit(values, subject.accuracies, train & subject.final)
        return Prediction(of_all=of_all, of_final=of_final, chosen={"slope": slope, "final_slope": final_slope})

    return predict


def _mean(subject: Subject) -> Prediction:
    train = subject.split("train")
    means = [subject.accuracies[chosen].mean() for chosen in (train, train & subject.final)]
    of_all, of_final = (np.full(len(subject.rows), mean) for mean in means)
    return Prediction(of_all=of_all, of_final=of_final, chosen={})


def _both(zoo: Zoo, rows: np.ndarray) -> Features:
    return hyper_parameters(zoo, rows).beside(weight_statistics(zoo, rows))


def _checkpoints(count: int) -> str:
    return "1 checkpoint" if count == 1 else f"{count} checkpoints"


BASELINES: dict[str, Baseline] = {
    "mean": Baseline(words="mean of training networks", reads="nothing", predict=_mean),
    "hyper-parameters": Baseline(
        words="hyper-parameters, boosted", reads="hyper-parameters", predict=_boosted(hyper_parameters)
    ),
    "weight-statistics": Baseline(
        words="weight statistics, boosted", reads="weights", predict=_boosted(weight_statistics)
    ),
    "hyper-parameters-and-statistics": Baseline(
        words="hyper-parameters and weight statistics, boosted", reads="both", predict=_boosted(_both)
    ),
    "alpha": Baseline(words="mean α of spectra", reads="weights", predict=_line("alpha")),
    "alpha-hat": Baseline(words="weighted α̂ of spectra", reads="weights", predict=_line("alpha_hat")),
    "spectra": Baseline(words="spectra of all layers, boosted", reads="weights", predict=_boosted(spectra)),
    "training": Baseline(
        words="its training accuracy and loss, boosted", reads="training images", predict=_boosted(training_figures)
    ),
    **{
        f"before-{back}": Baseline(
            words=f"its accuracy {_checkpoints(back)} before", reads="its own past", predict=_same_as_before(back)
        )
        for back in (1, 2, 3)
    },
    **{
        f"curve-{back}": Baseline(
            words=f"its curve up to {_checkpoints(back)} before, boosted",
            reads="its own past",
            predict=_boosted_curve(back),
        )
        for back in (1, 2, 3)
    },
}
"""The baselines, in the order of tables."""
