"""Building a zoo of image classifiers: many runs, several checkpoints each, labelled with their test accuracy."""

import dataclasses
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from ngcore.errors import NeuralGraphError, UnknownNameError
from ngcore.locks import only_one
from ngcore.networks import Network
from ngcore.workers import THIS_PROCESS, Workers
from ngcore.zoo.classifier_recipes import CLASSIFIER_ZOOS, ClassifierZooSpec, TrainConfig
from ngcore.zoo.cnn_training import CNNTrainConfig, ImageSplits, StackCheckpoint, train_stack
from ngcore.zoo.groups import Group
from ngcore.zoo.images import ImageSet, fetch_images
from ngcore.zoo.parts import Part, Progress, write_parts
from ngcore.zoo.preprocessing import PREPROCESSINGS
from ngcore.zoo.stack_training import train_networks
from ngcore.zoo.storage import Zoo
from ngcore.zoo.writer import ZooWriter

_MEASURED = ("accuracy", "test_loss", "train_accuracy", "train_loss")


def build_classifier_zoo(
    name: str,
    folder: Path | str,
    *,
    runs: int | None = None,
    config: TrainConfig | None = None,
    images: ImageSet | None = None,
    device: torch.device | str = "cpu",
    workers: Workers = THIS_PROCESS,
    progress: Progress | None = None,
) -> Zoo:
    """Train the runs of a zoo, group by group, and write their checkpoints into `folder`.

    The architecture and hyper-parameters of a run, its initial weights and its split depend on nothing but the seed and
    its index, so a zoo of more runs contains one of fewer (whole groups), and the smaller one is a fair sample of the
    larger. A build that was killed continues with the groups that are missing, and gives the same bytes, whoever
    computes them. A run that diverges keeps the checkpoints before it did.

    Args:
        name: Key of `CLASSIFIER_ZOOS`.
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
    if name not in CLASSIFIER_ZOOS:
        raise UnknownNameError("zoo of classifiers", name, CLASSIFIER_ZOOS)
    spec = CLASSIFIER_ZOOS[name]
    runs = spec.runs if runs is None else runs
    if runs < 1:
        raise NeuralGraphError(f"Expected at least 1 run, got {runs}.")
    config = config or spec.config
    image_set = images or fetch_images(spec.images)
    with only_one(Path(folder), f"a build of {name}"):
        writer = ZooWriter(folder, name=name, recipe=_recipe(spec, image_set, config))
        groups = draw_groups(spec, runs, config)
        parts = [_part(name, group, config, len(image_set.train_labels)) for group in groups]
        shared = functools.partial(_Training.of, name, spec, image_set, config, device)
        write_parts(writer, parts, _train_part, shared=shared, workers=workers, progress=progress)
        return writer.finish([part.key for part in parts], _card(runs, image_set))


def draw_groups(spec: ClassifierZooSpec, runs: int, config: TrainConfig) -> list[Group[Any]]:
    """The groups of a zoo's first runs; a run does not depend on their number, which only cuts the last group short."""
    starts = range(0, runs, spec.group_size)
    indices = [range(start, min(start + spec.group_size, runs)) for start in starts]
    return [spec.draw(number, some, config) for number, some in enumerate(indices)]


@dataclasses.dataclass(frozen=True)
class _Training:
    """What all groups of a zoo have in common."""

    name: str
    data: ImageSplits
    config: TrainConfig
    device: torch.device | str

    @classmethod
    def of(
        cls, name: str, spec: ClassifierZooSpec, images: ImageSet, config: TrainConfig, device: torch.device | str
    ) -> "_Training":
        return cls(name, PREPROCESSINGS[spec.preprocessing](images), config, device)


def _part(name: str, group: Group[Any], config: TrainConfig, num_images: int) -> Part[Group[Any]]:
    runs = group.runs
    steps = config.checkpoint_steps(runs[0], num_images)
    return Part(
        key=f"runs-{runs[0].index:05d}-{runs[-1].index:05d}",
        ids=[_id(name, run.index, step) for step in steps for run in runs],
        size=len(runs),
        item=group,
    )


def _train_part(training: _Training, group: Group[Any]) -> list[tuple[Network, list[dict[str, Any]]]]:
    """The checkpoints of a group that have not diverged."""
    last_step = training.config.checkpoint_steps(group.runs[0], len(training.data.train_labels))[-1]
    stacks = [_rows(training.name, group, kept, last_step=last_step) for kept in _train(training, group)]
    return [(network, rows) for network, rows in stacks if rows]


def _train(training: _Training, group: Group[Any]) -> Iterator[StackCheckpoint]:
    config = training.config
    if isinstance(config, CNNTrainConfig):
        return train_stack(group.runs, training.data, config, device=training.device)
    assert group.architecture is not None
    return train_networks(group.runs, group.architecture, training.data, config, device=training.device)


def _id(name: str, run: int, step: int) -> str:
    return f"{name}/{run:05d}-{step:06d}"


def _rows(
    name: str, group: Group[Any], checkpoint: StackCheckpoint, *, last_step: int
) -> tuple[Network, list[dict[str, Any]]]:
    """The networks of a checkpoint that have not diverged, and their rows of metadata."""
    finite = _finite(checkpoint)
    rows = []
    for i in finite:
        run = group.runs[i]
        varied = {key: value for key, value in dataclasses.asdict(run).items() if key not in ("index", "length")}
        rows.append(
            {"id": _id(name, run.index, checkpoint.step), "split": group.split, "run": run.index}
            | {"step": checkpoint.step, "is_final": checkpoint.step == last_step, **varied, **group.traits}
            | {key: float(getattr(checkpoint, key)[i]) for key in _MEASURED}
        )
    return checkpoint.network[finite].to("cpu", torch.float32), rows


def _finite(checkpoint: StackCheckpoint) -> list[int]:
    is_finite = checkpoint.test_loss.isfinite() & checkpoint.train_loss.isfinite()
    return [int(i) for i in is_finite.nonzero()]


def _recipe(spec: ClassifierZooSpec, image_set: ImageSet, config: TrainConfig) -> dict[str, Any]:
    return {
        "kind": spec.kind,
        "version": spec.version,
        "images": image_set.name,
        "images_hash": image_set.hash,
        "preprocessing": spec.preprocessing,
        "group_size": spec.group_size,
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
