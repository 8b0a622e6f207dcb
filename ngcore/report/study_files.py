"""The files of studies: where they lie, what they hold, and their tables."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ngcore.errors import DataError
from ngcore.files import read_json, readable_json, reading, write_atomically
from ngcore.paths import work_folder
from ngcore.report.optimiser_table import optimisers_table

EDITING = "editing"
EXTREMES = "extremes"
OPTIMISERS = "optimisers"
BASELINES_STUDY = "accuracy-baselines"
OF_ZOOS = "accuracy-"
"""Beginning of the names of studies that are made of any zoo with accuracies, each in a file of its own."""

Row = dict[str, Any]


def own_studies() -> Path:
    """Where studies are written; they are shown before those of the same names that ship."""
    return work_folder() / "studies"


def read_study(path: Path) -> dict[str, Any]:
    """What the file of a study holds.

    Raises:
        DataError: If it is damaged.
    """
    remedy = f"run ngcore study {path.stem} again, or move it away"
    if path.stem.startswith(OF_ZOOS):
        remedy = "run its ngcore study again, or move it away"
    content = read_json(path, DataError, remedy=remedy)
    with reading(path, DataError, remedy=remedy):
        texts = [content[field] for field in ("name", "question", "zoo", "zoo_sha256")]
        if not all(isinstance(text, str) for text in texts) or not all(row["key"] for row in content["rows"]):
            raise TypeError("its fields are of other kinds")
        study_table(content)
        return dict(content)


def goes_on(head: Mapping[str, Any], path: Path) -> bool:
    """Whether a file holds the beginning of a study with this head, which running it only adds to."""
    try:
        content = read_study(path)
    except DataError:
        return False
    return head["name"] != EDITING and content["name"] == head["name"] and _is_of_same(content, head)


def rows_of(out: Path, content: Mapping[str, Any]) -> Sequence[Row]:
    """The rows of an earlier call about the same zoo, made of the same model in as many steps."""
    try:
        earlier = read_study(out)
    except DataError:
        return []
    return earlier["rows"] if _is_of_same(earlier, content) else []


def _is_of_same(content: Mapping[str, Any], head: Mapping[str, Any]) -> bool:
    return all(content.get(key) == head.get(key) for key in ("zoo_sha256", "preset", "steps"))


def write_study(out: Path, content: Mapping[str, Any]) -> None:
    """Write the file of a study, whole or not at all."""
    out.parent.mkdir(parents=True, exist_ok=True)
    text = readable_json(content) + "\n"
    write_atomically(out, lambda path: path.write_text(text, encoding="utf-8"))


def study_file(head: Mapping[str, Any]) -> str:
    """Name of the file of a study with this head."""
    of_zoo = f"-{head['zoo']}" if head["name"].startswith(OF_ZOOS) else ""
    of_preset = f"-{head['preset']}" if "preset" in head else ""
    return f"{head['name']}{of_zoo}{of_preset}.json"


def study_command(head: Mapping[str, Any]) -> str:
    """The command that makes a study's file again."""
    of_zoo = f" --zoo {head['zoo']}" if head["name"].startswith(OF_ZOOS) else ""
    options = "".join(f" --{key} {head[key]}" for key in ("preset", "steps") if key in head)
    return f"ngcore study {head['name']}{of_zoo}{options}"


def study_table(content: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Column heads and cells of a study's table, in words."""
    if content["name"] == EXTREMES:
        return _table_of_extremes(content["rows"])
    if content["name"] == OPTIMISERS:
        return optimisers_table(content["rows"])
    settings = list(content["rows"][0]["setting"])
    figures = _figures_of(content["name"])
    rows = [
        [*(str(row["setting"][column]) for column in settings), *(write(row) for write in figures.values())]
        for row in content["rows"]
    ]
    return [*settings, *figures], rows


def _table_of_extremes(rows: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    """One line for each kind of networks, change and model; its figures by size."""
    lines: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        lines.setdefault(tuple(str(row["setting"][name]) for name in ("networks", "change", "model")), []).append(row)
    cells = [
        [*names, f"{max(row['test']['n'] for row in own):,}", "; ".join(map(_extreme_figure, own))]
        for names, own in lines.items()
    ]
    return ["networks", "change", "model", "n", "accuracy, or R², by size"], cells


def _extreme_figure(row: Row) -> str:
    test = row["test"]
    figure = f"{test['accuracy']:.1%}" if "accuracy" in test else f"{test['r_squared']:.2f}"
    return f"{row['setting']['size']}: {figure}"


def _figures_of(name: str) -> dict[str, Callable[[Row], str]]:
    """How the figures of a study's rows are written, by the heads of their columns."""
    if name == EDITING:
        return _EDIT_FIGURES
    if name == BASELINES_STUDY:
        return _BASELINE_FIGURES
    return _PREDICTION_FIGURES if name.startswith(OF_ZOOS) else _TRAINING_FIGURES


def _accuracy_figure(name: str, *path: str, split: str = "test", digits: int = 3) -> Callable[[Row], str]:
    def write(row: Row) -> str:
        figures = row[split]
        for part in path:
            figures = figures.get(part, {})
        value = figures.get(name)
        return "–" if value is None else f"{value:.{digits}f}"

    return write


_TRAINING_FIGURES: dict[str, Callable[[Row], str]] = {
    "training networks": lambda row: f"{row['training_networks']:,}",
    "validation": lambda row: f"{row['validation']['accuracy']:.1%}",
    "test": lambda row: f"{row['test']['accuracy']:.1%}",
    "networks/s": lambda row: f"{row['networks_per_second']:,.0f}",
}

_BASELINE_FIGURES: dict[str, Callable[[Row], str]] = {
    "τ, final": _accuracy_figure("kendall_tau", "final"),
    "R², final": _accuracy_figure("r_squared", "final"),
    "MAE, final": _accuracy_figure("mean_absolute_error", "final", digits=4),
    "τ above 2 × chance, final": _accuracy_figure("kendall_tau_above_chance", "final"),
    "τ, all": _accuracy_figure("kendall_tau"),
    "R², all": _accuracy_figure("r_squared"),
    "MAE, all": _accuracy_figure("mean_absolute_error", digits=4),
}

_PREDICTION_FIGURES: dict[str, Callable[[Row], str]] = {
    "training networks": lambda row: f"{row['training_networks']:,}",
    "validation τ, final": _accuracy_figure("kendall_tau", "final", split="validation"),
    "τ, final": _accuracy_figure("kendall_tau", "final"),
    "R², final": _accuracy_figure("r_squared", "final"),
    "MAE, final": _accuracy_figure("mean_absolute_error", "final", digits=4),
    "τ, all": _accuracy_figure("kendall_tau"),
    "networks/s": lambda row: f"{row['networks_per_second']:,.0f}",
}

_EDIT_FIGURES: dict[str, Callable[[Row], str]] = {
    "n": lambda row: f"{row['n']:,}",
    "MSE": lambda row: f"{row['mse']:.4f}",
    "ms/network": lambda row: f"{row['milliseconds_per_network']:,.1f}",
}
