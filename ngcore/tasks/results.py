"""The figures of all checkpoints in one list, and that list as a Markdown table."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ngcore.errors import NeuralGraphError
from ngcore.tasks.problems import PROBLEMS, edit_of
from ngcore.tasks.seeds import over_seeds

Card = Mapping[str, Any]
Row = dict[str, Any]

BEGIN = "<!-- begin: ngcore results -->"
END = "<!-- end: ngcore results -->"

FIGURES: dict[str, Callable[[Mapping[str, float]], str]] = {
    "classify": lambda test: f"{test['accuracy']:.1%} right",
    "edit": lambda test: f"MSE {test['mse']:.4f}{_of_views(test)} (unedited {test['mse_unedited']:.4f})",
    "predict": lambda test: f"Kendall's τ {test['kendall_tau']:.3f}",
}
"""The leading test figure of each task, in words."""

SPREADS: dict[str, Callable[[float, float], str]] = {
    "classify": lambda mean, std: f"{100 * mean:.2f} ± {100 * std:.2f} %",
    "edit": lambda mean, std: f"{mean:.4f} ± {std:.4f}",
    "predict": lambda mean, std: f"{mean:.3f} ± {std:.3f}",
}
"""Mean and standard deviation of the leading test figure over seeds, in words."""


def describe_figure(row: Row) -> str:
    """The leading test figure of a row, and its mean over seeds where there are several."""
    text = FIGURES[row["task"]](row["test"])
    if row["std"] is None:
        return text
    return f"{text}; {SPREADS[row['task']](row['mean'], row['std'])} over {row['seeds']} seeds"


def _of_views(test: Mapping[str, Any]) -> str:
    return f", mean of 8 {test['mse_mean_of_8']:.4f}" if "mse_mean_of_8" in test else ""


COLUMNS = (
    "Task",
    "Zoo",
    "Model",
    "Preset",
    "On test networks",
    "n",
    "Seeds",
    "Parameters",
    "Trained on",
    "In",
    "Networks/s",
)


def results(cards: Iterable[Card]) -> list[Row]:
    """One row a checkpoint, in plain values; grouped by task, zoo and edit, the best first."""
    rows = [_row(card) for card in cards if card["metrics"].get("test")]
    return sorted(rows, key=lambda row: (row["task"], row["zoo"], row["edit"] or "", _rank(row), row["name"]))


def results_table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table."""
    lines = [" | ".join(COLUMNS), " | ".join("---" if i < 5 else "--:" for i in range(len(COLUMNS)))]
    lines += [" | ".join(_cells(row)) for row in rows]
    return "".join(f"| {line} |\n" for line in lines)


def with_results(text: str, rows: Sequence[Row]) -> str:
    """A Markdown text with the table between the lines `BEGIN` and `END` written anew.

    Raises:
        NeuralGraphError: If the text has not exactly one such place.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end or BEGIN in after or END in after:
        raise NeuralGraphError(f"Expected one line {BEGIN!r} and one line {END!r} after it in the text, got another.")
    return f"{before}{begin}\n\n{results_table(rows)}\n{end}{after}"


def _row(card: Card) -> Row:
    training = card["training"]
    mean, std, seeds = over_seeds(card, "test", PROBLEMS[card["task"]].monitor)
    return {
        "name": card["name"],
        "preset": card["preset"],
        "task": card["task"],
        "edit": edit_of(card) if card["task"] == "edit" else None,
        "zoo": card["corpus"]["name"],
        "test": dict(card["metrics"]["test"]),
        "validation": dict(card["metrics"].get("validation", {})),
        "mean": mean,
        "std": std,
        "seeds": seeds,
        "parameters": card["parameters"],
        "training_networks": card["corpus"]["counts"]["train"],
        "training_seconds": training["seconds"],
        "training_cores": training["cores"],
        "networks_per_second": training["networks_per_second"],
        "command": card["command"],
    }


def _rank(row: Row) -> float:
    problem = PROBLEMS[row["task"]]
    value = float(row["test"][problem.monitor])
    return -value if problem.mode == "max" else value


def _cells(row: Row) -> tuple[str, ...]:
    minutes = row["training_seconds"] / 60
    return (
        f"{row['task']}: {row['edit']}" if row["edit"] else row["task"],
        row["zoo"],
        row["name"],
        row["preset"],
        describe_figure(row),
        f"{row['test']['n']:,}",
        str(row["seeds"]),
        f"{row['parameters']:,}",
        f"{row['training_networks']:,}",
        f"{minutes:.0f} min" if minutes >= 1 else "< 1 min",
        f"{row['networks_per_second']:,.0f}",
    )
