"""Groups of training runs: what is trained as one stack, and which split it belongs to."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Generic, TypeVar

import torch

from ngcore.networks import Architecture
from ngcore.zoo.cnn_runs import CNNRun
from ngcore.zoo.runs import keyed_generator
from ngcore.zoo.stack_runs import StackRun

RunT = TypeVar("RunT", bound=CNNRun | StackRun)
Traits = Mapping[str, bool | int | float | str]
"""Columns of metadata that describe an architecture."""

_SPLITS_OF_TEN = (*["train"] * 7, "validation", *["test"] * 2)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Group(Generic[RunT]):
    """Runs that are trained as one stack, and what they train.

    Attributes:
        runs: They share architecture, minibatches and length.
        split: "train", "validation" or "test", for all of them.
        architecture: What they train; None for small CNNs, which follow from the configuration.
        traits: Columns of metadata that describe the architecture, beside those of the runs.
    """

    runs: Sequence[RunT]
    split: str
    architecture: Architecture | None = None
    traits: Traits = dataclasses.field(default_factory=dict)


def split_of_group(group: int, *, seed: int, of: str = "splits") -> str:
    """The split of all runs of a group: of every ten groups, seven train, one validates and two test.

    Args:
        group: Its number.
        seed: Seed of the zoo.
        of: What is counted; each has splits of its own.
    """
    block, place = divmod(group, len(_SPLITS_OF_TEN))
    order = torch.randperm(len(_SPLITS_OF_TEN), generator=keyed_generator(seed, of, block))
    return _SPLITS_OF_TEN[int(order[place])]
