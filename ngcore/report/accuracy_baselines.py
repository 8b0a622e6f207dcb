"""Baselines of accuracy prediction on one zoo, written one by one into the file of a study."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ngcore.locks import only_one
from ngcore.report.study_files import BASELINES_STUDY, Row, rows_of, write_study
from ngcore.tasks.baselines import BASELINES, Subject, measure_baseline, shorten_kinds
from ngcore.tasks.labelled_images import NUM_IMAGES, measure_by_images
from ngcore.zoo import Zoo

QUESTION = "What does a prediction of accuracy have to beat, and how many labelled images is it worth?"
IMAGES = "labelled images"
DIGITS = 6


def run_accuracy_baselines(
    out: Path,
    zoo: Zoo,
    *,
    limit: int | None = None,
    progress: Callable[[int, int, str], object] | None = None,
) -> dict[str, Any]:
    """Measure all baselines on a zoo and write the results after each; those with results are not measured again.

    Args:
        out: The .json file.
        zoo: With training, validation and test networks.
        limit: At most this many networks of each split.
        progress: Called with the number of rows done, that of all rows, and the current one.

    Returns:
        The contents of the file: name, question, zoo with its hash, and one row per baseline and number of images.

    Raises:
        ZooError: If a split has no networks with accuracies.
    """
    subject = Subject.of(zoo, limit=limit)
    content = {"name": BASELINES_STUDY, "question": QUESTION, "zoo": zoo.name, "zoo_sha256": zoo.hash}
    keys = [*BASELINES, *(f"images-{k}" for k in NUM_IMAGES)]
    with only_one(out, f"the study {BASELINES_STUDY}"):
        rows = {row["key"]: row for row in rows_of(out, content)}
        for number, key in enumerate(keys):
            if progress is not None:
                progress(number, len(keys), key)
            if key not in rows:
                rows[key] = _baseline_row(key, subject) if key in BASELINES else _images_row(key, subject)
                write_study(out, {**content, "rows": [rows[k] for k in keys if k in rows]})
    return {**content, "rows": [rows[key] for key in keys]}


def _baseline_row(key: str, subject: Subject) -> Row:
    baseline, started = BASELINES[key], time.perf_counter()
    measured = measure_baseline(baseline, subject)
    return {
        "key": key,
        "setting": {"baseline": baseline.words, "reads": baseline.reads},
        **_rounded(measured),
        "seconds": round(time.perf_counter() - started, 1),
    }


def _images_row(key: str, subject: Subject) -> Row:
    num_images = int(key.rpartition("-")[2])
    figures = measure_by_images(subject.zoo, subject.rows[subject.split("test")], num_images)
    return {
        "key": key,
        "setting": {"baseline": f"{num_images:,} {IMAGES}", "reads": IMAGES},
        "num_images": num_images,
        "test": _rounded({**figures, "kinds": shorten_kinds(figures["kinds"])}),
    }


def _rounded(value: Any) -> Any:
    """Figures as JSON holds them: rounded, and None for what is not finite."""
    if isinstance(value, dict):
        return {name: _rounded(one) for name, one in value.items()}
    if isinstance(value, float):
        return round(value, DIGITS) if np.isfinite(value) else None
    return value


def curve_of(rows: list[Row], figure: str, *, final: bool) -> dict[int, float]:
    """A test figure of measurements with k labelled images, by k; without those that have none.

    Args:
        rows: Of the study.
        figure: A key of `accuracy_figures`.
        final: Whether of final checkpoints alone.
    """
    found = {row["num_images"]: figure_of(row["test"], figure, final=final) for row in rows if "num_images" in row}
    return {k: value for k, value in found.items() if value is not None}


def figure_of(figures: Mapping[str, Any], name: str, *, final: bool) -> float | None:
    """One of the figures of all, or of final, checkpoints; None where there is none, as in older cards."""
    return (figures.get("final", {}) if final else figures).get(name)
