"""Meta-training: learning the rule of an optimiser from the trainings of many small networks."""

import dataclasses
import logging
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from ngcore.errors import NeuralGraphError
from ngcore.networks import Architecture, Network
from ngcore.optim import RuleConfig, UpdateRule
from ngcore.optim.moments import Moments
from ngcore.tasks.inner_loop import InnerRun, meta_loss
from ngcore.tasks.optimisees import (
    ImagesBySize,
    Optimisee,
    conv_net,
    draw_batch,
    draw_optimisee,
    initial_parameters,
    perceptron,
)
from ngcore.training.state import read_state, write_state
from ngcore.zoo.runs import keyed_generator
from ngcore.zoo.stack_training import measure_stack

logger = logging.getLogger(__name__)

Report = Callable[[Mapping[str, Any]], None]
"""Called after each validation with what was measured."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class MetaConfig:
    """The numbers of a meta-training.

    Attributes:
        updates: Of the rule.
        window: Steps of a stack between two updates; a multiple of the rule's interval.
        num_networks: Networks of a stack.
        num_runs: Stacks in training at the same time, which take turns.
        learning_rate: Of Adam, for the rule, falling to 0 by half a cosine.
        clip_norm: Largest norm of its gradient.
        validate_every: Updates between two validations.
        seed: Root of every random draw.
    """

    updates: int = 4_000
    window: int = 40
    num_networks: int = 8
    num_runs: int = 6
    learning_rate: float = 1e-3
    clip_norm: float = 1.0
    validate_every: int = 200
    seed: int = 0


def validation_tasks() -> tuple[Optimisee, ...]:
    """What a rule is chosen by: full trainings on networks that it was not trained on."""
    return (
        Optimisee(architecture=conv_net(16), images="fashion-mnist", side=28, total_steps=300),
        Optimisee(architecture=conv_net(32, input_shape=(1, 14, 14)), images="fashion-mnist", side=14, total_steps=500),
        Optimisee(architecture=perceptron(48, 2, (1, 14, 14)), images="mnist", side=14, total_steps=300),
    )


def run_optimiser(
    rule: UpdateRule | None, task: Optimisee, images: ImagesBySize, *, num_networks: int, seed: int
) -> tuple[float, float]:
    """Mean accuracy and loss on validation images after a full training of N networks."""
    data = images[task.images, task.side]
    generator = keyed_generator(seed, "validation", task.total_steps)
    run = InnerRun.start(initial_parameters(task.architecture, num_networks, generator), task.total_steps)
    with torch.no_grad():
        for _ in range(task.total_steps):
            with torch.enable_grad():
                gradients = run.gradients(draw_batch(data.train, task.batch_size, generator))
            run.step(gradients, rule)
    pictures, labels = data.validation
    accuracy, loss = measure_stack(run.network, pictures, labels.expand(num_networks, -1))
    return accuracy.nan_to_num(0.0).mean().item(), loss.nan_to_num(1e3).mean().item()


def meta_train(
    config: MetaConfig,
    images: ImagesBySize,
    folder: Path,
    *,
    rule: RuleConfig | None = None,
    max_seconds: float = math.inf,
    report: Report | None = None,
) -> dict[str, Any] | None:
    """Train a rule, or go on with it; a run that was stopped ends with the same numbers as one that was not.

    Args:
        config: The numbers.
        images: By name and side: MNIST and Fashion-MNIST, at the sides of `SIDES`.
        folder: Keeps the state.
        rule: Numbers of the rule.
        max_seconds: Stop after this time, and keep the state.
        report: Called after each validation.

    Returns:
        The state at the end, with the best rule by validation under "best"; None if it was stopped before.

    Raises:
        CheckpointError: If the folder holds the state of a run with other settings.
        NeuralGraphError: If the window is no multiple of the rule's interval.
    """
    trainer = _Trainer(config, images, rule or RuleConfig())
    settings = {**dataclasses.asdict(config), **{f"rule_{k}": v for k, v in trainer.rule.config.to_dict().items()}}
    kept = read_state(folder, settings=settings)
    if kept is not None:
        trainer.load(kept)
    folder.mkdir(parents=True, exist_ok=True)
    start = counted = time.monotonic()
    while trainer.update < config.updates:
        trainer.train()
        if trainer.update % config.validate_every == 0 or trainer.update == config.updates:
            trainer.validate()
            trainer.seconds += time.monotonic() - counted
            counted = time.monotonic()
            write_state(folder, {"settings": settings, **trainer.state()})
            if report is not None:
                report(trainer.history[-1])
            if time.monotonic() - start > max_seconds and trainer.update < config.updates:
                return None
    return trainer.state()


class _Trainer:
    """The rule, its optimiser, and the stacks in training."""

    def __init__(self, config: MetaConfig, images: ImagesBySize, rule: RuleConfig) -> None:
        if config.window % rule.interval:
            raise NeuralGraphError(
                f"Expected a window that is a multiple of the rule's interval {rule.interval}, got {config.window}."
            )
        self.config, self.images, self.update, self.num_diverged, self.seconds = config, images, 0, 0, 0.0
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.rule = UpdateRule(rule)
        self.adam = torch.optim.Adam(self.rule.parameters(), lr=config.learning_rate, betas=(0.9, 0.99))
        self.numbers = list(range(config.num_runs))
        self.runs = [self._start(number) for number in self.numbers]
        self.history: list[dict[str, Any]] = []
        self.best: dict[str, Any] | None = None

    def _task(self, number: int) -> Optimisee:
        return draw_optimisee(number, seed=self.config.seed)

    def _start(self, number: int) -> InnerRun:
        task = self._task(number)
        generator = keyed_generator(self.config.seed, "initial", number)
        return InnerRun.start(
            initial_parameters(task.architecture, self.config.num_networks, generator), task.total_steps
        )

    def train(self) -> None:
        """One update of the rule, by a window of the stack whose turn it is."""
        slot = self.update % self.config.num_runs
        run, task = self.runs[slot], self._task(self.numbers[slot])
        generator = keyed_generator(self.config.seed, "window", self.update)
        data = self.images[task.images, task.side].train
        batches = [draw_batch(data, task.batch_size, generator) for _ in range(self.config.window + 1)]
        loss, is_finite = meta_loss(run, batches, self.rule)
        for group in self.adam.param_groups:
            progress = self.update / self.config.updates
            group["lr"] = (
                self.config.learning_rate * min(1.0, self.update / 50) * 0.5 * (1 + math.cos(math.pi * progress))
            )
        if is_finite:
            self.adam.zero_grad()
            loss.backward()
            norm = torch.nn.utils.clip_grad_norm_(self.rule.parameters(), self.config.clip_norm)
            if norm.isfinite():
                self.adam.step()
        run.coefficients = None
        self.num_diverged += not is_finite
        if not is_finite or run.count + self.config.window > task.total_steps:
            self.numbers[slot] = max(self.numbers) + 1
            self.runs[slot] = self._start(self.numbers[slot])
        self.update += 1

    def validate(self) -> None:
        """Measure the rule by full trainings, and keep it if it is the best so far."""
        rows = {}
        for number, task in enumerate(validation_tasks()):
            rows[str(number)] = run_optimiser(self.rule, task, self.images, num_networks=4, seed=self.config.seed)
        accuracy = sum(row[0] for row in rows.values()) / len(rows)
        entry = {"update": self.update, "accuracy": accuracy, "diverged": self.num_diverged, "tasks": rows}
        self.history.append(entry)
        if self.best is None or accuracy > self.best["accuracy"]:
            weights = {name: tensor.detach().clone() for name, tensor in self.rule.state_dict().items()}
            self.best = {"update": self.update, "accuracy": accuracy, "rule": weights}

    def state(self) -> dict[str, Any]:
        """Tensors and plain values that continue the run exactly."""
        runs = [
            {
                "number": number,
                "parameters": dict(run.network.parameters),
                "moments": {key: dict(getattr(run.moments, key)) for key in ("fast", "slow", "square")},
                "count": run.count,
            }
            for number, run in zip(self.numbers, self.runs, strict=True)
        ]
        return {
            "update": self.update,
            "diverged": self.num_diverged,
            "seconds": self.seconds,
            "rule": self.rule.state_dict(),
            "adam": self.adam.state_dict(),
            "runs": runs,
            "history": self.history,
            "best": self.best,
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Continue from a state."""
        self.update, self.num_diverged, self.seconds = state["update"], state["diverged"], state["seconds"]
        self.rule.load_state_dict(state["rule"])
        self.adam.load_state_dict(state["adam"])
        self.history, self.best = list(state["history"]), state["best"]
        self.numbers = [kept["number"] for kept in state["runs"]]
        self.runs = [_restored(self._task(kept["number"]), kept) for kept in state["runs"]]


def _restored(task: Optimisee, kept: Mapping[str, Any]) -> InnerRun:
    architecture: Architecture = task.architecture
    moments = Moments(**kept["moments"], count=kept["count"])
    return InnerRun(Network(architecture, kept["parameters"]), task.total_steps, moments)
