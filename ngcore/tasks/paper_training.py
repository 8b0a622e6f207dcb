"""Meta-training of optimisers in the paper's form: its recipe, made cheap."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import torch

from ngcore.networks import Network
from ngcore.optim import PaperConfig
from ngcore.optim.paper_form import Memory
from ngcore.tasks.inner_loop import InnerRun, meta_loss
from ngcore.tasks.meta_trainer import MetaSettings, MetaTrainer
from ngcore.tasks.optimisees import ImagesBySize, Optimisee, conv_net, draw_batch, initial_parameters
from ngcore.zoo.drawing import Draw
from ngcore.zoo.runs import keyed_generator


@dataclasses.dataclass(frozen=True, kw_only=True)
class PaperMetaConfig(MetaSettings):
    """The numbers of a meta-training in the paper's way: its conv net on Fashion-MNIST, judged by the next minibatches.

    Attributes:
        window: Steps of a stack between two updates; 1 looks one step ahead, as the paper does.
        num_networks: Networks of a stack.
        num_runs: Stacks in training at the same time, which take turns.
        sides: Heights and widths that images are brought to; one that stands here twice comes twice as often.
        widths: Channels after the first convolution.
        horizons: Least and greatest length of a training.
        learning_rate: Of Adam, for the rule, falling to 0 by half a cosine.
        clip_norm: Largest norm of its gradient.
    """

    updates: int = 1_200
    validate_every: int = 300
    window: int = 10
    num_networks: int = 8
    num_runs: int = 6
    sides: tuple[int, ...] = (14, 14, 14, 14, 14, 14, 14, 28)
    widths: tuple[int, ...] = (8, 12)
    horizons: tuple[float, float] = (100.0, 1_000.0)
    learning_rate: float = 3e-3
    clip_norm: float = 1.0

    @property
    def networks_of_update(self) -> int:
        """Networks that an update trains for a window."""
        return self.num_networks

    @property
    def image_sets(self) -> tuple[str, ...]:
        """The images that are learned from."""
        return ("fashion-mnist",)


def paper_optimisee(number: int, config: PaperMetaConfig) -> Optimisee:
    """A task of the meta-training; it depends on its number and the numbers of the training alone."""
    draw = Draw(config.seed, "optimisee of the paper", number)
    side = draw.choice(config.sides)
    return Optimisee(
        architecture=conv_net(draw.choice(config.widths), input_shape=(1, side, side)),
        images="fashion-mnist",
        side=side,
        total_steps=round(draw.log_uniform(*config.horizons)),
    )


class PaperTrainer(MetaTrainer):
    """A rule in the paper's form, trained by windows of the trainings of several stacks, which take turns.

    Args:
        config: The numbers of the training.
        images: By name and side.
        rule: Numbers of the rule.
    """

    def __init__(self, config: PaperMetaConfig, images: ImagesBySize, rule: PaperConfig) -> None:
        super().__init__(config, images, rule)
        self.config = config
        self.optimizer = torch.optim.Adam(self.rule.parameters(), lr=config.learning_rate)
        self.numbers = list(range(config.num_runs))
        self.runs = [self._start(number) for number in self.numbers]

    def validation_tasks(self) -> tuple[Optimisee, ...]:
        """A full training of the paper's network on small images."""
        return (
            Optimisee(
                architecture=conv_net(16, input_shape=(1, 14, 14)), images="fashion-mnist", side=14, total_steps=500
            ),
        )

    def _start(self, number: int) -> InnerRun:
        task = paper_optimisee(number, self.config)
        generator = keyed_generator(self.config.seed, "initial", number)
        network = initial_parameters(task.architecture, self.config.num_networks, generator)
        return InnerRun.start(network.to(self.device), task.total_steps)

    def train(self) -> None:
        """One update of the rule, by a window of the stack whose turn it is."""
        slot = self.update % self.config.num_runs
        run, task = self.runs[slot], paper_optimisee(self.numbers[slot], self.config)
        generator = keyed_generator(self.config.seed, "window", self.update)
        data = self.images[task.images, task.side].train
        batches = [draw_batch(data, task.batch_size, generator) for _ in range(self.config.window + 1)]
        loss, is_finite = meta_loss(run, batches, self.rule)
        for group in self.optimizer.param_groups:
            share = self.update / self.config.updates
            group["lr"] = self.config.learning_rate * 0.5 * (1 + math.cos(math.pi * share))
        if is_finite:
            self.optimizer.zero_grad()
            loss.backward()
            norm = torch.nn.utils.clip_grad_norm_(self.rule.parameters(), self.config.clip_norm)
            if norm.isfinite():
                self.optimizer.step()
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
                "memory": None if run.memory is None else run.memory.detach().tensors(),
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
        task = paper_optimisee(kept["number"], self.config)
        run = InnerRun.start(Network(task.architecture, kept["parameters"]).to(self.device), task.total_steps)
        run.moments = dataclasses.replace(run.moments, count=kept["count"])
        if kept["memory"] is not None:
            run.memory = Memory.of([tensor.to(self.device) for tensor in kept["memory"]])
        return run
