"""What an optimiser costs: processor time of whole training steps beside Adam's, and the memory of what it keeps."""

import dataclasses
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ngcore.networks import to_module
from ngcore.optim import PAPER_PRESETS, AnyRule, NeuralGraphOptimizer, RuleConfig, find_rules, load_rule, make_rule
from ngcore.optim.passing import PASSINGS
from ngcore.tasks.optimiser_trials import BATCH_SIZE, TRIAL_TASKS, start_networks
from ngcore.zoo.cnn_stack import keep_freed_memory
from ngcore.zoo.images import IMAGE_SHAPES

ADAM, MUON = "Adam", "Muon"
TASK = "fashion-mnist"
STEPS = 20
"""Of a round; a multiple of the steps between two answers of a rule."""

Make = Callable[[nn.Module, Tensor], torch.optim.Optimizer]


@dataclasses.dataclass(frozen=True)
class Cost:
    """What one optimiser costs.

    Attributes:
        optimiser: Its name.
        milliseconds: Processor time of a whole training step: both passes through the network, and the optimiser.
        own_milliseconds: Of these the optimiser's.
        ratio: Of the whole step to that with Adam, measured in turns with it.
        state_bytes: Of the tensors that it keeps.
        parameters: Of the network.
    """

    optimiser: str
    milliseconds: float
    own_milliseconds: float
    ratio: float
    state_bytes: int
    parameters: int


def contenders() -> dict[str, Make]:
    """All that is measured, by name: Adam, Muon, untrained rules of every kind and preset, and trained ones."""
    rules: dict[str, AnyRule | None] = {MUON: None}
    rules |= {kind: make_rule(RuleConfig(kind=kind)) for kind in PASSINGS}
    rules |= {name: make_rule(config) for name, config in PAPER_PRESETS.items()}
    rules |= {name: load_rule(name) for name in find_rules()}
    return {ADAM: _adam, **{name: _with_rule(rule) for name, rule in rules.items()}}


def measure_costs(
    makers: Mapping[str, Make] | None = None, *, rounds: int = 5, report: Callable[[int], object] | None = None
) -> list[Cost]:
    """Train the paper's network for Fashion-MNIST by each optimiser in turns, on 128 random images and one thread.

    Of each of `STEPS` steps the fastest in several rounds counts, which other work on the machine disturbs the least;
    steps at which a rule is asked and steps at which it is not are averaged.

    Args:
        makers: What to measure, Adam among it; None: all `contenders`.
        rounds: How often all have their turn.
        report: Called with the number of rounds that are over.
    """
    keep_freed_memory()
    runs = {name: _Run(make) for name, make in (makers or contenders()).items()}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for number in range(rounds):
            for run in runs.values():
                run.go()
            if report is not None:
                report(number + 1)
    finally:
        torch.set_num_threads(threads)
    whole = {name: _typical(run.seconds) for name, run in runs.items()}
    return [
        Cost(
            optimiser=name,
            milliseconds=1e3 * whole[name],
            own_milliseconds=1e3 * _typical(run.own_seconds),
            ratio=whole[name] / whole[ADAM],
            state_bytes=_bytes_of(run.optimizer.state_dict()),
            parameters=sum(parameter.numel() for parameter in run.module.parameters()),
        )
        for name, run in runs.items()
    ]


class _Run:
    """A module in training, as a user would write it."""

    def __init__(self, make: Make) -> None:
        architecture = TRIAL_TASKS[TASK].architecture()
        self.module = to_module(start_networks(TASK, architecture, [0])).train()
        generator = torch.Generator().manual_seed(0)
        self.images = torch.randn(BATCH_SIZE, 1, *IMAGE_SHAPES[TASK], generator=generator)
        self.labels = torch.randint(10, (BATCH_SIZE,), generator=generator)
        self.optimizer = make(self.module, self.images[:2])
        self.seconds: list[list[float]] = []
        self.own_seconds: list[list[float]] = []

    def go(self) -> None:
        """One round; what each of its steps took is kept."""
        whole, own = [], []
        for _ in range(STEPS):
            start = time.process_time()
            loss = functional.cross_entropy(self.module(self.images), self.labels)
            self.optimizer.zero_grad()
            loss.backward()
            begun = time.process_time()
            self.optimizer.step()
            end = time.process_time()
            whole.append(end - start)
            own.append(end - begun)
        self.seconds.append(whole)
        self.own_seconds.append(own)


def _typical(rounds: Sequence[Sequence[float]]) -> float:
    """The mean over steps of the least that each took in any round."""
    return statistics.fmean(min(times) for times in zip(*rounds, strict=True))


def _adam(module: nn.Module, _images: Tensor) -> torch.optim.Optimizer:
    return torch.optim.Adam(module.parameters(), lr=1e-3)


def _with_rule(rule: AnyRule | None) -> Make:
    return lambda module, images: NeuralGraphOptimizer(module, images, rule=rule, total_steps=1_000)


def _bytes_of(state: Any) -> int:
    """Of all tensors in nested dictionaries and lists."""
    if isinstance(state, Tensor):
        return state.numel() * state.element_size()
    if isinstance(state, Mapping):
        return sum(_bytes_of(value) for value in state.values())
    return sum(_bytes_of(value) for value in state) if isinstance(state, list | tuple) else 0
