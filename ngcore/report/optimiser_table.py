"""The table of the study of optimisers: accuracies, and how soon each reaches what tuned AdamW and Muon end with."""

from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]

HEADS = (
    "task",
    "steps",
    "optimiser",
    "tuned on",
    "test accuracy",
    "loss in training",
    "to AdamW's loss",
    "to Muon's loss",
    "seconds",
    "diverged",
)
REFERENCES = ("AdamW", "Muon")


def optimisers_table(rows: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    """Column heads and cells: task by task, the most accurate first.

    "To AdamW's loss" are the steps, and the processor's seconds, until the smoothed loss in training is as low as that
    which the best tuned AdamW ends with on the same task, and how many times fewer steps these are than AdamW's own.
    """
    places = {place: number for number, place in enumerate(dict.fromkeys(map(_place, rows)))}
    ordered = sorted(rows, key=lambda row: (places[_place(row)], -row["test"]["accuracy"]))
    return list(HEADS), [_cells(row, rows) for row in ordered]


def costs_table(costs: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    """Column heads and cells of what optimisers cost, see `ngcore.tasks.optimiser_cost.Cost`."""
    heads = ["optimiser", ">ms per step", ">of them its own", ">× Adam's step", ">kB kept", ">numbers per parameter"]
    rows = [
        [
            cost["optimiser"],
            f"{cost['milliseconds']:.1f}",
            f"{cost['own_milliseconds']:.1f}",
            f"{cost['ratio']:.2f}",
            f"{cost['state_bytes'] / 1e3:,.0f}",
            f"{cost['state_bytes'] / 4 / cost['parameters']:.1f}",
        ]
        for cost in costs
    ]
    return heads, rows


def reference_loss(rows: Sequence[Row], row: Row, method: str) -> float | None:
    """The lowest loss in training that a tuned method ended with on the task of a row; None where it was not tried."""
    ends = [
        other["train_loss"]
        for other in rows
        if _place(other) == _place(row)
        and other["setting"]["optimiser"].startswith(f"{method},")
        and other["setting"]["tuned on"] != "–"
        and other.get("train_loss") is not None
    ]
    return min(ends, default=None)


def steps_to(row: Row, loss: float) -> int | None:
    """Steps after which a trial's smoothed loss in training first was at most this; None: never."""
    reached = (i for i, own in enumerate(row["curve"]) if own is not None and own <= loss)
    first = next(reached, None)
    return None if first is None else (first + 1) * row["stride"]


def _place(row: Row) -> tuple[str, int]:
    return row["setting"]["task"], row["setting"]["steps"]


def _cells(row: Row, rows: Sequence[Row]) -> list[str]:
    setting = [str(value) for value in row["setting"].values()]
    if row.get("is_published"):
        return [*setting, f"{row['test']['accuracy']:.1%}", *["–"] * 5]
    test, loss = row["test"], row["train_loss"]
    return [
        *setting,
        f"{test['accuracy']:.1%} ± {100 * test['spread']:.1f}",
        "–" if loss is None else f"{loss:.3f}",
        *(_soon(row, reference_loss(rows, row, method)) for method in REFERENCES),
        f"{_seconds(row):,.1f}",
        f"{row['diverged']} of {row['seeds']}",
    ]


def _soon(row: Row, loss: float | None) -> str:
    """When a loss was reached: "420 (12 s, 2.4 ×)"."""
    steps = None if loss is None else steps_to(row, loss)
    if steps is None:
        return "–"
    total = row["setting"]["steps"]
    return f"{steps:,} ({_seconds(row) * steps / total:,.0f} s, {total / steps:.1f} ×)"


def _seconds(row: Row) -> float:
    """Of a network's training: processor time, which other work on the machine does not lengthen, where it is known."""
    return float(row.get("processor_seconds", row["seconds"]))
