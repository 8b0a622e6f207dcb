"""How well accuracies are predicted: on all checkpoints, on final ones, and within each kind of network."""

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
"""Networks more accurate than so many times guessing are also ranked alone, without the crowd that learnt nothing."""

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
    table = zoo.metadata.iloc[rows].reset_index(drop=True)
    table = table.assign(predicted=_numbers(predicted), target=_numbers(targets), chance=chances(zoo)[rows])
    table["final"] = final_checkpoints(zoo)[rows]
    error = mean_absolute_error(predicted, targets)
    pooled = {
        "kendall_tau": kendall_tau(predicted, targets),
        "r_squared": r_squared(predicted, targets),
        "mean_absolute_error": error,
        "images_worth": images_worth(error, targets),
    }
    kinds = {name: {str(value): _described(part) for value, part in table.groupby(name)} for name in _columns(table)}
    return {**_described(table), **pooled, "kinds": kinds}


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


def count_runs(table: "pandas.DataFrame") -> int:
    """Number of training runs that rows of metadata come from; networks of no run count one each."""
    of_runs = table[table["run"] >= 0]
    return len(of_runs[run_columns(table)].drop_duplicates()) + len(table) - len(of_runs)


def _described(table: "pandas.DataFrame") -> Figures:
    return {**_figures(table), "final": _figures(table[table["final"]])}


def _figures(table: "pandas.DataFrame") -> Figures:
    learnt = table[table["target"] > TIMES_CHANCE * table["chance"]]
    return {
        "n": len(table),
        "num_runs": count_runs(table),
        "kendall_tau": _tau(table),
        "r_squared": _known(r_squared(*_pairs(table))) if len(table) else None,
        "mean_absolute_error": mean_absolute_error(*_pairs(table)) if len(table) else None,
        "tau_ceiling": _known(tau_ceiling(table["target"].to_numpy())),
        "n_above_chance": len(learnt),
        "kendall_tau_above_chance": _tau(learnt),
    }


def _tau(table: "pandas.DataFrame") -> float | None:
    return _known(kendall_tau(*_pairs(table))) if len(table) > 1 else None


def _pairs(table: "pandas.DataFrame") -> tuple[Tensor, Tensor]:
    return torch.tensor(table["predicted"].to_numpy()), torch.tensor(table["target"].to_numpy())


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value


def _numbers(values: Tensor) -> np.ndarray:
    return values.detach().cpu().double().numpy()


def run_columns(table: "pandas.DataFrame") -> list[str]:
    """Columns that tell training runs apart; their numbers start again in each of several zoos."""
    return ["zoo", "run"] if "zoo" in table else ["run"]


def _columns(table: "pandas.DataFrame") -> list[str]:
    return [name for name in KINDS if name in table and 2 <= table[name].nunique() <= MAX_KINDS]
