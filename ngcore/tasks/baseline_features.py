"""What baselines of accuracy prediction know of networks: hyper-parameters, weight statistics, spectra, curves."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float

from ngcore.models import build_model, preset
from ngcore.models.baselines import StatNN
from ngcore.networks import Network
from ngcore.tasks.accuracy_figures import run_columns
from ngcore.tasks.power_law import mean_exponent, spectral_features, weighted_exponent
from ngcore.zoo.metadata import DEFAULTS
from ngcore.zoo.storage import Zoo

if TYPE_CHECKING:
    import pandas

NO_HYPER_PARAMETERS = {"id", "split", "architecture", "row", "group", "image", "is_final", *DEFAULTS} - {"step"}
"""Columns of a zoo's metadata that name networks, or were measured on them."""

MEASURED = ("accuracy", "loss")
"""Columns with these words at the end of their names were measured, too."""

MAX_CATEGORIES = 64
WIDE_RANGE = 20.0
"""Positive numbers whose largest is this many times the smallest are rates, and given by their logarithm."""

AT_ONCE = 1_024
"""Networks read at once."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Features:
    """Numbers that a regression reads.

    Attributes:
        values: One row per network; NaN where something is not known. Categories are numbered.
        names: Of the columns.
        categories: Which columns hold categories.
    """

    values: Float[np.ndarray, "networks features"]
    names: tuple[str, ...]
    categories: tuple[bool, ...]

    @classmethod
    def of_numbers(cls, columns: Mapping[str, np.ndarray]) -> "Features":
        """Columns of numbers by their names."""
        values = np.column_stack([np.asarray(column, dtype=float) for column in columns.values()])
        return cls(values=values, names=tuple(columns), categories=(False,) * len(columns))

    def beside(self, other: "Features") -> "Features":
        """Both sets of columns for the same networks."""
        return Features(
            values=np.concatenate([self.values, other.values], axis=1),
            names=self.names + other.names,
            categories=self.categories + other.categories,
        )


def hyper_parameters(zoo: Zoo, rows: np.ndarray) -> Features:
    """How each network was trained, and for how many steps, as far as the metadata says it before training.

    Categories are numbered in the order of their names in the whole zoo; numbers over a wide range are logarithms.
    """
    columns, kinds = {}, []
    for name, column in zoo.metadata.items():
        if name in NO_HYPER_PARAMETERS or str(name).endswith(MEASURED) or column.nunique(dropna=False) < 2:
            continue
        is_text = not np.issubdtype(column.to_numpy().dtype, np.number) and column.dtype != bool
        if is_text and column.nunique() > MAX_CATEGORIES:
            continue
        columns[str(name)] = _numbered(column)[rows] if is_text else _scaled(column.to_numpy(dtype=float))[rows]
        kinds.append(is_text)
    return dataclasses.replace(Features.of_numbers(columns), categories=tuple(kinds))


def _numbered(column: "pandas.Series") -> np.ndarray:
    return column.astype("category").cat.codes.to_numpy(dtype=float)


def _scaled(values: np.ndarray) -> np.ndarray:
    known = values[np.isfinite(values)]
    is_wide = len(known) > 0 and known.min() > 0 and known.max() >= WIDE_RANGE * known.min()
    return np.log10(values) if is_wide else values


def weight_statistics(zoo: Zoo, rows: np.ndarray) -> Features:
    """Mean, variance and quantiles of each layer's weights and biases, as StatNN reads them."""
    architectures = [zoo.architectures[key] for key in sorted(set(zoo.metadata["architecture"].iloc[rows]))]
    reader = build_model(preset("statnn"), architectures)
    assert isinstance(reader, StatNN)
    values = _of_networks(zoo, rows, lambda network: reader.raw_features(network).numpy())
    return Features.of_numbers({f"statistic {i}": column for i, column in enumerate(values.T)})


def spectra(zoo: Zoo, rows: np.ndarray) -> Features:
    """Columns "alpha" and "alpha_hat", then α and log₁₀ λ_max of each weight matrix; see `ngcore.tasks.power_law`."""

    def of_stack(network: Network) -> np.ndarray:
        exponents, largest = spectral_features(network)
        summary = [mean_exponent(exponents), weighted_exponent(exponents, largest)]
        layers = np.stack([exponents, largest], axis=2).reshape(len(network), -1)
        return np.column_stack([*summary, layers])

    values = _of_networks(zoo, rows, of_stack)
    names = ["alpha", "alpha_hat", *(f"layer {i // 2} {'alpha' if i % 2 == 0 else 'log λ'}" for i in range(999))]
    return Features.of_numbers(dict(zip(names, values.T, strict=False)))


def training_figures(zoo: Zoo, rows: np.ndarray) -> Features:
    """Accuracy and loss on training images, which whoever trains a network has seen."""
    table = zoo.metadata.iloc[rows]
    names = [name for name in ("train_accuracy", "train_loss") if name in table]
    return Features.of_numbers({name: table[name].to_numpy() for name in names})


def earlier_accuracies(zoo: Zoo, rows: np.ndarray, back: int) -> Features:
    """Test accuracies of the checkpoints of the same run, from the `back`-th before each network to the first.

    Columns "earlier 1", "earlier 2", … go back in time, each with the share of the network's steps at which it was
    measured; NaN where a run has no such checkpoint.
    """
    table = zoo.metadata[["accuracy", "step", *run_columns(zoo.metadata)]].copy()
    table["position"] = np.arange(len(table))
    ordered = table.sort_values([*run_columns(table), "step"])
    runs = ordered.groupby(run_columns(table))
    columns = {}
    for i in range(back, max(back + 1, int(runs.size().max()))):
        earlier = runs[["accuracy", "step"]].shift(i)
        earlier["share"] = earlier["step"] / ordered["step"]
        earlier.loc[ordered["run"] < 0] = np.nan  # networks of no run have nothing in common
        placed = earlier.set_index(ordered["position"]).sort_index()
        columns[f"earlier {i - back + 1}"] = placed["accuracy"].to_numpy()[rows]
        columns[f"share {i - back + 1}"] = placed["share"].to_numpy()[rows]
    return Features.of_numbers(columns)


def _of_networks(zoo: Zoo, rows: np.ndarray, describe: Callable[[Network], np.ndarray]) -> np.ndarray:
    """Features of networks of any architectures, in the order of `rows`; shorter ones end with NaN."""
    kinds = zoo.metadata["architecture"].to_numpy()[rows]
    parts: list[tuple[np.ndarray, np.ndarray]] = []
    with torch.no_grad():
        for kind in sorted(set(kinds)):
            own = np.flatnonzero(kinds == kind)
            chunks = np.array_split(own, -(-len(own) // AT_ONCE))
            parts += [(places, describe(zoo.networks(rows[places]))) for places in chunks]
    values = np.full((len(rows), max(part.shape[1] for _, part in parts)), np.nan)
    for places, part in parts:
        values[places, : part.shape[1]] = part
    return values
