"""What a zoo holds, in numbers: networks per split and label, weight distributions, quality of the networks."""

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors import safe_open

from ngcore.errors import ZooError
from ngcore.files import reading
from ngcore.zoo.card import REMEDY, tensor_file
from ngcore.zoo.coverage import describe_coverage, last_checkpoints
from ngcore.zoo.metadata import SPLITS
from ngcore.zoo.storage import Zoo

if TYPE_CHECKING:
    import pandas

AT_CHANCE = 1.2  # a network at most this many times as good as guessing has learnt next to nothing
MAX_ARCHITECTURES = 6  # of zoos of more the weights are not described, architecture by architecture
QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)

# Standard deviations over the corpora of Navon et al. (2023), to compare those built here with.
PUBLISHED_STD: dict[str, dict[str, float]] = {
    "mnist-inrs": {
        "0.weight": 0.063,
        "0.bias": 0.021,
        "2.weight": 0.018,
        "2.bias": 0.011,
        "4.weight": 0.118,
        "4.bias": 0.100,
    }
}


def describe_zoo(zoo: Zoo) -> dict[str, Any]:
    """Figures that summarise a zoo, in JSON types.

    Returns:
        "name", "folder", "hash", "num_networks", "num_flagged", "num_runs";
        "splits": {split: number of networks}, "labels": {split: {label: number}}, without labels empty;
        "architectures": [{"id", "name", "num_parameters", "num_networks"}];
        "parameters": [{"architecture", "parameter", "mean", "std", "published_std" (None if there is none)}], empty
        for zoos of more than `MAX_ARCHITECTURES`;
        "psnr", "accuracy": {quantile: value}, None where no network has one;
        "accuracies": see `describe_accuracies`; "coverage": see `describe_coverage`.
    """
    table = zoo.metadata
    few = zoo.architectures if len(zoo.architectures) <= MAX_ARCHITECTURES else ()
    return {
        "name": zoo.name,
        "folder": str(zoo.folder),
        "hash": zoo.hash,
        "num_networks": len(table),
        "num_flagged": int(table["flagged"].sum()),
        "num_runs": int(table.loc[table["run"] >= 0, "run"].nunique()),
        "splits": {split: int((table["split"] == split).sum()) for split in SPLITS},
        "labels": {split: _label_counts(zoo, table[table["split"] == split]) for split in SPLITS},
        "architectures": [_describe_architecture(zoo, key) for key in zoo.architectures],
        "parameters": [row for key in few for row in _parameter_statistics(zoo, key)],
        "psnr": _quantiles(table["psnr"].to_numpy()),
        "accuracy": _quantiles(table["accuracy"].to_numpy()),
        "accuracies": describe_accuracies(zoo),
        "coverage": describe_coverage(zoo),
    }


def tau_ceiling(targets: np.ndarray) -> float:
    """The highest Kendall τ-b of predictions without ties: √(share of pairs that differ), NaN for fewer than two."""
    _, counts = np.unique(targets, return_counts=True)
    pairs, tied = len(targets) * (len(targets) - 1) / 2, (counts * (counts - 1) / 2).sum()
    return float(np.sqrt(1 - tied / pairs)) if pairs else float("nan")


def describe_accuracies(zoo: Zoo) -> dict[str, dict[str, Any]]:
    """How accurate the networks of a zoo are, in JSON types.

    Returns:
        {"num_networks", "quantiles", "at_chance", "tau_ceiling"} by "all", "last of each run" and, where there are
        several families, "last of each run, <family>". At chance is the share at most 1.2 times as good as guessing;
        the ceiling is the highest possible Kendall τ on the test split, None without one. Empty where no network has
        an accuracy.
    """
    table = zoo.metadata[zoo.metadata["accuracy"].notna()]
    if not len(table):
        return {}
    guessing = 1 / next(iter(zoo.architectures.values())).output_shape[0]
    last = last_checkpoints(table)
    parts = {"all": table, "last of each run": last}
    families = sorted(set(last["family"])) if "family" in last.columns else []
    if len(families) > 1:
        parts |= {f"last of each run, {family}": last[last["family"] == family] for family in families}
    return {name: _describe_accuracies(some, guessing) for name, some in parts.items()}


def _describe_accuracies(table: "pandas.DataFrame", guessing: float) -> dict[str, Any]:
    test = table.loc[table["split"] == "test", "accuracy"].to_numpy()
    return {
        "num_networks": len(table),
        "quantiles": _quantiles(table["accuracy"].to_numpy()),
        "at_chance": float((table["accuracy"] <= AT_CHANCE * guessing).mean()),
        "tau_ceiling": tau_ceiling(test) if len(test) > 1 else None,
    }


def _label_counts(zoo: Zoo, table: "pandas.DataFrame") -> dict[str, int]:
    names = zoo.card.get("class_names", ())
    counts = table.loc[table["label"] >= 0, "label"].value_counts().sort_index()
    return {names[i] if i < len(names) else str(i): int(count) for i, count in counts.items()}


def _describe_architecture(zoo: Zoo, key: str) -> dict[str, Any]:
    architecture = zoo.architectures[key]
    return {
        "id": key,
        "name": architecture.name,
        "num_parameters": architecture.num_parameters,
        "num_networks": len(zoo.rows(architecture=key)),
    }


def _parameter_statistics(zoo: Zoo, key: str) -> list[dict[str, Any]]:
    published = PUBLISHED_STD.get(zoo.name, {})
    rows = []
    path = zoo.file(tensor_file(key))
    with reading(path, ZooError, remedy=REMEDY), safe_open(path, framework="pt") as tensors:
        for name in zoo.architectures[key].parameter_shapes:
            std, mean = torch.std_mean(tensors.get_tensor(name).double(), correction=0)
            statistics = {"mean": mean.item(), "std": std.item(), "published_std": published.get(name)}
            rows.append({"architecture": key, "parameter": name, **statistics})
    return rows


def _quantiles(values: np.ndarray) -> dict[str, float] | None:
    present = values[~np.isnan(values)]
    if not len(present):
        return None
    return {f"{q:g}": float(value) for q, value in zip(QUANTILES, np.quantile(present, QUANTILES), strict=True)}
