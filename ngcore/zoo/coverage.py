"""What the runs of a zoo cover: their hyper-parameters column by column, their families and architectures."""

from typing import TYPE_CHECKING, Any

from ngcore.zoo.metadata import DEFAULTS, REQUIRED_COLUMNS
from ngcore.zoo.storage import Zoo

if TYPE_CHECKING:
    import pandas

MAX_COUNTED = 12  # more different numbers than these are given as a range
_MEASURED = ("test_loss", "train_loss", "train_accuracy")
_PLACES = ("architecture", "row", "group", "is_final", "image", "family")
_NOT_VARIED = frozenset((*REQUIRED_COLUMNS, *DEFAULTS, *_MEASURED, *_PLACES))


def last_checkpoints(table: "pandas.DataFrame") -> "pandas.DataFrame":
    """The rows of metadata of the last checkpoint of each run; networks without a run stand for themselves."""
    last = table.groupby("run")["step"].transform("max")
    return table[(table["step"] == last) | (table["run"] < 0)]


def describe_coverage(zoo: Zoo) -> dict[str, Any]:
    """What the runs of a zoo cover, from its metadata and card alone, in JSON types.

    Returns:
        "hyper_parameters": one entry per column of metadata that tells how a run was trained or what it trained:
        {"column", "counts": {value: runs}} for text and few different numbers, else
        {"column", "low", "median", "high", "num_missing"};
        "families": [{"family", "num_runs", "num_networks", "num_architectures", "num_parameters": [least, most]}],
        empty where the zoo has no such column;
        "num_groups": groups of runs that share images and length.
    """
    table = zoo.metadata
    runs = last_checkpoints(table[table["run"] >= 0])
    columns = [name for name in runs.columns if name not in _NOT_VARIED] if len(runs) else []
    return {
        "hyper_parameters": [_cover(runs[name]) for name in columns],
        "families": _families(zoo, runs) if "family" in runs.columns and len(runs) else [],
        "num_groups": int(runs["group"].nunique()) if "group" in runs.columns else 0,
    }


def coverage_in_words(entry: dict[str, Any]) -> str:
    """One of the hyper-parameters of `describe_coverage`: "adam: 5, sgd: 3" or "0.001 … 0.03, median 0.005"."""
    if "counts" in entry:
        return ", ".join(f"{value}: {count:,}" for value, count in entry["counts"].items()) or "none"
    missing = f"; none in {entry['num_missing']:,}" if entry["num_missing"] else ""
    return f"{entry['low']:,.3g} … {entry['high']:,.3g}, median {entry['median']:,.3g}{missing}"


def _cover(values: "pandas.Series[Any]") -> dict[str, Any]:
    counts = values.value_counts().sort_index()
    if values.dtype.kind not in "if" or len(counts) <= MAX_COUNTED:
        return {"column": values.name, "counts": {_text(value): int(count) for value, count in counts.items()}}
    low, median, high = (float(values.quantile(q)) for q in (0.0, 0.5, 1.0))
    missing = int(values.isna().sum())
    return {"column": values.name, "low": low, "median": median, "high": high, "num_missing": missing}


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _families(zoo: Zoo, runs: "pandas.DataFrame") -> list[dict[str, Any]]:
    networks = zoo.metadata["family"].value_counts()
    rows = []
    for family, own in runs.groupby("family"):
        sizes = [zoo.architectures[key].num_parameters for key in own["architecture"].unique()]
        rows.append(
            {
                "family": str(family),
                "num_runs": len(own),
                "num_networks": int(networks[family]),
                "num_architectures": len(sizes),
                "num_parameters": [min(sizes), max(sizes)],
            }
        )
    return rows
