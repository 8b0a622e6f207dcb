"""What all training runs have: their images, their length and their optimiser; and generators that depend on names."""

import dataclasses
import hashlib

import torch

from ngcore.errors import UnknownNameError

OPTIMISERS = ("adam", "rmsprop", "sgd")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """The hyper-parameters that training runs of all kinds have.

    Attributes:
        index: Number of the run, from 0.
        group: Number of the group; its runs are trained as one stack.
        train_fraction: Share of the training images that the run ever sees.
        batch_size: Images per minibatch.
        length: Training length as a part of the longest.
        optimiser: One of `OPTIMISERS`.
        learning_rate: Step size.
        dropout: Probability that a channel of an image is dropped.
        weight_decay: L2 coefficient, added to the gradient as weight_decay · w.
    """

    index: int
    group: int
    train_fraction: float = 1.0
    batch_size: int = 64
    length: float = 1.0
    optimiser: str = "adam"
    learning_rate: float = 1e-3
    dropout: float = 0.0
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        if self.optimiser not in OPTIMISERS:
            raise UnknownNameError("optimiser", self.optimiser, OPTIMISERS)


def keyed_generator(seed: int, purpose: str, *numbers: int) -> torch.Generator:
    """A generator that depends on nothing but its arguments."""
    digest = hashlib.sha256(f"{seed}/{purpose}/{numbers}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))
