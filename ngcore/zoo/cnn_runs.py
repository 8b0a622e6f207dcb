"""What varies between the runs of a small-CNN zoo: their hyper-parameters, drawn per run, and initial weights."""

import dataclasses
import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ngcore.errors import UnknownNameError
from ngcore.networks import ActivationKind, Architecture, Network

ACTIVATION_CYCLE: tuple[ActivationKind, ...] = (
    "relu",
    "tanh",
    "relu",
    "tanh",
    "gelu",
    "relu",
    "tanh",
    "silu",
    "leaky_relu",
    "sigmoid",
)
OPTIMISERS = ("adam", "rmsprop", "sgd")
INIT_KINDS = ("he_normal", "he_uniform", "glorot_normal", "glorot_uniform")
MIN_LENGTH = 0.25  # length of the shortest runs, as a part of the longest
_LEARNING_RATES = {"adam": (1e-3, 3e-2), "rmsprop": (5e-4, 1e-2), "sgd": (1e-2, 4e-1)}
_UNDROPPED = 0.4  # share of runs without dropout
_MAX_DROPOUT = 0.4


@dataclasses.dataclass(frozen=True, kw_only=True)
class CNNRun:
    """The hyper-parameters of one training run.

    Runs of one `group` are trained as one stack: they see the same minibatches, and so share the training images,
    the length and the activation; everything else is drawn for each run alone.

    Attributes:
        index: Number of the run, from 0.
        group: Number of the group.
        activation: Function after every convolution.
        train_fraction: Share of the training images that the run ever sees.
        length: Training length as a part of the longest.
        optimiser: One of `OPTIMISERS`.
        learning_rate: Constant step size.
        init_kind: One of `INIT_KINDS`.
        init_scale: Factor on every initial weight (biases start at 0).
        dropout: Probability that a channel of an image is dropped after the second and each later activation.
        weight_decay: L2 coefficient, added to the gradient as weight_decay · w.
    """

    index: int
    group: int
    activation: ActivationKind
    train_fraction: float
    length: float
    optimiser: str
    learning_rate: float
    init_kind: str
    init_scale: float
    dropout: float
    weight_decay: float

    def __post_init__(self) -> None:
        if self.optimiser not in OPTIMISERS:
            raise UnknownNameError("optimiser", self.optimiser, OPTIMISERS)
        if self.init_kind not in INIT_KINDS:
            raise UnknownNameError("initialisation", self.init_kind, INIT_KINDS)


def keyed_generator(seed: int, purpose: str, *numbers: int) -> torch.Generator:
    """A generator that depends on nothing but its arguments."""
    digest = hashlib.sha256(f"{seed}/{purpose}/{numbers}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))


def draw_runs(group: int, *, group_size: int, num_runs: int, seed: int) -> list[CNNRun]:
    """Draw the runs of one group; a run does not depend on `num_runs`, which only cuts the last group short."""
    generator = keyed_generator(seed, "group", group)
    shared = {
        "group": group,
        "activation": ACTIVATION_CYCLE[group % len(ACTIVATION_CYCLE)],
        "train_fraction": round(_log_uniform(0.1, 1.0, generator), 4),
        "length": round(_log_uniform(MIN_LENGTH, 1.0, generator), 4),
    }
    indices = range(group * group_size, min((group + 1) * group_size, num_runs))
    return [_draw_run(index, shared, seed) for index in indices]


def _draw_run(index: int, shared: Mapping[str, Any], seed: int) -> CNNRun:
    generator = keyed_generator(seed, "run", index)
    optimiser = OPTIMISERS[int(torch.randint(len(OPTIMISERS), (), generator=generator))]
    init_kind = INIT_KINDS[int(torch.randint(len(INIT_KINDS), (), generator=generator))]
    drops, rate = torch.rand(2, generator=generator).tolist()
    return CNNRun(
        **shared,
        index=index,
        optimiser=optimiser,
        learning_rate=_log_uniform(*_LEARNING_RATES[optimiser], generator),
        init_kind=init_kind,
        init_scale=_log_uniform(0.3, 2.0, generator),
        dropout=0.0 if drops < _UNDROPPED else _MAX_DROPOUT * rate,
        weight_decay=_log_uniform(1e-7, 1e-2, generator),
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
            std = _initial_std(run.init_kind, shape) * run.init_scale
            if run.init_kind.endswith("uniform"):
                weight.uniform_(-math.sqrt(3) * std, math.sqrt(3) * std, generator=generator)
            else:
                weight.normal_(0, std, generator=generator)
        parameters[name] = weight
    return parameters


def _initial_std(kind: str, shape: tuple[int, ...]) -> float:
    kernel = math.prod(shape[2:])
    fan_out, fan_in = shape[0] * kernel, shape[1] * kernel
    return math.sqrt(2 / fan_in) if kind.startswith("he") else math.sqrt(2 / (fan_in + fan_out))
