"""The figures of all checkpoints in one list, and that list and the studies as Markdown tables."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ngcore.errors import NeuralGraphError
from ngcore.files import write_atomically
from ngcore.report.accuracy_table import accuracy_text, compare_with_baselines
from ngcore.report.headlines import headline_table
from ngcore.report.seeds import over_seeds
from ngcore.report.study_files import BASELINES_STUDY, study_command, study_table
from ngcore.report.trust_table import trust_of, trust_text
from ngcore.tasks.problems import PROBLEMS, edit_of

Card = Mapping[str, Any]
Row = dict[str, Any]

HEADLINES = "ngcore headlines"
RESULTS = "ngcore results"
STUDIES = "ngcore studies"
ACCURACY = "ngcore accuracy"
TRUST = "ngcore trust"
"""Names of the tables that documents contain; see `marks`."""

FIGURES: dict[str, Callable[[Mapping[str, float]], str]] = {
    "classify": lambda test: f"{test['accuracy']:.2%} right",
    "edit": lambda test: f"MSE {test['mse']:.4f}{_of_views(test)} (unedited {test['mse_unedited']:.4f})",
    "predict": lambda test: f"Kendall's τ {test['kendall_tau']:.3f}{_of_final(test)}",
}
"""The leading test figure of each task, as text."""

SPREADS: dict[str, Callable[[float, float], str]] = {
    "classify": lambda mean, std: f"{100 * mean:.2f} ± {100 * std:.2f} %",
    "edit": lambda mean, std: f"{mean:.4f} ± {std:.4f}",
    "predict": lambda mean, std: f"{mean:.3f} ± {std:.3f}",
}
"""Mean and standard deviation of the leading test figure over seeds, as text."""


def describe_figure(row: Row) -> str:
    """The leading test figure of a row, and its mean where there are several seeds."""
    text = FIGURES[row["task"]](row["test"])
    if row["std"] is None:
        return text
    return f"{text}; {SPREADS[row['task']](row['mean'], row['std'])} over {row['seeds']} seeds"


def _of_views(test: Mapping[str, Any]) -> str:
    return f", mean of 8 {test['mse_mean_of_8']:.4f}" if "mse_mean_of_8" in test else ""


def _of_final(test: Mapping[str, Any]) -> str:
    tau = test.get("final", {}).get("kendall_tau")
    return "" if tau is None else f", final checkpoints {tau:.3f}"


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


def result_rows(cards: Iterable[Card]) -> list[Row]:
    """One row per checkpoint, in plain values; grouped by task, zoo and edit, the best first."""
    by_name = {card["name"]: card for card in cards}
    rows = [_row(card, by_name) for card in by_name.values() if card["metrics"].get("test")]
    return sorted(rows, key=lambda row: (row["task"], row["zoo"], row["edit"] or "", _rank(row), row["name"]))


def results_table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table."""
    return _table(COLUMNS, [_cells(row) for row in rows], num_words=5)


def studies_text(studies: Iterable[Mapping[str, Any]]) -> str:
    """The tables of studies in Markdown, each under its question and the command that makes it; without baselines."""
    return "\n".join(
        f"**{study['question']}** On `{study['zoo']}`: `{study_command(study)}`\n\n"
        f"{_table(*study_table(study), num_words=len(study['rows'][0]['setting']))}"
        for study in studies
        if study["name"] != BASELINES_STUDY
    )


def marks(name: str) -> tuple[str, str]:
    """The lines of a Markdown text between which a table stands: `HEADLINES`, `RESULTS`, … by the name of the table."""
    return f"<!-- begin: {name} -->", f"<!-- end: {name} -->"


def write_results(readme: Path, rows: Sequence[Row], studies: Sequence[Mapping[str, Any]]) -> list[Path]:
    """Write the tables that documents contain into a README and the Markdown files of `docs` beside it.

    Returns:
        The files that changed.

    Raises:
        NeuralGraphError: If there is not exactly one place for each table in all of them.
    """
    files = [readme, *sorted((readme.parent / "docs").glob("*.md"))]
    before = {file: file.read_text(encoding="utf-8") for file in files}
    written = {file: text for file, text in with_results(before, rows, studies).items() if text != before[file]}
    for file, text in written.items():
        write_atomically(file, partial(Path.write_text, data=text, encoding="utf-8"))
    return list(written)


def with_results(
    texts: Mapping[Path, str], rows: Sequence[Row], studies: Sequence[Mapping[str, Any]]
) -> dict[Path, str]:
    """Markdown texts with the tables of headlines, rows and studies written between their `marks`.

    Raises:
        NeuralGraphError: If there is not exactly one place for each table in all of them.
    """
    heads, lines = headline_table(rows)
    tables = {
        HEADLINES: _table(heads, lines, num_words=1) if lines else "",
        RESULTS: results_table(rows),
        STUDIES: studies_text(studies),
        ACCURACY: accuracy_text(compare_with_baselines(rows, studies)),
        TRUST: trust_text(rows),
    }
    written = dict(texts)
    for name, content in tables.items():
        begin, _ = marks(name)
        holders = [file for file, text in written.items() if begin in text]
        if len(holders) != 1:
            raise NeuralGraphError(f"Expected one line {begin!r} in {_listed(texts)}, got {len(holders)}.")
        written[holders[0]] = _between(written[holders[0]], name, content)
    return written


def _listed(files: Iterable[Path]) -> str:
    return ", ".join(str(file) for file in files)


def _between(text: str, name: str, content: str) -> str:
    begin, end = marks(name)
    before, _, rest = text.partition(begin)
    _, found, after = rest.partition(end)
    if not found or begin in after or end in after:
        raise NeuralGraphError(f"Expected one line {begin!r} and one line {end!r} after it in the text, got another.")
    framed = f"\n{content}\n" if content else ""
    return f"{before}{begin}\n{framed}{end}{after}"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, num_words: int) -> str:
    """A Markdown table; columns after the first `num_words` hold numbers."""
    rule = ["---" if i < num_words else "--:" for i in range(len(heads))]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (heads, rule, *rows))


def _row(card: Card, by_name: Mapping[str, Card]) -> Row:
    training = card["training"]
    mean, std, seeds = over_seeds(card, "test", PROBLEMS[card["task"]].monitor)
    return {
        "name": card["name"],
        "preset": card["preset"],
        "task": card["task"],
        "edit": edit_of(card) if card["task"] == "edit" else None,
        "zoo": card["corpus"]["name"],
        "zoo_sha256": card["corpus"].get("sha256"),
        "reads": _reads(card["model"]["config"]),
        "test": dict(card["metrics"]["test"]),
        "validation": dict(card["metrics"].get("validation", {})),
        "mean": mean,
        "std": std,
        "seeds": seeds,
        "final": _final_over_seeds(card),
        "parameters": card["parameters"],
        "training_networks": card["corpus"]["counts"]["train"],
        "training_seconds": _seconds(card, by_name),
        "training_cores": training["cores"],
        "networks_per_second": training["networks_per_second"],
        "command": card["command"],
        **({"trust": trust} if (trust := trust_of(card)) else {}),
    }


def _reads(config: Mapping[str, Any]) -> str:
    """What a model sees: "weights" alone, "probes", or "examples", real images of known classes."""
    if config.get("has_examples"):
        return "examples"
    return "probes" if config.get("num_probes") else "weights"


def _final_over_seeds(card: Card) -> dict[str, Any] | None:
    """Mean and standard deviation of the τ of final checkpoints; None where a seed has none."""
    tests = [one["metrics"]["test"] for one in (card, *card.get("repeats", ()))]
    if any(test.get("final", {}).get("kendall_tau") is None for test in tests):
        return None
    mean, std, _ = over_seeds(card, "test", "final.kendall_tau")
    return {"mean": mean, "std": std}


def _seconds(card: Card, by_name: Mapping[str, Card]) -> float:
    """Time of a training, with that of the checkpoints that it started from or learned from."""
    needed = [*card.get("starts", ()), *([card["teacher"]] if "teacher" in card else [])]
    others = {other["name"]: by_name[other["name"]] for other in needed if other["name"] in by_name}
    return float(card["training"]["seconds"]) + sum(_seconds(other, by_name) for other in others.values())


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
