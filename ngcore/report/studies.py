"""Studies: many short trainings that differ in one or two respects, or all editors compared, and their tables."""

import dataclasses
import logging
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ngcore.errors import DataError, UnknownNameError
from ngcore.locks import only_one
from ngcore.paths import ASSETS
from ngcore.report.accuracy_baselines import run_accuracy_baselines
from ngcore.report.accuracy_studies import ACCURACY_STUDIES, Base, accuracy_study
from ngcore.report.cells import Cell, Study, train_cell
from ngcore.report.edit_study import QUESTION, edit_study
from ngcore.report.extremes import run_extremes
from ngcore.report.study_files import (
    BASELINES_STUDY,
    EDITING,
    EXTREMES,
    OPTIMISERS,
    own_studies,
    read_study,
    rows_of,
    write_study,
)
from ngcore.tasks.problems import Augmentation
from ngcore.tasks.recipes import MOVES, PURE_MOVES, Recipe
from ngcore.training import TrainConfig
from ngcore.training.config import Precision
from ngcore.zoo import Zoo, find_zoo

EDITED_ZOO = "mnist-inrs"
PREDICTED_ZOO = "cifar10-gs-cnns"

Row = dict[str, Any]

logger = logging.getLogger(__name__)


def _classifier(
    preset: str,
    *,
    steps: int,
    batch_size: int = 128,
    moves: Augmentation = MOVES,
    precision: Precision = "bf16-mixed",
    changes: Mapping[str, Any] | None = None,
) -> Recipe:
    """A short training on MNIST INRs: a preset with some numbers changed."""
    config = TrainConfig(
        steps=steps,
        batch_size=batch_size,
        learning_rate=2e-3,
        warmup_steps=min(300, steps // 5),
        schedule="cosine",
        ema_decay=0.99,
        validate_every=max(1, steps // 5),
        precision=precision,
    )
    return Recipe.of("classify", "mnist-inrs", preset, config, augmentation=moves, **(changes or {}))


def _probes_and_data() -> Iterator[Cell]:
    for share, count in ((1, 550), (3, 1_650), (10, 5_500), (30, 16_500), (100, 55_000)):
        for probes in (0, 16, 64):
            changes = {"num_probes": probes, "generates_probes": probes > 0}
            recipe = _classifier("ng-sweep", steps=1_500, changes=changes)
            yield Cell(setting={"networks": f"{share} %", "probes": probes}, recipe=recipe, num_networks=count)


def _normalisations() -> Iterator[Cell]:
    variants: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("per layer, of the corpus", "layer norm", {}),
        ("none", "layer norm", {"input_scaling": "none"}),
        ("per layer, of each network", "layer norm", {"input_scaling": "network"}),
        ("per layer, of the corpus", "batch norm", {"norm": "batch"}),
        ("per layer, of the corpus", "RMS norm", {"norm": "rms"}),
    )
    for weights, features, changes in variants:
        recipe = _classifier("ng-gnn-signs", steps=400, batch_size=64, changes=changes)
        yield Cell(setting={"weights standardised": weights, "node features": features}, recipe=recipe)


def _parts() -> Iterator[Cell]:
    variants: tuple[tuple[str, Augmentation, dict[str, Any]], ...] = (
        ("none", MOVES, {}),
        ("weights without noise", PURE_MOVES, {}),
        ("images not moved", Augmentation(noise=MOVES.noise), {}),
        ("neither noise nor moves", Augmentation(), {}),
        ("half as wide", MOVES, {"d_node": 64}),
        ("two sweeps, forth and back", MOVES, {"num_layers": 2}),
        ("hidden neurons read too", MOVES, {"readout": "all"}),
        ("wide MLP at the outputs", MOVES, {"d_output": 512}),
        ("weights not standardised", MOVES, {"input_scaling": "none"}),
    )
    for change, moves, changes in variants:
        recipe = _classifier("ng-sweep", steps=1_500, moves=moves, changes=changes)
        yield Cell(setting={"change": change}, recipe=recipe)


def _numbers_of_probes() -> Iterator[Cell]:
    for probes in (0, 16, 64, 128):
        for is_generated in (False, True) if probes else (False,):
            changes = {"num_probes": probes, "generates_probes": is_generated}
            kind = "generated" if is_generated else "free" if probes else "–"
            recipe = _classifier("ng-sweep", steps=1_200, changes=changes)
            yield Cell(setting={"model": "NG-Sweep", "probes": probes, "kind": kind}, recipe=recipe)
    for probes in (16, 64, 128):
        changes = {"num_probes": probes}
        recipe = _classifier("output-probes-64", steps=1_200, moves=PURE_MOVES, precision="32-true", changes=changes)
        yield Cell(setting={"model": "outputs only", "probes": probes, "kind": "generated"}, recipe=recipe)


STUDIES: dict[str, Study] = {
    "probes-and-data": Study(
        question="Do probes help when training networks are scarce?",
        zoo="mnist-inrs",
        cells=tuple(_probes_and_data()),
    ),
    "normalisation": Study(
        question="What does normalisation do to NG-GNN, of the weights it reads and of its node features?",
        zoo="mnist-inrs",
        cells=tuple(_normalisations()),
    ),
    "number-of-probes": Study(
        question="How many probes are worth their time, and should they be generated?",
        zoo="mnist-inrs",
        cells=tuple(_numbers_of_probes()),
    ),
    "parts": Study(
        question="Which parts of NG-Sweep and of its training help?",
        zoo="mnist-inrs",
        cells=tuple(_parts()),
    ),
}


def study_names() -> tuple[str, ...]:
    """All studies, in the order in which they are shown."""
    return (*zoo_study_names(), OPTIMISERS)


def zoo_study_names() -> tuple[str, ...]:
    """Those that are about a zoo."""
    return (*STUDIES, EDITING, EXTREMES, BASELINES_STUDY, *ACCURACY_STUDIES)


def zoo_of_study(name: str) -> str:
    """Name of the zoo that a study is about unless another is named.

    Raises:
        UnknownNameError: If there is no such study, or it is about no zoo; the message lists the choices.
    """
    if name not in zoo_study_names():
        raise UnknownNameError("study", name, zoo_study_names())
    if name in STUDIES:
        return STUDIES[name].zoo
    return EDITED_ZOO if name in (EDITING, EXTREMES) else PREDICTED_ZOO


def run_study(
    name: str,
    out: Path,
    *,
    zoo_folder: Path | str | None = None,
    device: str = "auto",
    limit: int | None = None,
    preset: str | None = None,
    steps: int | None = None,
    progress: Callable[[int, int, str], object] | None = None,
) -> dict[str, Any]:
    """Make the rows of a study and write them after each; rows that are there already are not made again.

    Args:
        name: One of `zoo_study_names`; for that of optimisers see `run_optimiser_study`.
        out: The .json file.
        zoo_folder: The zoo; None: the one found by name.
        device: See `ngcore.device`.
        limit: At most this many networks of each split.
        preset: For `ACCURACY_STUDIES`: the model that is varied; None: that of `Base`.
        steps: For the same: steps of each training.
        progress: Called with the number of rows done, that of all rows, and the current one.

    Returns:
        The contents of the file: name, question, zoo with its hash, and rows.

    Raises:
        UnknownNameError: If there is no such study; the message lists the choices.
    """
    zoo = Zoo.open(zoo_folder or find_zoo(zoo_of_study(name)))
    if name == EDITING:
        return _run_edit_study(out, zoo, device=device, limit=limit, progress=progress)
    if name == EXTREMES:
        return run_extremes(out, zoo, device=device, limit=limit, progress=progress)
    if name == BASELINES_STUDY:
        return run_accuracy_baselines(out, zoo, limit=limit, progress=progress)
    head = study_head(name, zoo, preset=preset, steps=steps)
    study = STUDIES[name] if name in STUDIES else accuracy_study(name, zoo, _base(preset, steps))
    return _train_cells(head, study, out, zoo, device=device, limit=limit, progress=progress)


def study_head(name: str, zoo: Zoo, *, preset: str | None = None, steps: int | None = None) -> dict[str, Any]:
    """What the file of a study begins with: its name and zoo, and what is varied where it can be chosen.

    Args:
        name: One of `zoo_study_names`.
        zoo: What it is about.
        preset: See `run_study`.
        steps: See `run_study`.
    """
    head = {"name": name, "zoo": zoo.name, "zoo_sha256": zoo.hash}
    if name in STUDIES:
        return head | {"question": STUDIES[name].question}
    if name in ACCURACY_STUDIES:
        return head | {"question": ACCURACY_STUDIES[name][0], **dataclasses.asdict(_base(preset, steps))}
    return head


def _base(preset: str | None, steps: int | None) -> Base:
    base = Base()
    return Base(preset=preset or base.preset, steps=steps or base.steps)


def _train_cells(
    head: dict[str, Any],
    study: Study,
    out: Path,
    zoo: Zoo,
    *,
    device: str,
    limit: int | None,
    progress: Callable[[int, int, str], object] | None,
) -> dict[str, Any]:
    """Train all cells of a study; one row per cell."""
    with only_one(out, f"the study {head['name']}"):
        rows = {row["key"]: row for row in rows_of(out, head)}
        for number, cell in enumerate(study.cells):
            if progress is not None:
                progress(number, len(study.cells), cell.key)
            if cell.key not in rows:
                rows[cell.key] = train_cell(
                    head["name"], cell, zoo, num_measured=study.num_measured, limit=limit, device=device
                )
                write_study(out, {**head, "rows": [rows[c.key] for c in study.cells if c.key in rows]})
    return {**head, "rows": [rows[cell.key] for cell in study.cells]}


def _run_edit_study(
    out: Path,
    zoo: Zoo,
    *,
    device: str,
    limit: int | None,
    progress: Callable[[int, int, str], object] | None,
) -> dict[str, Any]:
    """Measure editors and their references (see `edit_study`), all at once."""
    if progress is not None:
        progress(0, 1, "editing and refitting")
    rows = edit_study(zoo, device=device, limit=limit)
    content = {"name": EDITING, "question": QUESTION, "zoo": zoo.name, "zoo_sha256": zoo.hash, "rows": rows}
    write_study(out, content)
    return content


def list_studies(*, shipped: bool = False) -> list[dict[str, Any]]:
    """What the files of studies hold (see `run_study`), in the order of `study_names`, then of zoos.

    A file that is damaged is left out, with a warning in the log.

    Args:
        shipped: Only those that ship, even where others of their names are here.
    """
    folders = [ASSETS / "studies", *([] if shipped else [own_studies()])]
    paths = {path.name: path for folder in folders for path in sorted(folder.glob("[!.]*.json"))}
    found = []
    for path in paths.values():
        try:
            found.append(read_study(path))
        except DataError as error:
            logger.warning("%s", error)
    places = {name: place for place, name in enumerate(study_names())}
    known = [study for study in found if study["name"] in places]
    return sorted(known, key=lambda study: (places[study["name"]], study["zoo"]))
