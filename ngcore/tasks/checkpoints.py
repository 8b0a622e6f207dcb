"""Trained models by name: what was trained here, what ships, and how to load one."""

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ngcore.device import choose_device
from ngcore.errors import CheckpointError, UnknownNameError
from ngcore.files import reading
from ngcore.models import InputSpec, Model, ModelConfig, build_model, can_be_width_stable, width_stable_copy
from ngcore.networks import Architecture, Shape
from ngcore.paths import ASSETS, work_folder
from ngcore.tasks.recipes import RECIPES
from ngcore.training import load_weights, read_card
from ngcore.training.checkpoint import REMEDY

CARD_FILE = "card.json"


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """A trained model and its card.

    Attributes:
        name: Name of its folder.
        model: In evaluation mode, on `device`.
        card: Preset, task, corpus, training, metrics; see `ngcore.training.checkpoint`.
        device: Where it computes.
        folder: Where its files lie; None where it was made in memory.
    """

    name: str
    model: Model
    card: dict[str, Any]
    device: torch.device
    folder: Path | None = None


@dataclasses.dataclass(frozen=True)
class CheckpointListing:
    """What lies in the folders that are searched for checkpoints.

    Attributes:
        cards: By name, sorted.
        folders: By name.
        damaged: Why a checkpoint can't be read and what to do, by name.
    """

    cards: dict[str, dict[str, Any]]
    folders: dict[str, Path]
    damaged: dict[str, str]


def checkpoint_roots() -> list[Path]:
    """Folders that are searched; of two checkpoints of a name that of the earlier folder counts.

    `$NGCORE_CHECKPOINTS`, `checkpoints` in the work folder, `checkpoints` in the assets.
    """
    named = os.environ.get("NGCORE_CHECKPOINTS")
    return [*([Path(named)] if named else []), work_folder() / "checkpoints", ASSETS / "checkpoints"]


def survey_checkpoints(task: str | None = None, *, shipped: bool = False) -> CheckpointListing:
    """Look at all cards; a damaged one is an entry of the list, never an error.

    Args:
        task: Only those of this task: "classify", "predict" or "edit".
        shipped: Only those that ship, even where others of their names are here.
    """
    return survey(_folders(checkpoint_roots()[-1:]) if shipped else find_checkpoints(), task)


def survey(found: Mapping[str, Path], task: str | None = None) -> CheckpointListing:
    """Look at the cards in folders; see `survey_checkpoints`."""
    cards, folders, damaged = {}, {}, {}
    for name, folder in sorted(found.items()):
        try:
            card = read_card(folder)
        except CheckpointError as error:
            damaged[name] = str(error)
        else:
            if task in (None, card["task"]):
                cards[name], folders[name] = card, folder
    return CheckpointListing(cards, folders, damaged)


def find_checkpoints() -> dict[str, Path]:
    """Folders of the checkpoints by name."""
    return _folders(checkpoint_roots())


def _folders(roots: list[Path]) -> dict[str, Path]:
    cards = [card for root in reversed(roots) for card in sorted(root.glob(f"*/{CARD_FILE}"))]
    return {card.parent.name: card.parent for card in cards}


def find_checkpoint(name: str | Path) -> Path:
    """Folder of a checkpoint by name; a folder of one is its own.

    Raises:
        UnknownNameError: If there is none of this name; the message lists those that there are.
        CheckpointError: If it has a recipe and was left out of an installed package.
    """
    if (Path(name) / CARD_FILE).is_file():
        return Path(name)
    known = find_checkpoints()
    if str(name) not in known:
        refuse_left_out(str(name))
        raise UnknownNameError("checkpoint", str(name), known)
    return known[str(name)]


def refuse_left_out(name: str) -> None:
    """Say how to get a checkpoint that is known by its recipe, but was left out of an installed package.

    Raises:
        CheckpointError: If it is such a one.
    """
    if name in RECIPES and name not in find_checkpoints():
        raise CheckpointError(
            f"The checkpoint {name} is not installed: it ships with the source tree only. "
            f"Copy its folder from assets/checkpoints there into $NGCORE_CHECKPOINTS, or run: ngcore train {name}"
        )


def folder_of_training(name: str, *, seed: int = 0, limit: int | None = None, zoo: str | None = None) -> Path:
    """Where a training's checkpoint is written: in the work folder, under a name that says how it was trained.

    Args:
        name: The recipe.
        seed: Seed of the training.
        limit: Networks of each split, where not all were taken.
        zoo: Name of the zoo, where it is not the recipe's own.
    """
    suffix = (f"-on-{zoo}" if zoo else "") + (f"-seed{seed}" if seed else "") + (f"-limit{limit}" if limit else "")
    return work_folder() / "checkpoints" / f"{name}{suffix}"


def find_part(name: str, seed: int) -> Path:
    """Folder of a checkpoint that a training with a seed starts from or learns from: one of the same seed.

    Raises:
        UnknownNameError: If there is none of this name.
        CheckpointError: If it was not trained with this seed yet; the message says how to.
    """
    if seed == 0:
        return find_checkpoint(name)
    folder = folder_of_training(name, seed=seed)
    if not (folder / CARD_FILE).is_file():
        raise CheckpointError(
            f"Expected {name} of seed {seed} in {folder}, from which training with that seed continues; "
            f"run ngcore train {name} --seed {seed} first."
        )
    return folder


def list_checkpoints(task: str | None = None) -> list[dict[str, Any]]:
    """Cards of the checkpoints that can be read, by name; of one task if named ("classify", "predict" or "edit")."""
    return list(survey_checkpoints(task).cards.values())


def can_read(card: Mapping[str, Any], architecture: Architecture) -> bool:
    """Whether a model can answer about networks of an architecture.

    Their inputs and outputs must be like those of networks that it was trained on, and nothing in them larger than
    the model was built for.
    """
    known = [Architecture.from_dict(fields) for fields in card["model"]["architectures"]]
    is_alike = any(_ends(other) == _ends(architecture) for other in known)
    return is_alike and InputSpec.of(known).can_read(architecture, kind=card["model"]["config"]["kind"])


def _ends(architecture: Architecture) -> tuple[tuple[Shape, ...], tuple[Shape, ...], frozenset[int]]:
    """Shapes of inputs and outputs, and the values that are tokens."""
    outputs = tuple(architecture.shapes[value] for value in architecture.outputs)
    return architecture.input_shapes, outputs, architecture.token_values


def load_checkpoint(name: str | Path, device: torch.device | str = "auto", *, as_trained: bool = False) -> Checkpoint:
    """Load a checkpoint by name or folder.

    An NG-Sweep that was trained on networks of one architecture, sweeps once and reads outputs divides by the fan-in of
    those networks, also where it reads wider ones: about networks like those its answers are the same, about others
    better (see `width_stable_copy`). The card says so with "is_width_stable".

    Args:
        name: Of a checkpoint, or a folder.
        device: See `ngcore.device`.
        as_trained: Whether it divides by the fan-in of the networks that it reads, as in training.

    Raises:
        UnknownNameError: If there is none of this name; the message lists those that there are.
        CheckpointError: If a file is damaged, or weights and card do not fit.
    """
    folder = find_checkpoint(name)
    card = read_card(folder)
    with reading(folder / CARD_FILE, CheckpointError, remedy=REMEDY):
        model = _build(card)
    load_weights(model, folder)
    if not as_trained:
        model, card = _width_stable(model, card)
    return _ready(model, card, device, folder)


def restore_checkpoint(
    card: dict[str, Any], weights: Mapping[str, Tensor], device: torch.device | str = "auto"
) -> Checkpoint:
    """A checkpoint from its card and its weights, without its folder."""
    model = _build(card)
    model.load_state_dict(weights)
    return _ready(model, card, device, None)


def _build(card: Mapping[str, Any]) -> Model:
    return build_model(ModelConfig.from_dict(card["model"]["config"]), _architectures(card))


def _architectures(card: Mapping[str, Any]) -> list[Architecture]:
    return [Architecture.from_dict(entry) for entry in card["model"]["architectures"]]


def _width_stable(model: Model, card: dict[str, Any]) -> tuple[Model, dict[str, Any]]:
    """The width-stable copy of a model that has one, and a card that says so; others as they are."""
    architectures = _architectures(card)
    if len(architectures) > 1 or not can_be_width_stable(model) or card["model"]["config"].get("is_width_stable"):
        return model, card
    stable = width_stable_copy(model, architectures)
    return stable, {**card, "model": {**card["model"], "config": stable.config.to_dict()}}


def _ready(model: Model, card: dict[str, Any], device: torch.device | str, folder: Path | None) -> Checkpoint:
    place = choose_device(device) if isinstance(device, str) else device
    return Checkpoint(card["name"], model.to(place).eval(), card, place, folder)
