"""Gradient boosting of accuracies from features, with every choice made on validation networks."""

import dataclasses
import itertools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float

from ngcore.tasks.baseline_features import Features
from ngcore.training import kendall_tau

LEAVES = (6, 31)
MIN_LEAF = (5, 40)
RATE = 0.05
TREES = (80, 120, 160, 240, 320, 400)
"""Numbers of trees that are tried; with fewer, predictions would stay near the mean of the training networks."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Boosted:
    """Predictions of the trees that rank some validation networks best.

    Attributes:
        predicted: Of every network, those of training included, in [0, 1].
        tau: Kendall's τ on the validation networks.
        chosen: What was chosen: leaves of a tree, networks in a leaf, trees.
    """

    predicted: Float[np.ndarray, " networks"]
    tau: float
    chosen: dict[str, Any]


def boost(
    features: Features,
    accuracies: Float[np.ndarray, " networks"],
    train: Bool[np.ndarray, " networks"],
    choices: Mapping[str, Bool[np.ndarray, " networks"]],
) -> dict[str, Boosted]:
    """Fit trees to the training networks; of several sizes and numbers, take those that rank validation networks best.

    Args:
        features: Of all networks.
        accuracies: Of all networks; those of others than training and validation are not looked at.
        train: Which networks to fit.
        choices: Validation networks to choose by; for each a choice of its own.

    Returns:
        What was chosen, by the names of `choices`.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor

    known = np.isfinite(features.values[train]).any(axis=0)
    if not known.any():  # nothing to split by
        constant = np.full(len(accuracies), accuracies[train].mean())
        return {name: Boosted(predicted=constant, tau=-1.0, chosen={}) for name in choices}
    values, categories = features.values[:, known], np.array(features.categories)[known]
    best: dict[str, Boosted] = {}
    for leaves, min_leaf in itertools.product(LEAVES, MIN_LEAF):
        trees = HistGradientBoostingRegressor(
            learning_rate=RATE,
            max_iter=max(TREES),
            max_leaf_nodes=leaves,
            min_samples_leaf=min_leaf,
            categorical_features=categories,
            early_stopping=False,
            random_state=0,
        ).fit(values[train], accuracies[train])
        for number, stage in enumerate(trees.staged_predict(values), start=1):
            if number not in TREES:
                continue
            predicted = stage.clip(0, 1)
            for name, validation in choices.items():
                tau = _tau(predicted[validation], accuracies[validation])
                if name not in best or tau > best[name].tau:
                    chosen = {"leaves": leaves, "min_samples_leaf": min_leaf, "trees": number}
                    best[name] = Boosted(predicted=predicted, tau=tau, chosen=chosen)
    return best


def _tau(predicted: np.ndarray, accuracies: np.ndarray) -> float:
    """τ, the worst where there is no ranking."""
    tau = kendall_tau(torch.tensor(predicted), torch.tensor(accuracies))
    return -1.0 if math.isnan(tau) else tau
