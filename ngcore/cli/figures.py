"""The metrics of a card as a list: what is nested by a name with dots, each with the number of networks behind it."""

from collections.abc import Mapping
from typing import Any

COUNTS = ("n", "n_above_chance", "num_runs")
OF_KINDS = "kendall_tau"

Figure = tuple[float | None, int | None]


def list_figures(metrics: Mapping[str, Any]) -> dict[str, Figure]:
    """Each figure by a name such as "final.r_squared", with its n; within kinds of networks, `OF_KINDS` alone."""
    figures = _flat({name: value for name, value in metrics.items() if name != "kinds"})
    of_kinds = _flat({"kinds": metrics.get("kinds", {})})
    return figures | {name: figure for name, figure in of_kinds.items() if name.split(".")[-1] == OF_KINDS}


def _flat(metrics: Mapping[str, Any]) -> dict[str, Figure]:
    figures: dict[str, Figure] = {}
    for name, value in metrics.items():
        if isinstance(value, Mapping):
            figures |= {f"{name}.{inner}": figure for inner, figure in _flat(value).items()}
        elif name not in COUNTS:
            figures[name] = (value, metrics.get("n_above_chance" if name.endswith("_above_chance") else "n"))
    return figures
