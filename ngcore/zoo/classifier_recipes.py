"""The recipes of the zoos of image classifiers."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from ngcore.zoo.cnn_runs import CNNRun, draw_group
from ngcore.zoo.cnn_training import CNNTrainConfig
from ngcore.zoo.family_draws import draw_family
from ngcore.zoo.groups import Group, split_of_group
from ngcore.zoo.park_draws import draw_park
from ngcore.zoo.stack_training import StackTrainConfig

TrainConfig = CNNTrainConfig | StackTrainConfig


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClassifierZooSpec:
    """What a zoo of image classifiers is made of.

    Attributes:
        kind: What it holds, in words.
        version: Of the recipe: raised whenever the same seed gives other networks.
        images: Name of the image set.
        preprocessing: Key of `PREPROCESSINGS`.
        runs: Number of runs unless another is asked for.
        group_size: Runs trained as one stack.
        config: How every run trains.
        draw: From the number of a group, the indices of its runs and the configuration to the group.
    """

    kind: str
    version: int
    images: str
    preprocessing: str
    runs: int
    group_size: int
    config: TrainConfig
    draw: Callable[[int, Sequence[int], Any], Group[Any]]


def _draw_small_cnns(number: int, indices: Sequence[int], config: CNNTrainConfig) -> Group[CNNRun]:
    split = split_of_group(number, seed=config.seed)
    return Group(runs=draw_group(number, indices, seed=config.seed), split=split)


CLASSIFIER_ZOOS: dict[str, ClassifierZooSpec] = {
    "cifar10-gs-cnns": ClassifierZooSpec(
        kind="small CNNs",
        version=2,  # 1: 3,000 steps of 32 images; narrower ranges; split by run
        images="cifar10",
        preprocessing="ITU-R BT.601 luma / 127.5 - 1",
        runs=2048,
        group_size=8,
        config=CNNTrainConfig(),
        draw=_draw_small_cnns,
    ),
    "fashion-mnist-cnns": ClassifierZooSpec(
        kind="small CNNs",
        version=2,
        images="fashion-mnist",
        preprocessing="ITU-R BT.601 luma / 127.5 - 1",
        runs=512,
        group_size=8,
        config=CNNTrainConfig(),
        draw=_draw_small_cnns,
    ),
    "cnn-park": ClassifierZooSpec(
        kind="CNNs of many architectures",
        version=1,
        images="cifar10",
        preprocessing="RGB / 127.5 - 1",
        runs=800,
        group_size=4,
        config=StackTrainConfig(passes=4.0, num_checkpoints=8),
        draw=draw_park,
    ),
    "fashion-families": ClassifierZooSpec(
        kind="classifiers of five families",
        version=1,
        images="fashion-mnist",
        preprocessing="ITU-R BT.601 luma / 127.5 - 1",
        runs=1280,
        group_size=4,
        config=StackTrainConfig(passes=3.0, num_checkpoints=6),
        draw=draw_family,
    ),
}
