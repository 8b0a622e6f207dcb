"""From the options of `ngcore zoo build` to the two kinds of build."""

import dataclasses
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from ngcore.errors import NeuralGraphError

if TYPE_CHECKING:
    from ngcore.workers import Workers
    from ngcore.zoo import Zoo

Progress = Callable[[int, int], None]


class Recipe(StrEnum):
    """How to fit INRs."""

    PUBLISHED = "published"
    CHEAP = "cheap"
    MATCHED = "matched"


def build_inrs(
    name: str,
    folder: Path,
    *,
    count: str | None,
    steps: int | None,
    passes: float | None,
    recipe: Recipe | None,
    workers: "Workers",
    seed: int,
    device: str,
    progress: Progress,
) -> "Zoo":
    """Fit the INRs of a zoo."""
    if passes is not None:
        raise NeuralGraphError(f"Expected no --passes for {name}: it is for CNNs; use --steps.")
    from ngcore.inr import CHEAP_RECIPE, MATCHED_RECIPE, FitConfig
    from ngcore.zoo import build_inr_zoo

    configs = {Recipe.CHEAP: CHEAP_RECIPE, Recipe.MATCHED: MATCHED_RECIPE}
    config = configs.get(recipe or Recipe.PUBLISHED, FitConfig())
    if steps is not None:
        config = dataclasses.replace(config, steps=steps)
    return build_inr_zoo(
        name,
        folder,
        count=_counts(count),
        config=config,
        seed=seed,
        device=device,
        workers=workers,
        progress=progress,
    )


def build_classifiers(
    name: str,
    folder: Path,
    *,
    count: str | None,
    steps: int | None,
    passes: float | None,
    recipe: Recipe | None,
    workers: "Workers",
    seed: int,
    device: str,
    progress: Progress,
) -> "Zoo":
    """Train the classifiers of a zoo."""
    from ngcore.zoo import CLASSIFIER_ZOOS, build_classifier_zoo

    runs = _counts(count)
    if isinstance(runs, tuple):
        raise NeuralGraphError(f"Expected one number of runs as --count of {name}, got {count!r}.")
    if recipe is not None:
        raise NeuralGraphError(f"Expected no --recipe for {name}: it is for INRs; leave it out.")
    if steps is not None:
        raise NeuralGraphError(f"Expected no --steps for {name}: it is for INRs; use --passes.")
    config = dataclasses.replace(CLASSIFIER_ZOOS[name].config, seed=seed)
    if passes is not None:
        config = dataclasses.replace(config, passes=passes)
    return build_classifier_zoo(
        name, folder, runs=runs, config=config, device=device, workers=workers, progress=progress
    )


def _counts(text: str | None) -> int | tuple[int, ...] | None:
    """The numbers in "2000" or "2000,200,200"."""
    if text is None:
        return None
    parts = text.split(",")
    if len(parts) not in (1, 3) or not all(part.strip().isdecimal() for part in parts):
        raise NeuralGraphError(f"Expected --count as one number or as train,validation,test, got {text!r}.")
    numbers = tuple(int(part) for part in parts)
    if numbers[0] == 0:
        raise NeuralGraphError(f"Expected --count of at least one network to train on, got {text!r}.")
    return numbers[0] if len(numbers) == 1 else numbers
