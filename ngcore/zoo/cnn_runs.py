"""What varies between the runs of a small-CNN zoo: their hyper-parameters, drawn per run, and initial weights."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import init

from ngcore.errors import UnknownNameError
from ngcore.networks import ActivationKind, Architecture, Network
from ngcore.zoo.runs import OPTIMISERS, Run, keyed_generator

ACTIVATIONS: tuple[ActivationKind, ...] = ("relu", "tanh", "gelu", "silu", "leaky_relu", "sigmoid")
TRAIN_FRACTIONS = (0.1, 0.25, 0.5, 1.0)
BATCH_SIZES = (32, 64, 128, 256)  # the Small CNN Zoo has 512 and 86 passes; these take as many steps in fewer
INIT_KINDS = ("he_normal", "glorot_normal", "orthogonal", "normal", "truncated_normal")
KINDS_WITH_STD = ("normal", "truncated_normal")
MIN_LENGTH = 0.25  # length of the shortest runs on all images, as a part of the longest
# Of the Small CNN Zoo's range 5e-4 … 5e-2, the part in which most runs of an optimiser learn something.
_LEARNING_RATES = {"adam": (1e-3, 3e-2), "rmsprop": (5e-4, 2e-2), "sgd": (5e-3, 5e-2)}
_WEIGHT_DECAY = (1e-8, 1e-2)
_INIT_STD = (0.01, 0.5)
_UNDROPPED = 0.5  # share of runs without dropout
_MAX_DROPOUT = 0.7  # of the others the rate is this times the square of a uniform number
# Strides of two sequences modulo 1, of length and batch size: even over all groups and over every 4th, 6th and 24th.
_STRIDES = (0.6180339887498949, 0.4424180832)


@dataclasses.dataclass(frozen=True, kw_only=True)
class CNNRun(Run):
    """The hyper-parameters of one training run of a small CNN.

    Runs of one `group` are trained as one stack: they see the same minibatches, and so share the training images, the
    length, the batch size and the activation; everything else is drawn for each run alone. Dropout follows the second
    and each later activation.

    Attributes:
        activation: Function after every convolution.
        init_kind: One of `INIT_KINDS`; biases start at 0.
        init_std: Standard deviation of the initial weights of `KINDS_WITH_STD`; NaN for the others, which have their
            own.
    """

    activation: ActivationKind
    init_kind: str
    init_std: float

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.init_kind not in INIT_KINDS:
            raise UnknownNameError("initialisation", self.init_kind, INIT_KINDS)


def draw_runs(group: int, *, group_size: int, num_runs: int, seed: int) -> list[CNNRun]:
    """Draw the runs of one group; a run does not depend on `num_runs`, which only cuts the last group short."""
    return draw_group(group, range(group * group_size, min((group + 1) * group_size, num_runs)), seed=seed)


def draw_group(group: int, indices: Sequence[int], *, seed: int) -> list[CNNRun]:
    """Draw the runs of these indices, which make up one group."""
    shared = _draw_group(group, seed)
    return [_draw_run(index, shared, seed) for index in indices]


def _draw_group(group: int, seed: int) -> dict[str, Any]:
    """What the runs of a group share, spread so evenly that the first groups are a fair sample of all.

    Every 24 groups hold each activation with each train fraction once; length and batch size follow sequences of low
    discrepancy. A run on a part f of the images is shorter by √f: it passes over its images 1/√f times as often.
    """
    starts = torch.rand(2, generator=keyed_generator(seed, "groups"), dtype=torch.float64).tolist()
    first, second = ((start + group * stride) % 1 for start, stride in zip(starts, _STRIDES, strict=True))
    fraction = TRAIN_FRACTIONS[(group + group // 12) % len(TRAIN_FRACTIONS)]
    return {
        "group": group,
        "activation": ACTIVATIONS[group % len(ACTIVATIONS)],
        "train_fraction": fraction,
        "batch_size": BATCH_SIZES[int(second * len(BATCH_SIZES))],
        "length": round(MIN_LENGTH ** (1 - first) * math.sqrt(fraction), 4),
    }


def _draw_run(index: int, shared: Mapping[str, Any], seed: int) -> CNNRun:
    generator = keyed_generator(seed, "run", index)
    optimiser = OPTIMISERS[int(torch.randint(len(OPTIMISERS), (), generator=generator))]
    init_kind = INIT_KINDS[int(torch.randint(len(INIT_KINDS), (), generator=generator))]
    drops, rate = torch.rand(2, generator=generator).tolist()
    init_std = _log_uniform(*_INIT_STD, generator)
    return CNNRun(
        **shared,
        index=index,
        optimiser=optimiser,
        learning_rate=_log_uniform(*_LEARNING_RATES[optimiser], generator),
        init_kind=init_kind,
        init_std=init_std if init_kind in KINDS_WITH_STD else math.nan,
        dropout=0.0 if drops < _UNDROPPED else _MAX_DROPOUT * rate**2,
        weight_decay=_log_uniform(*_WEIGHT_DECAY, generator),
    )


def _log_uniform(low: float, high: float, generator: torch.Generator) -> float:
    position = torch.rand((), generator=generator, dtype=torch.float64).item()
    return math.exp(math.log(low) + position * (math.log(high) - math.log(low)))


def initial_parameters(
    runs: Sequence[CNNRun], architecture: Architecture, *, seed: int
) -> Float[Tensor, "networks parameters"]:
    """Draw the initial weights of every run, each from a generator of its own, in the order of `Network.flatten`."""
    networks = [Network(architecture, _initialise(run, architecture, seed)) for run in runs]
    return Network.cat(networks).flatten()


def _initialise(run: CNNRun, architecture: Architecture, seed: int) -> dict[str, Tensor]:
    generator = keyed_generator(seed, "initialisation", run.index)
    parameters = {}
    for name, shape in architecture.parameter_shapes.items():
        weight = torch.zeros(1, *shape)
        if name.endswith("weight"):
            _fill(weight[0], run, generator)
        parameters[name] = weight
    return parameters


def _fill(weight: Tensor, run: CNNRun, generator: torch.Generator) -> None:
    match run.init_kind:
        case "he_normal":
            init.kaiming_normal_(weight, generator=generator)
        case "glorot_normal":
            init.xavier_normal_(weight, generator=generator)
        case "orthogonal":
            init.orthogonal_(weight, generator=generator)
        case "normal":
            init.normal_(weight, std=run.init_std, generator=generator)
        case _:
            limit = 2 * run.init_std
            init.trunc_normal_(weight, std=run.init_std, a=-limit, b=limit, generator=generator)
