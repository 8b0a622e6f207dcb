"""What predictions of accuracy are worth: models and baselines of one zoo in one table, beside k labelled images."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from ngcore.report.accuracy_baselines import curve_of, figure_of
from ngcore.report.study_files import BASELINES_STUDY, study_command
from ngcore.tasks.labelled_images import NUM_IMAGES, equal_images

Row = Mapping[str, Any]
Kind = Literal["model", "baseline", "labelled images"]

COLUMNS = (
    "",
    "Reads",
    "τ",
    "R²",
    "MAE",
    "τ above 2 × chance",
    "Worth images (τ)",
    "Worth images (MAE)",
    "τ, all",
    "Seeds",
)
NUM_WORDS = 2


@dataclasses.dataclass(frozen=True, kw_only=True)
class Entry:
    """A line of the table.

    Attributes:
        name: Of the model, or the baseline in words.
        kind: What it is.
        reads: What it is told of a network.
        figures: On test networks; see `ngcore.tasks.accuracy_figures`.
        std: Standard deviation of the τ of final checkpoints over seeds; None for one seed.
        seeds: Their number.
    """

    name: str
    kind: Kind
    reads: str
    figures: Mapping[str, Any]
    std: float | None = None
    seeds: int = 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class Comparison:
    """Models and baselines on the test networks of one zoo.

    Attributes:
        study: The contents of the file of baselines.
        entries: The lines, those that rank final checkpoints best first.
    """

    study: Mapping[str, Any]
    entries: tuple[Entry, ...]

    def worth(self, entry: Entry, figure: str, *, final: bool) -> float | None:
        """Number of labelled images that do as well by a figure (see `equal_images`); None where that is not known.

        Infinite where the most images of the study do not.
        """
        value = figure_of(entry.figures, figure, final=final)
        curve = curve_of(self.study["rows"], figure, final=final)
        if value is None or len(curve) < 2:
            return None
        images = equal_images(curve, value, is_error=figure == "mean_absolute_error")
        return float("inf") if images is None else images

    def ceiling(self, *, final: bool) -> float | None:
        """The highest τ of predictions without ties."""
        return figure_of(self.study["rows"][0]["test"], "tau_ceiling", final=final)


def compare_with_baselines(rows: Iterable[Row], studies: Iterable[Mapping[str, Any]]) -> list[Comparison]:
    """A comparison for each zoo with a study of baselines.

    Args:
        rows: Results of models (`result_rows`); those that were measured on the very zoo of the study take part.
        studies: Contents of the files of studies.
    """
    models = [row for row in rows if row["task"] == "predict" and "final" in row["test"]]
    comparisons = []
    for study in studies:
        if study["name"] != BASELINES_STUDY:
            continue
        fitting = [row for row in models if row["zoo_sha256"] == study["zoo_sha256"]]
        entries = [*map(_model_entry, fitting), *map(_study_entry, study["rows"])]
        ranked = sorted(entries, key=lambda entry: -(figure_of(entry.figures, "kendall_tau", final=True) or -1.0))
        comparisons.append(Comparison(study=study, entries=tuple(ranked)))
    return comparisons


def _model_entry(row: Row) -> Entry:
    std = None if row["final"] is None else row["final"]["std"]
    mean = row["test"]["final"]["kendall_tau"] if row["final"] is None else row["final"]["mean"]
    final = {**row["test"]["final"], "kendall_tau": mean}
    figures = {**row["test"], "kendall_tau": row["mean"], "final": final}
    return Entry(name=row["name"], kind="model", reads=row["reads"], figures=figures, std=std, seeds=row["seeds"])


def _study_entry(row: Row) -> Entry:
    kind: Kind = "labelled images" if "num_images" in row else "baseline"
    return Entry(name=row["setting"]["baseline"], kind=kind, reads=row["setting"]["reads"], figures=row["test"])


def accuracy_text(comparisons: Sequence[Comparison]) -> str:
    """The comparisons in Markdown, each table under what it is about and the command that makes its baselines."""
    return "\n".join(f"{describe_comparison(one)} `{study_command(one.study)}`\n\n{_table(one)}" for one in comparisons)


def describe_comparison(comparison: Comparison) -> str:
    """On how many networks the figures are, and how high τ can rise."""
    measured = comparison.study["rows"][0]["test"]
    final, ceiling = measured["final"], comparison.ceiling(final=True)
    most = "" if ceiling is None else f"; ties leave τ at most {ceiling:.3f}"
    return (
        f"**How accurate are networks of {comparison.study['zoo']}?** {final['n']:,} final checkpoints of "
        f"{final['num_runs']:,} test runs, {measured['n']:,} with earlier ones{most}."
    )


def accuracy_lines(comparison: Comparison) -> list[list[str]]:
    """The cells of a comparison's table, under `COLUMNS`; but for the last τ they are of final checkpoints."""
    return [_cells(comparison, entry) for entry in comparison.entries]


def _cells(comparison: Comparison, entry: Entry) -> list[str]:
    spread = "" if entry.std is None else f" ± {entry.std:.3f}"
    is_images = entry.kind == "labelled images"
    worth = [
        "" if is_images else write_images(comparison.worth(entry, figure, final=True))
        for figure in ("kendall_tau", "mean_absolute_error")
    ]
    return [
        f"**{entry.name}**" if entry.kind == "model" else entry.name,
        entry.reads,
        f"{_figure(entry, 'kendall_tau')}{spread}",
        _figure(entry, "r_squared"),
        _figure(entry, "mean_absolute_error", digits=4),
        _figure(entry, "kendall_tau_above_chance"),
        *worth,
        _figure(entry, "kendall_tau", final=False),
        str(entry.seeds) if entry.kind == "model" else "",
    ]


def write_images(images: float | None) -> str:
    """A number of labelled images as text, of two digits."""
    if images is None:
        return "–"
    if images < NUM_IMAGES[0]:
        return f"< {NUM_IMAGES[0]}"
    return f"> {NUM_IMAGES[-1]:,}" if images > NUM_IMAGES[-1] else f"{float(f'{images:.2g}'):,.0f}"


def _figure(entry: Entry, name: str, *, digits: int = 3, final: bool = True) -> str:
    value = figure_of(entry.figures, name, final=final)
    return "–" if value is None else f"{value:.{digits}f}"


def _table(comparison: Comparison) -> str:
    rule = ["---" if i < NUM_WORDS else "--:" for i in range(len(COLUMNS))]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (COLUMNS, rule, *accuracy_lines(comparison)))
