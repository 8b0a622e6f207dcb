"""Probes on and off: the figures of cards, each model beside the one that sees weights alone."""

from collections.abc import Iterable, Sequence
from typing import Any

from ngcore.report.results import Card, Row, result_rows
from ngcore.tasks.problems import PROBLEMS

FAMILY_NAMES = {"ng-gnn": "NG-GNN", "ng-t": "NG-T", "ng-sweep": "NG-Sweep", "output-probes": "output probes alone"}
PROBING = tuple(FAMILY_NAMES)


def probe_rows(cards: Iterable[Card]) -> list[Row]:
    """One row per model that can have probes, with what they add.

    Args:
        cards: Of checkpoints.

    Returns:
        Grouped by task, zoo, edit and family, in the order of the numbers of probes: the fields of `result_rows`, and
        "family", "probes", "figure" (the leading test figure), "without" (name of the best model of the family, by
        validation, that sees weights alone; None if there is none) and "gain" (above 0: better than that one).
    """
    configs = {card["name"]: card["model"]["config"] for card in cards}
    rows = []
    for row in result_rows(cards):
        config = configs[row["name"]]
        if config["kind"] in PROBING and not config.get("has_examples"):
            figure = float(row["test"][PROBLEMS[row["task"]].monitor])
            family, probes = FAMILY_NAMES[config["kind"]], int(config.get("num_probes", 0))
            rows.append({**row, "family": family, "probes": probes, "figure": figure})
    for row in rows:
        plain = _without(row, rows)
        row["without"] = plain["name"] if plain else None
        row["gain"] = _gain(row, plain) if plain and row["probes"] else None
    order = list(FAMILY_NAMES.values())
    keys = ("task", "zoo", "edit")
    return sorted(
        rows,
        key=lambda row: (*(row[key] or "" for key in keys), order.index(row["family"]), row["probes"], row["name"]),
    )


def _without(row: Row, rows: Sequence[Row]) -> Row | None:
    """The best model of a row's family and question that sees weights alone."""
    alike = ("task", "zoo", "edit", "family")
    found = [own for own in rows if not own["probes"] and all(own[key] == row[key] for key in alike)]
    return max(found, key=_rank, default=None)


def _rank(row: Row) -> float:
    problem = PROBLEMS[row["task"]]
    value = row["validation"].get(problem.monitor, row["figure"])
    return float(value if problem.mode == "max" else -value)


def _gain(row: Row, plain: Row) -> float:
    difference = row["figure"] - plain["figure"]
    return difference if PROBLEMS[row["task"]].mode == "max" else -difference


def gain_in_words(row: dict[str, Any]) -> str:
    """What probes add, with its unit: "+0.7 points", "MSE −0.0005", "τ +0.02"; "–" where nothing is to compare."""
    if row["gain"] is None:
        return "–"
    if row["task"] == "classify":
        return f"{100 * row['gain']:+.2f} points"
    return f"τ {row['gain']:+.3f}" if row["task"] == "predict" else f"MSE {-row['gain']:+.4f}"
