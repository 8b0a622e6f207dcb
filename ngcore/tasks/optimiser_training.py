"""The trainings behind the optimisers that ship, and from the end of one to a checkpoint with its card."""

import dataclasses
import hashlib
import math
from pathlib import Path
from typing import Any

import torch

from ngcore.device import choose_device, describe_device
from ngcore.errors import UnknownNameError
from ngcore.optim import PAPER_PRESETS, AnyRuleConfig, PaperConfig, RuleConfig, make_rule
from ngcore.optim.checkpoint import FOLDER, TASK
from ngcore.paths import work_folder
from ngcore.tasks.evolution import EvolutionConfig, EvolutionTrainer
from ngcore.tasks.meta_trainer import MetaTrainer, Report, run_optimiser
from ngcore.tasks.meta_training import MetaConfig, WindowTrainer
from ngcore.tasks.optimisees import NUM_VALIDATION, SIDES, ImagesBySize, TrainingImages
from ngcore.tasks.paper_training import PaperMetaConfig, PaperTrainer
from ngcore.training.checkpoint import save_checkpoint
from ngcore.training.processes import joined_processes
from ngcore.zoo.images import ImageSet, fetch_images
from ngcore.zoo.preprocessing import to_grey_splits

AnyConfig = EvolutionConfig | MetaConfig | PaperMetaConfig

OPTIMISER_RECIPES: dict[str, tuple[AnyConfig, AnyRuleConfig]] = {
    "optimiser-ng-gnn": (EvolutionConfig(), RuleConfig(d=8)),
    "optimiser-ng-t": (EvolutionConfig(), RuleConfig(kind="ng-t", d=8)),
    "optimiser-ng-sweep": (EvolutionConfig(), RuleConfig(kind="ng-sweep", d=8)),
    "optimiser-ng-gnn-windows": (MetaConfig(updates=600, validate_every=100), RuleConfig()),
    "optimiser-ng-gnn-paper": (
        PaperMetaConfig(updates=332, validate_every=83, num_networks=4),
        PAPER_PRESETS["ng-gnn-paper"],
    ),
    "optimiser-ng-t-paper": (
        PaperMetaConfig(updates=292, validate_every=73, num_networks=4),
        PAPER_PRESETS["ng-t-paper"],
    ),
    "optimiser-per-parameter-mlp": (
        PaperMetaConfig(updates=780, validate_every=195),
        PAPER_PRESETS["per-parameter-mlp"],
    ),
    "optimiser-per-parameter-lstm": (
        PaperMetaConfig(updates=852, validate_every=213, num_networks=4),
        PAPER_PRESETS["per-parameter-lstm"],
    ),
}


def train_optimiser(
    name: str,
    *,
    out: Path | str | None = None,
    seed: int = 0,
    device: str = "auto",
    max_seconds: float | None = None,
    report: Report | None = None,
) -> dict[str, Any] | None:
    """Train what `OPTIMISER_RECIPES[name]` says, resuming where an earlier call stopped, and write the checkpoint.

    The rule is the best by accuracy on training images that were held out; test images are not used. Under `torchrun`
    the processes share out the tasks of each update (of evolution strategies), and the first writes.

    Args:
        name: Key of `OPTIMISER_RECIPES`.
        out: Folder of the checkpoint; None: in the work folder.
        seed: Root of every random draw.
        device: See `ngcore.device`.
        max_seconds: Stop this call after this time, at the next validation; call again to continue.
        report: Called after each validation.

    Returns:
        The card; None if `max_seconds` ended the call before the training was done, and in all processes but the first.

    Raises:
        UnknownNameError: If there is no such recipe.
        DataError: If the images cannot be had.
    """
    if name not in OPTIMISER_RECIPES:
        raise UnknownNameError("recipe of an optimiser", name, OPTIMISER_RECIPES)
    config, rule = OPTIMISER_RECIPES[name]
    config = dataclasses.replace(config, seed=seed)
    sets = {images: fetch_images(images) for images in config.image_sets}
    where = choose_device(device)
    images = {key: some.to(where) for key, some in training_images(sets, SIDES).items()}
    folder = folder_of_optimiser(name, seed)
    with joined_processes() as process:
        trainer = _trainer(config, rule, images)
        state = trainer.run(
            work_folder() / "runs" / folder.name,
            max_seconds=math.inf if max_seconds is None else max_seconds,
            report=report,
        )
    if state is None or process.rank > 0:
        return None
    card = _card(name, trainer, config, sets, state) | {"seeds": [seed]}
    card["command"] = f"ngcore train {name}" + (f" --seed {seed}" if seed else "")
    return save_checkpoint(out or folder, state["best"]["rule"], card)


def _trainer(config: AnyConfig, rule: AnyRuleConfig, images: ImagesBySize) -> MetaTrainer:
    if isinstance(config, PaperMetaConfig):
        assert isinstance(rule, PaperConfig)
        return PaperTrainer(config, images, rule)
    assert isinstance(rule, RuleConfig)
    if isinstance(config, EvolutionConfig):
        return EvolutionTrainer(config, images, rule)
    return WindowTrainer(config, images, rule)


def folder_of_optimiser(name: str, seed: int = 0) -> Path:
    """Where the checkpoint of a training is written: in the work folder, under a name that tells the seed."""
    return work_folder() / FOLDER / (f"{name}-seed{seed}" if seed else name)


def training_images(sets: dict[str, ImageSet], sides: tuple[int, ...]) -> ImagesBySize:
    """Grey image sets at several sizes."""
    splits = {name: to_grey_splits(images) for name, images in sets.items()}
    return {(name, side): TrainingImages.of(split, side) for name, split in splits.items() for side in sides}


def _card(
    name: str,
    trainer: MetaTrainer,
    config: AnyConfig,
    sets: dict[str, ImageSet],
    state: dict[str, Any],
) -> dict[str, Any]:
    """What a card says but for time, seeds and command."""
    rule = trainer.rule.config
    best = make_rule(rule).to(trainer.device)
    best.load_state_dict(state["best"]["rule"])
    rows = []
    for task in trainer.validation_tasks():
        measured = (
            run_optimiser(one, task, trainer.images, num_networks=4, seed=config.seed + 1) for one in (best, None)
        )
        (accuracy, loss), (base_accuracy, base_loss) = measured
        row = {"architecture": task.architecture.name, "images": task.images, "steps": task.total_steps}
        rows.append(row | {"accuracy": accuracy, "loss": loss, "base_accuracy": base_accuracy, "base_loss": base_loss})
    digest = hashlib.sha256("".join(images.hash for images in sets.values()).encode()).hexdigest()
    return {
        "name": name,
        "preset": name.removeprefix("optimiser-"),
        "task": TASK,
        "model": rule.to_dict(),
        "corpus": {
            "name": " and ".join(sets),
            "sha256": digest,
            "recipe": {"sides": list(SIDES), "held_out": NUM_VALIDATION},
            "counts": {key: len(found.train_labels) - NUM_VALIDATION for key, found in sets.items()},
        },
        "training": {
            "config": dataclasses.asdict(config),
            "steps": state["update"],
            "best_step": state["best"]["update"],
            "seconds": state["seconds"],
            "networks_per_second": config.networks_of_update * state["update"] / state["seconds"],
            "device": "cpu" if trainer.device.type == "cpu" else describe_device(trainer.device),
            "cores": torch.get_num_threads(),
        },
        "metrics": {"validation": {"n": NUM_VALIDATION, "tasks": rows, "diverged": state["diverged"]}},
        "parameters": sum(parameter.numel() for parameter in best.parameters()),
    }
