"""The hyper-parameters of a training run of any architecture, and the initial weights that they ask for."""

import dataclasses
import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import init

from ngcore.errors import UnknownNameError
from ngcore.networks import Architecture, Constant, Network, Recurrence, Rotary, Step
from ngcore.zoo.runs import Run, keyed_generator

INITS: tuple[str, ...] = ("he_normal", "glorot_normal", "orthogonal", "he_uniform")
SCHEDULES = ("constant", "cosine")
_POSITIONS_STD = 0.02  # of learned constants: positions of tokens


@dataclasses.dataclass(frozen=True, kw_only=True)
class StackRun(Run):
    """The hyper-parameters of one training run of any architecture.

    Runs of one `group` are trained as one stack: they share the architecture, the minibatches, and so the training
    images, the length and the batch size; everything else is each run's own. Dropout is where `dropped_steps` says.

    Attributes:
        schedule: "constant", or "cosine": from `learning_rate` down to 0 at the end.
        label_noise: Share of the training images whose label is another class, drawn once for the run.
        init: One of `INITS`, for all weights of two or more axes.
        init_gain: Factor on these weights.
    """

    schedule: str = "constant"
    label_noise: float = 0.0
    init: str = "he_normal"
    init_gain: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.schedule not in SCHEDULES:
            raise UnknownNameError("schedule", self.schedule, SCHEDULES)
        if self.init not in INITS:
            raise UnknownNameError("initialisation", self.init, INITS)

    def rate_after(self, progress: float) -> float:
        """The learning rate after a part of the run, 0 … 1."""
        if self.schedule == "constant":
            return self.learning_rate
        return self.learning_rate * (1 + math.cos(math.pi * progress)) / 2


def fixed_parameters(architecture: Architecture) -> tuple[str, ...]:
    """Parameters that no optimiser changes: running statistics, rotary tables, constants that are not learned."""
    return tuple(
        f"{step.name}.{name}"
        for step in _first_of_each_name(architecture)
        for name in step.layer.parameter_shapes()
        if name in ("running_mean", "running_var")
        or isinstance(step.layer, Rotary)
        or (isinstance(step.layer, Constant) and not step.layer.is_learned)
    )


def noisy_labels(
    runs: Sequence[StackRun], labels: Int[Tensor, " num"], *, num_classes: int, seed: int
) -> Int[Tensor, "networks num"]:
    """The labels that each run trains on: a share `label_noise` of them moved to another class, uniformly drawn."""
    rows = []
    for run in runs:
        generator = keyed_generator(seed, "label noise", run.index)
        is_wrong = torch.rand(len(labels), generator=generator) < run.label_noise
        shift = torch.randint(1, num_classes, (len(labels),), generator=generator)
        rows.append((labels.cpu() + shift * is_wrong) % num_classes)
    return torch.stack(rows).to(labels.device)


def initial_networks(runs: Sequence[StackRun], architecture: Architecture, *, seed: int) -> Network:
    """Draw the initial weights of every run, each from a generator of its own.

    Weights of two or more axes follow the run's `init`, those of a recurrence gate by gate; learned constants are
    normal with std 0.02; scales and running variances are 1, all else 0, but for the forget gate of an LSTM, whose
    input bias is 1 (Jozefowicz et al. 2015).
    """
    stacks = [Network(architecture, _initialise(run, architecture, seed)) for run in runs]
    return Network.cat(stacks)


def _initialise(run: StackRun, architecture: Architecture, seed: int) -> dict[str, Tensor]:
    generator = keyed_generator(seed, "initialisation", run.index)
    parameters = {}
    for step in _first_of_each_name(architecture):
        for name, shape in step.layer.parameter_shapes().items():
            weight = torch.zeros(1, *shape)
            _fill(weight[0], name, step, run, generator)
            parameters[f"{step.name}.{name}"] = weight
    return parameters


def _fill(weight: Float[Tensor, "..."], name: str, step: Step, run: StackRun, generator: torch.Generator) -> None:
    layer = step.layer
    if isinstance(layer, Constant):
        weight.normal_(std=_POSITIONS_STD, generator=generator)
    elif isinstance(layer, Recurrence):
        gates = weight.chunk(layer.num_gates)
        if weight.dim() > 1:
            for gate in gates:
                _fill_matrix(gate, run, generator)
        elif layer.cell == "lstm" and name == "bias_ih":
            gates[1].fill_(1.0)
    elif weight.dim() > 1:
        _fill_matrix(weight, run, generator)
    elif name in ("weight", "running_var"):
        weight.fill_(1.0)


def _fill_matrix(weight: Tensor, run: StackRun, generator: torch.Generator) -> None:
    match run.init:
        case "he_normal":
            init.kaiming_normal_(weight, generator=generator)
        case "glorot_normal":
            init.xavier_normal_(weight, generator=generator)
        case "orthogonal":
            init.orthogonal_(weight, generator=generator)
        case _:
            init.kaiming_uniform_(weight, a=math.sqrt(5), generator=generator)
    weight.mul_(run.init_gain)


def _first_of_each_name(architecture: Architecture) -> Sequence[Step]:
    """Steps with parameters, those that share them once."""
    steps: dict[str, Step] = {}
    for step in architecture.steps:
        if step.layer.parameter_shapes():
            steps.setdefault(step.name, step)
    return list(steps.values())
