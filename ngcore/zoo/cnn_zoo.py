"""Building a zoo of small CNNs from real images: many runs, several checkpoints each, labelled with test accuracy."""

import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from ngcore.errors import NeuralGraphError, UnknownNameError
from ngcore.locks import only_one
from ngcore.networks import Network
from ngcore.workers import THIS_PROCESS, Workers
from ngcore.zoo.cnn_runs import CNNRun, draw_runs, keyed_generator
from ngcore.zoo.cnn_training import CNNTrainConfig, ImageSplits, StackCheckpoint, train_stack
from ngcore.zoo.images import ImageSet, fetch_images
from ngcore.zoo.parts import Part, Progress, write_parts
from ngcore.zoo.storage import Zoo
from ngcore.zoo.writer import ZooWriter

GROUP_SIZE = 8  # runs trained as one stack
RECIPE_VERSION = 2  # 1: 3,000 steps of 32 images; narrower ranges; split by run
_SPLITS_OF_TEN = (*["train"] * 7, "validation", *["test"] * 2)
_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


@dataclasses.dataclass(frozen=True, kw_only=True)
class CNNZooSpec:
    """What a zoo of small CNNs is made of.

    Attributes:
        images: Name of the image set; colour images are reduced to grey.
        runs: Number of runs unless another is asked for.
        config: How every run trains.
    """

    images: str
    runs: int
    config: CNNTrainConfig = dataclasses.field(default_factory=CNNTrainConfig)


CNN_ZOOS: dict[str, CNNZooSpec] = {
    "cifar10-gs-cnns": CNNZooSpec(images="cifar10", runs=2048),
    "fashion-mnist-cnns": CNNZooSpec(images="fashion-mnist", runs=512),
}


def build_cnn_zoo(
    name: str,
    folder: Path | str,
    *,
    runs: int | None = None,
    config: CNNTrainConfig | None = None,
    images: ImageSet | None = None,
    device: torch.device | str = "cpu",
    workers: Workers = THIS_PROCESS,
    progress: Progress | None = None,
) -> Zoo:
    """Train the runs of a zoo, group by group, and write their checkpoints into `folder`.

    The hyper-parameters of a run, its initial weights and its split depend on nothing but the seed and its index, so a
    zoo of more runs contains one of fewer (whole groups of 8), and the smaller one is a fair sample of the larger. A
    build that was killed continues with the groups that are missing, and gives the same bytes, whoever computes them.
    A run that diverges keeps the checkpoints before it did.

    Args:
        name: Key of `CNN_ZOOS`.
        folder: Where the zoo will be.
        runs: Number of runs; `None` means the recipe's.
        config: How every run trains; `None` means the recipe's.
        images: Images to train on; `None` fetches the recipe's.
        device: Where to train.
        workers: Who trains, each group with one thread.
        progress: Called with the runs done and the runs in all, at the start and after every group.

    Raises:
        UnknownNameError: If there is no such zoo.
        NeuralGraphError: If there is nothing to train.
        ZooError: If the folder holds a zoo of another recipe, or a larger one.
        InUseError: If another build is at work in the folder.
        WorkerError: If the workers fail.
    """
    if name not in CNN_ZOOS:
        raise UnknownNameError("CNN zoo", name, CNN_ZOOS)
    runs = CNN_ZOOS[name].runs if runs is None else runs
    if runs < 1:
        raise NeuralGraphError(f"Expected at least 1 run, got {runs}.")
    config = config or CNN_ZOOS[name].config
    image_set = images or fetch_images(CNN_ZOOS[name].images)
    with only_one(Path(folder), f"a build of {name}"):
        writer = ZooWriter(folder, name=name, recipe=_recipe(image_set, config))
        groups = range(-(-runs // GROUP_SIZE))
        members = [draw_runs(group, group_size=GROUP_SIZE, num_runs=runs, seed=config.seed) for group in groups]
        parts = [_part(name, group, config, len(image_set.train_labels)) for group in members]
        shared = functools.partial(_Training.of, name, image_set, config, device)
        write_parts(writer, parts, _train_part, shared=shared, workers=workers, progress=progress)
        return writer.finish([part.key for part in parts], _card(runs, image_set))


@dataclasses.dataclass(frozen=True)
class _Training:
    """What all groups of a zoo have in common."""

    name: str
    data: ImageSplits
    config: CNNTrainConfig
    device: torch.device | str

    @classmethod
    def of(cls, name: str, images: ImageSet, config: CNNTrainConfig, device: torch.device | str) -> "_Training":
        return cls(name, to_grey_splits(images), config, device)


def _part(name: str, runs: Sequence[CNNRun], config: CNNTrainConfig, num_images: int) -> Part[Sequence[CNNRun]]:
    steps = config.checkpoint_steps(runs[0], num_images)
    return Part(
        key=f"runs-{runs[0].index:05d}-{runs[-1].index:05d}",
        ids=[_id(name, run.index, step) for step in steps for run in runs],
        size=len(runs),
        item=runs,
    )


def _train_part(training: _Training, runs: Sequence[CNNRun]) -> list[tuple[Network, list[dict[str, Any]]]]:
    """The checkpoints of a group that have not diverged."""
    config, data = training.config, training.data
    last_step = config.checkpoint_steps(runs[0], len(data.train_labels))[-1]
    trained = train_stack(runs, data, config, device=training.device)
    stacks = [_rows(training.name, runs, kept, last_step=last_step, seed=config.seed) for kept in trained]
    return [(network, rows) for network, rows in stacks if rows]


def to_grey_splits(image_set: ImageSet) -> ImageSplits:
    """The image set as grey images (num, 1, height, width) in [-1, 1]: luma / 127.5 - 1, ITU-R BT.601 luma."""
    return ImageSplits(
        train_images=_to_grey(torch.as_tensor(image_set.train_images)),
        train_labels=torch.as_tensor(image_set.train_labels).long(),
        test_images=_to_grey(torch.as_tensor(image_set.test_images)),
        test_labels=torch.as_tensor(image_set.test_labels).long(),
    )


def _to_grey(images: UInt8[Tensor, "num height width *rgb"]) -> Float[Tensor, "num 1 height width"]:
    if images.dim() == 3:
        return (images.float() / 127.5 - 1)[:, None]
    grey = sum(weight * images[..., channel] for channel, weight in enumerate(_LUMA))
    return (torch.as_tensor(grey) / 127.5 - 1)[:, None]


def split_of_group(group: int, *, seed: int) -> str:
    """The split of all runs of a group: of every ten groups, seven train, one validates and two test."""
    block, place = divmod(group, len(_SPLITS_OF_TEN))
    order = torch.randperm(len(_SPLITS_OF_TEN), generator=keyed_generator(seed, "splits", block))
    return _SPLITS_OF_TEN[int(order[place])]


def _id(name: str, run: int, step: int) -> str:
    return f"{name}/{run:05d}-{step:06d}"


def _rows(
    name: str, runs: Sequence[CNNRun], checkpoint: StackCheckpoint, *, last_step: int, seed: int
) -> tuple[Network, list[dict[str, Any]]]:
    """The networks of a checkpoint that have not diverged, and their rows of metadata."""
    finite = [i for i in range(len(runs)) if checkpoint.test_loss[i].isfinite() and checkpoint.train_loss[i].isfinite()]
    rows = []
    for i in finite:
        varied = {key: value for key, value in dataclasses.asdict(runs[i]).items() if key not in ("index", "length")}
        measured = ("accuracy", "test_loss", "train_accuracy", "train_loss")
        rows.append(
            {"id": _id(name, runs[i].index, checkpoint.step), "split": split_of_group(runs[i].group, seed=seed)}
            | {"run": runs[i].index, "step": checkpoint.step, "is_final": checkpoint.step == last_step, **varied}
            | {key: float(getattr(checkpoint, key)[i]) for key in measured}
        )
    return checkpoint.network[finite].to("cpu", torch.float32), rows


def _recipe(image_set: ImageSet, config: CNNTrainConfig) -> dict[str, Any]:
    return {
        "kind": "small CNNs",
        "version": RECIPE_VERSION,
        "images": image_set.name,
        "images_hash": image_set.hash,
        "preprocessing": "ITU-R BT.601 luma / 127.5 - 1",
        "group_size": GROUP_SIZE,
        "config": dataclasses.asdict(config),
    }


def _card(runs: int, image_set: ImageSet) -> dict[str, Any]:
    return {
        "num_runs": runs,
        "label": "accuracy: share of all test images classified correctly",
        "split_rule": "by group: runs that share images, minibatches and length",
        "note": image_set.note,
        "torch": torch.__version__,
    }
