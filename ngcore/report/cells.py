"""What studies are made of: trainings, each with the networks that it learns from and is measured on."""

import dataclasses
import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ngcore.networks import Network
from ngcore.paths import work_folder
from ngcore.tasks.baselines import shorten_kinds
from ngcore.tasks.corpus import Corpus
from ngcore.tasks.recipes import Recipe
from ngcore.tasks.run import SPLITS, train_on
from ngcore.zoo import Zoo

SUBSET = 10_000
"""Training networks of a study that does not vary their number."""

Row = dict[str, Any]
Choose = Callable[[Zoo, str], np.ndarray]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cell:
    """One training of a study.

    Attributes:
        setting: What distinguishes it, in words, by column.
        recipe: What is trained.
        num_networks: Training networks, the first of the split.
        choose: Gives the positions of the networks of each split; None: all of it.
        hide: Takes from networks what the model is not to see; None: nothing.
    """

    setting: dict[str, str | int]
    recipe: Recipe
    num_networks: int = SUBSET
    choose: Choose | None = None
    hide: Callable[[Network], Network] | None = None

    @property
    def key(self) -> str:
        """Letters and digits that tell the cell from others of its study."""
        return "-".join(str(value).replace(" ", "_") for value in self.setting.values())

    def rows(self, zoo: Zoo, split: str) -> np.ndarray:
        """Positions of its networks of a split."""
        return zoo.rows(split=split) if self.choose is None else self.choose(zoo, split)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Study:
    """A question that a table answers.

    Attributes:
        question: In one sentence.
        zoo: The networks.
        cells: The trainings.
        num_measured: Networks of validation and of test that are measured, the first of each; None: all.
    """

    question: str
    zoo: str
    cells: tuple[Cell, ...]
    num_measured: int | None = 2_000


def train_cell(study: str, cell: Cell, zoo: Zoo, *, num_measured: int | None, limit: int | None, device: str) -> Row:
    """Train a cell and measure it; cells that train the same on the same networks are trained once.

    Args:
        study: Name of the study.
        cell: What to train.
        zoo: The networks.
        num_measured: See `Study`.
        limit: At most this many networks of each split.
        device: See `ngcore.device`.
    """
    count = min(cell.num_networks, limit or cell.num_networks)
    sizes = {"train": count} | {split: _least(num_measured, limit) for split in SPLITS}
    corpora = {split: Corpus.load(zoo, split, rows=cell.rows(zoo, split), limit=size) for split, size in sizes.items()}
    if cell.hide is not None:
        hidden = {split: tuple(map(cell.hide, corpus.stacks)) for split, corpus in corpora.items()}
        corpora = {split: dataclasses.replace(corpora[split], stacks=stacks) for split, stacks in hidden.items()}
    trained = train_on(cell.recipe, corpora, folder=_folder(study, cell, zoo, corpora), device=device)
    assert trained is not None  # no limit of time was given
    return {
        "key": cell.key,
        "setting": cell.setting,
        "preset": cell.recipe.preset,
        "training_networks": len(corpora["train"]),
        "steps": trained.result.steps,
        **{split: _short(figures) for split, figures in trained.metrics.items()},
        "parameters": sum(p.numel() for p in trained.model.parameters() if p.requires_grad),
        "seconds": round(trained.result.seconds, 1),
        "networks_per_second": round(trained.result.networks_per_second, 1),
        "device": trained.result.device,
        "cores": trained.result.cores,
    }


def _short(figures: Mapping[str, Any]) -> Row:
    """Metrics without most of those within kinds of networks."""
    kinds = {"kinds": shorten_kinds(figures["kinds"])} if "kinds" in figures else {}
    return {**figures, **kinds}


def _least(*sizes: int | None) -> int | None:
    return min((size for size in sizes if size is not None), default=None)


def _folder(study: str, cell: Cell, zoo: Zoo, corpora: Mapping[str, Corpus]) -> Path:
    """Of the run: one for every recipe, what is hidden, training and validation networks."""
    digest = hashlib.sha256(f"{cell.recipe} {cell.hide and cell.hide.__name__}".encode())
    for split in ("train", "validation"):
        digest.update(corpora[split].rows.astype(np.int64).tobytes())
    return work_folder() / "runs" / "studies" / f"{study}-{zoo.hash[:8]}" / digest.hexdigest()[:12]
