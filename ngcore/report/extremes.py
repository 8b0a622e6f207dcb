"""The study of extremes: what models answer about networks far wider or deeper than those they were trained on."""

import dataclasses
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from ngcore.errors import ShapeMismatchError
from ngcore.files import write_atomically
from ngcore.inr import fit_sirens, psnr, render
from ngcore.inr.fit import MATCHED_RECIPE
from ngcore.locks import only_one
from ngcore.models import can_be_width_stable
from ngcore.networks import Architecture, Network, deepen, place_to_deepen, siren, widen
from ngcore.networks.widening import Split
from ngcore.paths import work_folder
from ngcore.report.study_files import EXTREMES, rows_of, write_study
from ngcore.tasks import Checkpoint, classify_inrs, find_checkpoints, load_checkpoint, predict_accuracy
from ngcore.tasks.checks import NUMBERS_AT_ONCE, STABLE, stable_copy
from ngcore.tasks.corpus import Corpus
from ngcore.tasks.recipes import CNN_NOISE, Recipe
from ngcore.tasks.run import train_on
from ngcore.training import TrainConfig, accuracy, kendall_tau, mean_absolute_error, r_squared
from ngcore.zoo import Zoo, fetch_images, find_zoo

EXTREMES_QUESTION = "What do models answer about networks far wider or deeper than those they were trained on?"
CNNS = "cifar10-gs-cnns"
INR_MODELS = {
    "ng-sweep": "NG-Sweep",
    "ng-gnn": "NG-GNN",
    "ng-t": "NG-T",
    "statnn": "StatNN",
    "output-probes-64": "output probes",
}
"""Ends of the names of models of INRs, and what to call them."""

FACTORS = (1, 2, 4, 8, 16)
WIDTHS = (4, 8, 16, 32, 64, 128)
HIDDEN_LAYERS = (1, 2, 3, 4, 6, 8)
INSERTED = (0, 1, 2, 4, 8, 16, 36)
NUM_NETWORKS, NUM_SLOW = 200, 16
"""Networks of each cell, and of those of models that keep numbers for each edge."""

NUM_FITTED = 48
SLOW_KINDS = ("ng-gnn", "ng-t")
SLOW_FACTORS = {"ng-gnn": 8, "ng-t": 4}
CNN_SWEEP = "cifar10-gs-ng-sweep"

logger = logging.getLogger(__name__)

Change = Literal["wider, equal parts", "wider, unequal parts", "identity layers inserted", "fitted wide", "fitted deep"]
SPLITS: dict[Change, Split] = {"wider, equal parts": "equal", "wider, unequal parts": "unequal"}


@dataclasses.dataclass(frozen=True)
class Reader:
    """A model of the study.

    Attributes:
        name: In the table.
        zoo: Of the networks that it was trained on.
        checkpoint: The model and its card.
    """

    name: str
    zoo: str
    checkpoint: Checkpoint

    @property
    def kind(self) -> str:
        """Kind of the model."""
        return str(self.checkpoint.card["model"]["config"]["kind"])


@dataclasses.dataclass(frozen=True)
class Cell:
    """Networks of one size, asked about by one model.

    Attributes:
        zoo: What they are like.
        change: What was done to them.
        size: Factor of the width, layers inserted, or the width or hidden layers of networks that were fitted so.
        reader: The model.
    """

    zoo: str
    change: Change
    size: int
    reader: Reader

    @property
    def setting(self) -> dict[str, str | int]:
        """What distinguishes it, by column."""
        return {"networks": self.zoo, "change": self.change, "size": self.size, "model": self.reader.name}

    @property
    def key(self) -> str:
        """Text that tells it from others."""
        return "-".join(str(value).replace(" ", "_") for value in self.setting.values())


def run_extremes(
    out: Path,
    inrs: Zoo,
    *,
    device: str = "auto",
    limit: int | None = None,
    progress: Callable[[int, int, str], object] | None = None,
) -> dict[str, Any]:
    """Measure all cells and write the results after each; cells with results are not measured again.

    Models of INRs are those of their zoo, NG-Sweep also as its width-stable copy. NG-Sweep for accuracies of CNNs is
    trained here first, on three fifths of the runs of the zoo where that has no training split.

    Args:
        out: The .json file.
        inrs: A zoo of INRs.
        device: See `ngcore.device`.
        limit: At most this many networks in a cell.
        progress: Called with the number of cells done, that of all cells, and the current cell.

    Returns:
        The contents of the file: name, question, zoo with its hash, and one row per cell that its model can read.
    """
    cnns = Zoo.open(find_zoo(CNNS))
    content = {"name": EXTREMES, "question": EXTREMES_QUESTION, "zoo": inrs.name, "zoo_sha256": inrs.hash}
    hashes = {inrs.name: inrs.hash, CNNS: cnns.hash}
    with only_one(out, f"the study {EXTREMES}"):
        known = [row for row in rows_of(out, content) if row["zoo_sha256"] == hashes[row["setting"]["networks"]]]
        rows = {row["key"]: row for row in known}
        corpora = corpora_of(cnns)
        cells = sorted(cells_of([*readers(inrs.name, device), *_cnn_readers(corpora, device)]), key=_cost)
        source = Source(inrs, corpora["test"], limit or NUM_NETWORKS, _folder(inrs))
        for number, cell in enumerate(cells):
            if progress is not None:
                progress(number, len(cells), cell.key)
            if cell.key in rows:
                continue
            try:
                measured = measure(cell, source)
            except ShapeMismatchError as error:  # StatNN reads no more layers than it was built for
                logger.info("%s is left out: %s", cell.key, error)
                continue
            row = {"key": cell.key, "setting": cell.setting, "zoo_sha256": hashes[cell.zoo]}
            rows[cell.key] = {**row, "test": measured}
            write_study(out, {**content, "rows": [rows[c.key] for c in cells if c.key in rows]})
    return {**content, "rows": [rows[cell.key] for cell in cells if cell.key in rows]}


def readers(zoo: str, device: str) -> Iterator[Reader]:
    """One model of each kind for a zoo of INRs, of those that are here, and the width-stable copy of NG-Sweep."""
    here = find_checkpoints()
    for part, label in INR_MODELS.items():
        name = f"{zoo.removesuffix('-inrs')}-{part}"
        if name in here:
            loaded = load_checkpoint(name, device, as_trained=True)
            yield Reader(label, zoo, loaded)
            if can_be_width_stable(loaded.model):
                yield Reader(label + STABLE, zoo, stable_copy(loaded))


def _folder(zoo: Zoo) -> Path:
    """Where what the study makes for a zoo is kept, so that a stopped study resumes."""
    return work_folder() / "runs" / "studies" / f"{EXTREMES}-{zoo.hash[:8]}"


def corpora_of(zoo: Zoo) -> dict[str, Corpus]:
    """Splits of a zoo of CNNs; where it is a sample of test networks, by run: three, one and one of five."""
    if len(zoo.rows(split="train")):
        return {split: Corpus.load(zoo, split) for split in ("train", "validation", "test")}
    part = zoo.metadata["run"].rank(method="dense").to_numpy().astype(int) % 5
    parts = {"train": part < 3, "validation": part == 3, "test": part == 4}
    return {split: Corpus.of_rows(zoo, split, np.flatnonzero(own)) for split, own in parts.items()}


def _cnn_readers(corpora: Mapping[str, Corpus], device: str) -> Iterator[Reader]:
    """NG-Sweep trained on these corpora, its copy, and shipped models, whose training may have seen none of them."""
    config = TrainConfig(
        steps=1_500,
        batch_size=64,
        learning_rate=1e-3,
        warmup_steps=100,
        schedule="cosine",
        ema_decay=0.99,
        validate_every=200,
    )
    recipe = Recipe.of("predict", CNNS, "ng-sweep", config, augmentation=CNN_NOISE, d_node=64)
    trained = train_on(recipe, corpora, folder=_folder(corpora["train"].zoo), device=device)
    assert trained is not None  # no limit of time was given
    known = [stack.architecture for stack in corpora["train"].stacks]
    fields = {"config": recipe.model.to_dict(), "architectures": [own.to_dict() for own in known]}
    card = {"name": CNN_SWEEP, "task": "predict", "model": fields}
    own = Checkpoint(CNN_SWEEP, trained.model.eval(), card, next(trained.model.parameters()).device)
    yield Reader("NG-Sweep", CNNS, own)
    yield Reader("NG-Sweep" + STABLE, CNNS, stable_copy(own))
    here = find_checkpoints()
    for name, label in {"cifar10-gs-ng-gnn": "NG-GNN", "cifar10-gs-statnn": "StatNN"}.items():
        if name not in here:
            continue
        yield Reader(label, CNNS, load_checkpoint(name, device))


def cells_of(models: Sequence[Reader]) -> Iterator[Cell]:
    """All cells: each model on every way and size that it is quick enough for."""
    for reader in models:
        for change in SPLITS:
            for factor in FACTORS:
                if factor <= SLOW_FACTORS.get(reader.kind, factor):
                    yield Cell(reader.zoo, change, factor, reader)
        if reader.zoo == CNNS:
            yield from (Cell(CNNS, "identity layers inserted", count, reader) for count in INSERTED)
        else:
            yield from (Cell(reader.zoo, "fitted wide", width, reader) for width in WIDTHS)
            yield from (Cell(reader.zoo, "fitted deep", count, reader) for count in HIDDEN_LAYERS)


def _cost(cell: Cell) -> tuple[bool, bool]:
    """What comes first: models that are quick, and networks that need not be fitted."""
    return cell.reader.kind in SLOW_KINDS, cell.change.startswith("fitted")


class Source:
    """The networks of cells, with the truth about them; those that are fitted are fitted once.

    Args:
        inrs: A zoo of INRs.
        cnns: Test networks of a zoo of CNNs.
        limit: At most this many networks in a cell.
        folder: Where those that were fitted are kept.
    """

    def __init__(self, inrs: Zoo, cnns: Corpus, limit: int, folder: Path) -> None:
        self.inrs, self.cnns, self.limit, self.folder = inrs, cnns, limit, folder
        self.fitted: dict[tuple[int, ...], tuple[Network, Tensor, float]] = {}

    def stacks(self, cell: Cell) -> Iterator[tuple[Network, Tensor]]:
        """Stacks of networks with labels, or accuracies."""
        limit = min(self.limit, NUM_SLOW if cell.reader.kind in SLOW_KINDS else NUM_NETWORKS)
        if cell.change in ("fitted wide", "fitted deep"):
            network, labels, _ = self.fit(cell)
            yield network[:limit], labels[:limit]
            return
        generator = torch.Generator().manual_seed(0)
        for network, truth in self._originals(cell, limit):
            if cell.change == "identity layers inserted":
                if place_to_deepen(network.architecture) is not None:
                    yield deepen(network, cell.size), truth
                continue
            at_once = max(1, NUMBERS_AT_ONCE // (network.architecture.num_parameters * cell.size**2))
            for index in torch.arange(len(network)).split(at_once):
                wider = widen(network[index], cell.size, split=SPLITS[cell.change], generator=generator)
                yield wider, truth[index]

    def _originals(self, cell: Cell, limit: int) -> Iterator[tuple[Network, Tensor]]:
        if cell.zoo != CNNS:
            rows = self.inrs.rows(split="test")[:limit]
            yield self.inrs.networks(rows), torch.from_numpy(self.inrs.metadata["label"].to_numpy()[rows].copy())
            return
        truth = self.cnns.column("accuracy")
        kept = torch.arange(len(self.cnns))[:: max(1, len(self.cnns) // limit)][:limit]
        if cell.change == "identity layers inserted":
            kept = torch.arange(len(self.cnns))
        for network, places in self.cnns.batch(kept, "cpu"):
            yield network, truth[kept[places]]

    def fit(self, cell: Cell) -> tuple[Network, Tensor, float]:
        """SIRENs of a size fitted to test images, their labels, and their mean PSNR in dB."""
        hidden = (cell.size,) * 2 if cell.change == "fitted wide" else (32,) * cell.size
        if hidden not in self.fitted:
            images = fetch_images(self.inrs.name.removesuffix("-inrs"))
            count = min(self.limit, NUM_FITTED)
            pixels = torch.from_numpy(images.test_images[:count]).float() / 255
            network = self._fit(siren((2, *hidden, 1)), pixels)
            labels = torch.from_numpy(images.test_labels[:count])
            rendered = render(network, (pixels.shape[1], pixels.shape[2]))
            self.fitted[hidden] = (network, labels, float(psnr(rendered, pixels).mean()))
        return self.fitted[hidden]

    def _fit(self, architecture: Architecture, pixels: Tensor) -> Network:
        """SIRENs fitted to images, or read from the folder of the study where they were before."""
        file = self.folder / f"{architecture.id}-{len(pixels)}.safetensors"
        if file.is_file():
            return Network(architecture, load_file(file))
        network = fit_sirens(pixels, MATCHED_RECIPE, architecture=architecture).network.detach()
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, lambda path: save_file(dict(network.parameters), path))
        return network


def measure(cell: Cell, source: Source) -> dict[str, Any]:
    """How well a model answers about the networks of a cell; their number "n", and "psnr" where they were fitted."""
    ask = predict_accuracy if cell.zoo == CNNS else classify_inrs
    answers, truths = [], []
    for network, truth in source.stacks(cell):
        answers.append(ask(cell.reader.checkpoint, network))
        truths.append(truth)
    said, true = torch.cat(answers), torch.cat(truths)
    if cell.zoo == CNNS:
        return {
            "n": len(true),
            "r_squared": r_squared(said, true),
            "kendall_tau": kendall_tau(said, true),
            "mean_absolute_error": mean_absolute_error(said, true),
        }
    found: dict[str, Any] = {"n": len(true), "accuracy": accuracy(said, true)}
    if cell.change in ("fitted wide", "fitted deep"):
        found["psnr"] = source.fit(cell)[2]
    return found
