"""Meta-training by gradients: the rule of an optimiser learns from windows of the trainings of many small networks."""

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ngcore.errors import NeuralGraphError
from ngcore.networks import Network
from ngcore.optim import RuleConfig
from ngcore.tasks.inner_loop import InnerRun, meta_loss
from ngcore.tasks.meta_trainer import MetaSettings, MetaTrainer, Report
from ngcore.tasks.optimisees import (
    ImagesBySize,
    Optimisee,
    draw_batch,
    draw_optimisee,
    initial_parameters,
)
from ngcore.zoo.runs import keyed_generator


@dataclasses.dataclass(frozen=True, kw_only=True)
class MetaConfig(MetaSettings):
    """The numbers of a meta-training.

    Attributes:
        window: Steps of a stack between two updates; a multiple of the rule's interval.
        num_networks: Networks of a stack.
        num_runs: Stacks in training at the same time, which take turns.
        learning_rate: Of Adam, for the rule, falling to 0 by half a cosine.
        clip_norm: Largest norm of its gradient.
    """

    updates: int = 4_000
    window: int = 40
    num_networks: int = 8
    num_runs: int = 6
    learning_rate: float = 1e-3
    clip_norm: float = 1.0
    validate_every: int = 200

    @property
    def networks_of_update(self) -> int:
        """Networks that an update trains for a window."""
        return self.num_networks


def meta_train(
    config: MetaConfig,
    images: ImagesBySize,
    folder: Path,
    *,
    rule: RuleConfig | None = None,
    max_seconds: float = math.inf,
    report: Report | None = None,
) -> dict[str, Any] | None:
    """Train a rule by gradients through windows, or go on with it; see `MetaTrainer.run`.

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
    trainer = WindowTrainer(config, images, rule or RuleConfig())
    return trainer.run(folder, max_seconds=max_seconds, report=report)


class WindowTrainer(MetaTrainer):
    """A rule that is trained by windows of the trainings of several stacks, which take turns."""

    def __init__(self, config: MetaConfig, images: ImagesBySize, rule: RuleConfig) -> None:
        if config.window % rule.interval:
            raise NeuralGraphError(
                f"Expected a window that is a multiple of the rule's interval {rule.interval}, got {config.window}."
            )
        super().__init__(config, images, rule)
        self.config = config
        self.optimizer = torch.optim.Adam(self.rule.parameters(), lr=config.learning_rate, betas=(0.9, 0.99))
        self.numbers = list(range(config.num_runs))
        self.runs = [self._start(number) for number in self.numbers]

    def _task(self, number: int) -> Optimisee:
        return draw_optimisee(number, seed=self.config.seed)

    def _start(self, number: int) -> InnerRun:
        task = self._task(number)
        generator = keyed_generator(self.config.seed, "initial", number)
        network = initial_parameters(task.architecture, self.config.num_networks, generator)
        return InnerRun.start(network.to(self.device), task.total_steps)

    def train(self) -> None:
        """One update of the rule, by a window of the stack whose turn it is."""
        slot = self.update % self.config.num_runs
        run, task = self.runs[slot], self._task(self.numbers[slot])
        generator = keyed_generator(self.config.seed, "window", self.update)
        data = self.images[task.images, task.side].train
        batches = [draw_batch(data, task.batch_size, generator) for _ in range(self.config.window + 1)]
        loss, is_finite = meta_loss(run, batches, self.rule)
        for group in self.optimizer.param_groups:
            progress = self.update / self.config.updates
            group["lr"] = (
                self.config.learning_rate * min(1.0, self.update / 50) * 0.5 * (1 + math.cos(math.pi * progress))
            )
        if is_finite:
            self.optimizer.zero_grad()
            loss.backward()
            norm = torch.nn.utils.clip_grad_norm_(self.rule.parameters(), self.config.clip_norm)
            if norm.isfinite():
                self.optimizer.step()
        run.coefficients = None
        self.num_diverged += not is_finite
        if not is_finite or run.count + self.config.window > task.total_steps:
            self.numbers[slot] = max(self.numbers) + 1
            self.runs[slot] = self._start(self.numbers[slot])
        self.update += 1

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
        return super().state() | {"runs": runs}

    def load(self, state: Mapping[str, Any]) -> None:
        """Continue from a state."""
        super().load(state)
        self.numbers = [kept["number"] for kept in state["runs"]]
        self.runs = [self._restored(kept) for kept in state["runs"]]

    def _restored(self, kept: Mapping[str, Any]) -> InnerRun:
        task = self._task(kept["number"])
        moments = {
            key: {name: tensor.to(self.device) for name, tensor in kept["moments"][key].items()}
            for key in ("fast", "slow", "square")
        }
        network = Network(task.architecture, kept["parameters"]).to(self.device)
        run = InnerRun.start(network, task.total_steps)
        run.moments = dataclasses.replace(run.moments, **moments, count=kept["count"])
        return run
