"""Calibrating a model on the validation split of its zoo: what its card says about how far to trust its answers.

`calibrate` makes two fields of a card and one file beside it:

    conformal     kind ("interval" or "classes"), zoo, its hash and the split, quantiles by family and level, the
                  spread of residuals or the temperature, and the coverage measured on the test split
    out_of_zoo    file and SHA-256 of the reference, numbers of networks and runs, the firing rate on test, and those
                  for networks unlike the zoo's where they were measured
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ngcore.device import choose_device
from ngcore.errors import CheckpointError, ZooError
from ngcore.models import Model
from ngcore.tasks.accuracy_figures import final_checkpoints
from ngcore.tasks.checkpoints import find_checkpoint, load_checkpoint
from ngcore.tasks.conformal import LEVELS, POOLED, SMALLEST_PROBABILITY, Spread, run_quantile, tempered
from ngcore.tasks.corpus import Corpus
from ngcore.tasks.coverage import confidence_error, measure_coverage
from ngcore.tasks.edit_strengths import FIELD, measure_strengths
from ngcore.tasks.reading import Reading, read_corpus, runs_of
from ngcore.tasks.reference import REFERENCE_FILE, Reference
from ngcore.training import read_card, write_card
from ngcore.zoo import SPLITS, Zoo, find_zoo

THIRD = "third of test"

FLAG_LEVEL = 0.05
"""Share of the zoo's own networks for which the out-of-zoo flag fires."""

MIN_TRAIN, MAX_TRAIN = 20, 1_000
MAX_MEASURED = 4_000
KINDS = {"predict": "interval", "classify": "classes"}


@dataclasses.dataclass(frozen=True)
class Calibration:
    """What calibration found.

    Attributes:
        fields: The fields "conformal" and "out_of_zoo" of the card, the latter without the file's SHA-256.
        reference: What becomes the file beside the card; None where there were fewer than `MIN_TRAIN` networks.
    """

    fields: dict[str, Any]
    reference: Reference | None

    def save_reference(self, folder: Path) -> dict[str, Any]:
        """Write the reference into the checkpoint's folder and return the fields for the card, with its SHA-256."""
        if self.reference is None:
            return self.fields
        sha256 = self.reference.save(folder)
        return {**self.fields, "out_of_zoo": {**self.fields["out_of_zoo"], "sha256": sha256}}


def calibrate(
    model: Model, task: str, corpora: Mapping[str, Corpus], *, device: torch.device | str = "cpu"
) -> Calibration | None:
    """Calibrate a model on its validation split and measure on test what was promised.

    Args:
        model: In evaluation mode, on `device`.
        task: Its task.
        corpora: The splits "train", "validation" and, if coverage is to be measured, "test".
        device: Where to compute.

    Returns:
        None for tasks without a class or an accuracy to be sure of.
    """
    if task not in KINDS:
        return None
    place = choose_device(device) if isinstance(device, str) else device
    model.eval()
    limits = {"train": MAX_TRAIN, "validation": MAX_MEASURED, "test": MAX_MEASURED}
    read = {
        split: read_corpus(model, task, corpora[split], place, limit=limit)
        for split, limit in limits.items()
        if split in corpora
    }
    train, validation, zoo = read["train"], read["validation"], corpora["validation"].zoo
    fit = _fit_intervals if task == "predict" else _fit_classes
    about = {"zoo": zoo.name, "zoo_sha256": zoo.hash, "split": corpora["validation"].split}
    conformal = {"kind": KINDS[task], **about, **fit(train, validation)}
    test = read.get("test")
    if test is not None:
        covered = measure_coverage({"conformal": conformal}, test, groups=_final(zoo, test))
        conformal["coverage"] = [row.to_dict() for row in covered]
        if task == "classify":
            conformal["confidence_error"] = _confidence_errors(test, conformal["temperature"])
    if len(train.runs) < MIN_TRAIN:
        return Calibration({"conformal": conformal}, None)
    known = (validation.embeddings, validation.traits)
    reference = Reference.fit((train.embeddings, train.traits), known, validation.runs)
    return Calibration({"conformal": conformal, "out_of_zoo": _describe(reference, test)}, reference)


def _final(zoo: Zoo, reading: Reading) -> dict[str, NDArray[np.bool_]]:
    """The group of final checkpoints, where runs have others, too."""
    is_final: NDArray[np.bool_] = final_checkpoints(zoo)[reading.rows]
    return {} if len(np.unique(reading.runs)) == len(reading.runs) else {"final checkpoints": is_final}


def _describe(reference: Reference, test: Reading | None) -> dict[str, Any]:
    """The field "out_of_zoo" of a card, with the firing rate on networks of the test split."""
    networks, runs = len(reference.embeddings), reference.num_runs
    fields = {"file": REFERENCE_FILE, "networks": networks, "runs": runs, "level": FLAG_LEVEL}
    if test is None:
        return fields
    p_values = reference.p_values(test.embeddings, test.traits)["all"]
    return fields | {"test": {"n": len(p_values), "fires": float((p_values < FLAG_LEVEL).mean())}}


def calibrate_checkpoint(
    name: str | Path, *, zoo_folder: Path | str | None = None, device: str = "auto", replace: bool = False
) -> dict[str, Any]:
    """Calibrate a checkpoint that exists; its weights are never written.

    Args:
        name: Name or folder of the checkpoint.
        zoo_folder: The zoo; None: the one that it was trained on, found by name.
        device: See `ngcore.device`.
        replace: Whether to write the reference and the card again, with what was found.

    Returns:
        The card as it is, or would be, with the fields "conformal" and "out_of_zoo"; that of a model that edits with
        the field "strengths", see `EditStrengths`.

    Raises:
        CheckpointError: If the model answers with nothing that can be calibrated.
        ZooError: If the zoo has too few networks to calibrate on.
    """
    folder = find_checkpoint(name)
    checkpoint = load_checkpoint(folder, device)
    card = read_card(folder)
    zoo = Zoo.open(zoo_folder or find_zoo(card["corpus"]["name"]))
    if card["task"] == "edit":
        strengths = measure_strengths(checkpoint, corpora_of(zoo)["validation"])
        changed = card | {FIELD: strengths.to_dict()}
        return write_card(folder, changed) if replace else changed
    found = calibrate(checkpoint.model, card["task"], corpora_of(zoo), device=checkpoint.device)
    if found is None:
        raise CheckpointError(
            "Expected a model that predicts classes or accuracies, or edits, got "
            f"{checkpoint.name} for {card['task']!r}."
        )
    return write_card(folder, card | found.save_reference(folder)) if replace else card | found.fields


def add_firing(name: str | Path, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Write firing rates into the card of a calibrated checkpoint, as its field "out_of_zoo"."firing".

    Args:
        name: Name or folder of the checkpoint.
        rows: See `measure_firing`; kinds that the model reads none of are left out.

    Returns:
        The card.
    """
    folder = find_checkpoint(name)
    card = read_card(folder)
    firing = [dict(row) for row in rows if row["n"]]
    return write_card(folder, {**card, "out_of_zoo": {**card["out_of_zoo"], "firing": firing}})


def corpora_of(zoo: Zoo) -> dict[str, Corpus]:
    """The splits of a zoo for calibration; of a sample that holds the test split alone, random thirds of that, by run.

    Networks of the test split were neither trained on nor chosen by, so that each third may stand for another split.

    Raises:
        ZooError: If it has neither all splits nor three runs of test networks.
    """
    if set(SPLITS) <= set(zoo.metadata["split"]):
        return {split: Corpus.load(zoo, split) for split in SPLITS}
    rows = zoo.rows(split="test")
    _, run = np.unique(runs_of(zoo, rows), return_inverse=True)
    if len(np.unique(run)) < len(SPLITS):
        raise ZooError(
            f"Expected networks of all splits in {zoo.name}, or at least {len(SPLITS)} runs of test networks, got "
            f"{len(np.unique(run))} runs of test networks."
        )
    third = np.random.default_rng(0).permutation(run.max() + 1)[run] % len(SPLITS)
    return {split: Corpus.of_rows(zoo, THIRD, rows[third == number]) for number, split in enumerate(SPLITS)}


def _fit_intervals(train: Reading, validation: Reading) -> dict[str, Any]:
    spread = Spread.fit(train.answers[:, 0].double().numpy(), train.truth.double().numpy())
    predicted = validation.answers[:, 0].double().numpy()
    scores = np.abs(validation.truth.double().numpy() - predicted) / spread(predicted)
    return {
        "score": "|truth − prediction| / spread(prediction)",
        "spread": {"predicted": list(spread.predicted), "residual": list(spread.residual)},
        "quantiles": _quantiles(scores, validation),
    }


def _fit_classes(train: Reading, validation: Reading) -> dict[str, Any]:
    probabilities, labels = validation.answers.double().numpy(), validation.truth.numpy()
    scores = 1 - probabilities[np.arange(len(labels)), labels]
    return {
        "score": "1 − probability of the true class",
        "temperature": _temperature(probabilities, labels),
        "quantiles": _quantiles(scores, validation),
    }


def _confidence_errors(reading: Reading, temperature: float) -> dict[str, float]:
    """Expected calibration error of a model's own confidence, and of the calibrated one."""
    probabilities, labels = reading.answers.double().numpy(), reading.truth.numpy()
    return {
        "raw": confidence_error(probabilities, labels),
        "calibrated": confidence_error(probabilities, labels, temperature),
    }


def _quantiles(scores: NDArray[np.float64], reading: Reading) -> dict[str, Any]:
    """Runs, networks and a quantile for each level, of all families together and of each; null where runs are few."""
    groups = {POOLED: np.ones(len(scores), bool)}
    families = np.unique(reading.families)
    groups |= {str(family): reading.families == family for family in families if len(families) > 1}
    return {name: _quantiles_of(scores[own], reading.runs[own]) for name, own in groups.items()}


def _quantiles_of(scores: NDArray[np.float64], runs: NDArray[np.int64]) -> dict[str, Any]:
    found = {str(level): run_quantile(scores, runs, level) for level in LEVELS}
    levels = {level: quantile if math.isfinite(quantile) else None for level, quantile in found.items()}
    return {"runs": len(np.unique(runs)), "networks": len(runs), "levels": levels}


def _temperature(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """The temperature with the smallest cross-entropy."""
    from scipy.optimize import minimize_scalar

    def cross_entropy(log_temperature: float) -> float:
        chosen = tempered(probabilities, math.exp(log_temperature))[np.arange(len(labels)), labels]
        return -float(np.log(np.maximum(chosen, SMALLEST_PROBABILITY)).mean())

    return math.exp(minimize_scalar(cross_entropy, bounds=(-2.5, 2.5), method="bounded").x)
