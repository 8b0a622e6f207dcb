"""How well accuracies are predicted: on all checkpoints, on final ones, and within each kind of network."""

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ngcore.tasks.images_worth import images_worth
from ngcore.training import kendall_tau, mean_absolute_error, r_squared
from ngcore.zoo.info import tau_ceiling
from ngcore.zoo.storage import Zoo

if TYPE_CHECKING:
    import pandas

TIMES_CHANCE = 2.0
"""Networks above this multiple of chance accuracy are also ranked alone, without the crowd that learnt nothing."""

KINDS = ("zoo", "family", "activation", "depth")
"""Columns of the metadata within whose values figures are given, too, where a zoo has them."""

MAX_KINDS = 16
"""A column of more values than that tells single runs apart, not kinds of networks."""

Figures = dict[str, Any]


def accuracy_figures(
    predicted: Float[Tensor, " networks"], targets: Float[Tensor, " networks"], zoo: Zoo, rows: np.ndarray
) -> Figures:
    """Metrics of predicted accuracies, in JSON types.

    Of all networks "kendall_tau" (τ-b, NaN where there is no ranking), "r_squared", "mean_absolute_error" and
    "images_worth", the number of labelled images that measure as closely; "num_runs"; "tau_ceiling", the highest τ
    that ties of the targets leave to predictions without ties; "n_above_chance" and "kendall_tau_above_chance" of
    those more accurate than `TIMES_CHANCE` times guessing. The same with "n" under "final" for final checkpoints
    alone; and under "kinds" {column: {value: the same}}, each with its own "final". None stands for what does not
    exist: a τ of one network, an R² of equal targets.

    Args:
        predicted: Predicted accuracies.
        targets: Measured accuracies.
        zoo: Where the networks come from.
        rows: Positions of the networks in its metadata.

    Raises:
        ShapeMismatchError: When the numbers of networks differ, or there are none.
    """
    table = zoo.metadata.iloc[rows]
    measured = _Measured(
        predicted=_numbers(predicted),
        targets=_numbers(targets),
        runs=number_runs(table),
        is_final=final_checkpoints(zoo)[rows],
        has_learnt=_numbers(targets) > TIMES_CHANCE * chances(zoo)[rows],
    )
    error = mean_absolute_error(predicted, targets)
    pooled = {
        "kendall_tau": kendall_tau(predicted, targets),
        "r_squared": r_squared(predicted, targets),
        "mean_absolute_error": error,
        "images_worth": images_worth(error, targets),
    }
    kinds = {name: _of_kinds(measured, table[name].to_numpy()) for name in _columns(table)}
    return {**_described(measured), **pooled, "kinds": kinds}


def final_checkpoints(zoo: Zoo) -> np.ndarray:
    """Which networks of a zoo are the last of a whole training run, (networks,) bool.

    By the column "is_final", without which the last step of each run counts; a network of no run is final.
    """
    table = zoo.metadata
    if "is_final" in table:
        return table["is_final"].to_numpy(dtype=bool)
    last = table.groupby(run_columns(table))["step"].transform("max")
    return ((table["step"] == last) | (table["run"] < 0)).to_numpy()


def chances(zoo: Zoo) -> np.ndarray:
    """The accuracy of guessing for each network of a zoo, (networks,): 1 / number of classes."""
    of_kind = {key: 1 / architecture.output_shape[0] for key, architecture in zoo.architectures.items()}
    return zoo.metadata["architecture"].map(of_kind).to_numpy()


def number_runs(table: "pandas.DataFrame") -> np.ndarray:
    """A number for the training run of each row of metadata, (networks,); networks of no run have one of their own."""
    of_runs = table.groupby(run_columns(table)).ngroup().to_numpy()
    return np.where(table["run"] >= 0, of_runs, -1 - np.arange(len(table)))


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Measured:
    """Predictions of some networks and what they are compared with, one entry per network."""

    predicted: np.ndarray
    targets: np.ndarray
    runs: np.ndarray
    is_final: np.ndarray
    has_learnt: np.ndarray

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, chosen: np.ndarray) -> "_Measured":
        return _Measured(**{field.name: getattr(self, field.name)[chosen] for field in dataclasses.fields(self)})

    @property
    def pair(self) -> tuple[Tensor, Tensor]:
        return torch.tensor(self.predicted), torch.tensor(self.targets)


def _of_kinds(measured: _Measured, values: np.ndarray) -> dict[str, Figures]:
    return {str(value): _described(measured[values == value]) for value in sorted(set(values))}


def _described(measured: _Measured) -> Figures:
    return {**_figures(measured), "final": _figures(measured[measured.is_final])}


def _figures(measured: _Measured) -> Figures:
    learnt = measured[measured.has_learnt]
    return {
        "n": len(measured),
        "num_runs": len(np.unique(measured.runs)),
        "kendall_tau": _tau(measured),
        "r_squared": _known(r_squared(*measured.pair)) if len(measured) else None,
        "mean_absolute_error": mean_absolute_error(*measured.pair) if len(measured) else None,
        "tau_ceiling": _known(tau_ceiling(measured.targets)),
        "n_above_chance": len(learnt),
        "kendall_tau_above_chance": _tau(learnt),
    }


def _tau(measured: _Measured) -> float | None:
    return _known(kendall_tau(*measured.pair)) if len(measured) > 1 else None


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value


def _numbers(values: Tensor) -> np.ndarray:
    return values.detach().cpu().double().numpy()


def run_columns(table: "pandas.DataFrame") -> list[str]:
    """Columns that tell training runs apart; their numbers start again in each of several zoos."""
    return ["zoo", "run"] if "zoo" in table else ["run"]


def _columns(table: "pandas.DataFrame") -> list[str]:
    return [name for name in KINDS if name in table and 2 <= table[name].nunique() <= MAX_KINDS]
