"""What all meta-trainings share: validation by full trainings, the best rule so far, and states that resume exactly."""

import dataclasses
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from ngcore.optim import AnyRule, AnyRuleConfig, make_rule
from ngcore.tasks.inner_loop import InnerRun
from ngcore.tasks.optimisees import ImagesBySize, Optimisee, conv_net, draw_batch, initial_parameters, perceptron
from ngcore.training.processes import gathered, this_process
from ngcore.training.state import read_state, write_state
from ngcore.zoo.cnn_stack import keep_freed_memory
from ngcore.zoo.runs import keyed_generator
from ngcore.zoo.stack_training import measure_stack

Report = Callable[[Mapping[str, Any]], None]
"""Called after each validation with what was measured."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class MetaSettings:
    """The numbers of every meta-training.

    Attributes:
        updates: Of the rule.
        validate_every: Updates between two validations.
        seed: Root of every random draw.
    """

    updates: int
    validate_every: int
    seed: int = 0

    @property
    def networks_of_update(self) -> int:
        """Networks that are in training for one update."""
        raise NotImplementedError

    @property
    def image_sets(self) -> tuple[str, ...]:
        """The images that are learned from."""
        return ("mnist", "fashion-mnist")


def validation_tasks() -> tuple[Optimisee, ...]:
    """What a rule is chosen by: full trainings on networks that it was not trained on."""
    return (
        Optimisee(architecture=conv_net(16), images="fashion-mnist", side=28, total_steps=300),
        Optimisee(architecture=conv_net(32, input_shape=(1, 14, 14)), images="fashion-mnist", side=14, total_steps=500),
        Optimisee(architecture=perceptron(48, 2, (1, 14, 14)), images="mnist", side=14, total_steps=300),
    )


def run_optimiser(
    rule: AnyRule | None, task: Optimisee, images: ImagesBySize, *, num_networks: int, seed: int
) -> tuple[float, float]:
    """Mean accuracy and loss on validation images after a full training of N networks."""
    data = images[task.images, task.side]
    generator = keyed_generator(seed, "validation", task.total_steps)
    network = initial_parameters(task.architecture, num_networks, generator).to(data.train[0].device)
    run = InnerRun.start(network, task.total_steps)
    with torch.no_grad():
        for _ in range(task.total_steps):
            with torch.enable_grad():
                gradients = run.gradients(draw_batch(data.train, task.batch_size, generator))
            run.step(gradients, rule)
    pictures, labels = data.validation
    accuracy, loss = measure_stack(run.network, pictures, labels.expand(num_networks, -1))
    return accuracy.nan_to_num(0.0).mean().item(), loss.nan_to_num(1e3).mean().item()


class MetaTrainer:
    """A rule in training; what an update is, its kinds say.

    Args:
        config: Its numbers.
        images: By name and side, on the device on which all is to run.
        rule: Numbers of the rule.
    """

    def __init__(self, config: MetaSettings, images: ImagesBySize, rule: AnyRuleConfig) -> None:
        self._settings, self.images, self.update, self.num_diverged, self.seconds = config, images, 0, 0, 0.0
        self.device = next(iter(images.values())).train[0].device
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.rule: AnyRule = make_rule(rule).to(self.device)
        self.optimizer: torch.optim.Optimizer
        self.history: list[dict[str, Any]] = []
        self.best: dict[str, Any] | None = None

    def train(self) -> None:
        """Make one update of the rule."""
        raise NotImplementedError

    def candidate(self) -> AnyRule:
        """What is validated: the rule as it is, or a mean of what it was."""
        return self.rule

    def validation_tasks(self) -> tuple[Optimisee, ...]:
        """What the candidate is chosen by."""
        return validation_tasks()

    def validate(self) -> None:
        """Measure the candidate by full trainings, and keep it if its loss is the least so far."""
        candidate, tasks = self.candidate(), self.validation_tasks()
        process = this_process()
        mine = {
            str(number): run_optimiser(candidate, tasks[number], self.images, num_networks=4, seed=self._settings.seed)
            for number in range(process.rank, len(tasks), process.count)
        }
        rows = dict(sorted(row for part in gathered(mine) for row in part.items()))
        found = {
            "update": self.update,
            "accuracy": sum(accuracy for accuracy, _ in rows.values()) / len(rows),
            "log_loss": sum(math.log(max(loss, 1e-9)) for _, loss in rows.values()) / len(rows),
        }
        self.history.append(found | {"diverged": self.num_diverged, "tasks": rows})
        if self.best is None or found["log_loss"] < self.best["log_loss"]:
            self.best = found | {"rule": {name: x.detach().cpu().clone() for name, x in candidate.state_dict().items()}}

    def state(self) -> dict[str, Any]:
        """Tensors and plain values that continue the run exactly."""
        return {
            "update": self.update,
            "diverged": self.num_diverged,
            "seconds": self.seconds,
            "rule": self.rule.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "history": self.history,
            "best": self.best,
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Continue from a state."""
        self.update, self.num_diverged, self.seconds = state["update"], state["diverged"], state["seconds"]
        self.rule.load_state_dict(state["rule"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.history, self.best = list(state["history"]), state["best"]

    def run(
        self, folder: Path, *, max_seconds: float = math.inf, report: Report | None = None
    ) -> dict[str, Any] | None:
        """Train, or go on with it; a run that was stopped ends with the same numbers as one that was not.

        Args:
            folder: Keeps the state.
            max_seconds: Stop after this time, at the next validation, and keep the state.
            report: Called after each validation.

        Returns:
            The state at the end, with the best rule by validation under "best"; None if it was stopped before.

        Raises:
            CheckpointError: If the folder holds the state of a run with other settings.
        """
        keep_freed_memory()
        config = self._settings
        settings = {key: list(x) if isinstance(x, tuple) else x for key, x in dataclasses.asdict(config).items()}
        settings |= {f"rule_{key}": value for key, value in self.rule.config.to_dict().items()}
        kept = read_state(folder, settings=settings)
        if kept is not None:
            self.load(kept)
        folder.mkdir(parents=True, exist_ok=True)
        start = counted = time.monotonic()
        while self.update < config.updates:
            self.train()
            if self.update % config.validate_every == 0 or self.update == config.updates:
                self.validate()
                self.seconds += time.monotonic() - counted
                counted = time.monotonic()
                if this_process().rank == 0:
                    write_state(folder, {"settings": settings, **self.state()})
                    if report is not None:
                        report(self.history[-1])
                is_over = any(gathered(time.monotonic() - start > max_seconds))
                if is_over and self.update < config.updates:
                    return None
        return self.state()
