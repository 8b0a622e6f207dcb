"""Optimisers side by side: the same initial networks, the same minibatches, and where each stands after every step."""

import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from ngcore.errors import NeuralGraphError, UnknownNameError
from ngcore.networks import Network
from ngcore.optim import AnyRule
from ngcore.optim.moments import cosine
from ngcore.tasks.inner_loop import Batch, InnerRun
from ngcore.tasks.optimisees import Optimisee, draw_batch, initial_parameters
from ngcore.zoo.runs import keyed_generator
from ngcore.zoo.stack_training import measure_stack

Method = Literal["sgd", "adamw", "muon", "graph"]
Schedule = Literal["constant", "cosine"]

_TORCH: dict[str, Callable[[list[Tensor], float], torch.optim.Optimizer]] = {
    "sgd": lambda tensors, rate: torch.optim.SGD(tensors, lr=rate, momentum=0.9, nesterov=True),
    "adamw": lambda tensors, rate: torch.optim.AdamW(tensors, lr=rate),
}
METHODS: dict[Method, str] = {"sgd": "SGD, momentum", "adamw": "AdamW", "muon": "Muon", "graph": "Neural graph"}
RATES: dict[Method, float] = {"sgd": 0.05, "adamw": 0.01, "muon": 1.0, "graph": 1.0}
"""Where to begin: of Muon and the graph's rule, factors of their own step sizes."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Entrant:
    """One optimiser with its numbers.

    Attributes:
        method: Key of `METHODS`.
        learning_rate: Of SGD and AdamW; of the others a factor of their own step sizes.
        schedule: Whether steps keep their size or fall to 0 by half a cosine.
        rule: What the method "graph" has learned.

    Raises:
        UnknownNameError: If there is no such method.
        NeuralGraphError: If the rate is not positive, or a graph optimiser has no rule.
    """

    method: Method
    learning_rate: float
    schedule: Schedule = "cosine"
    rule: AnyRule | None = None

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise UnknownNameError("optimiser", self.method, METHODS)
        if not self.learning_rate > 0:
            raise NeuralGraphError(f"Expected a learning rate above 0, got {self.learning_rate}.")
        if (self.method == "graph") != (self.rule is not None):
            raise NeuralGraphError("Expected a rule for a neural-graph optimiser, and for no other.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Standing:
    """Where an entrant is.

    Attributes:
        step: Steps made.
        seconds: Time that they took, measuring left out.
        accuracy: On images not trained on, one number a network.
        loss: Mean cross-entropy on them.
    """

    step: int
    seconds: float
    accuracy: tuple[float, ...]
    loss: tuple[float, ...]


class Runner:
    """N networks of one task, trained by one entrant.

    Args:
        entrant: The optimiser.
        network: The networks as they start.
        total_steps: Length of the training.
    """

    def __init__(self, entrant: Entrant, network: Network, total_steps: int) -> None:
        self.entrant, self.seconds = entrant, 0.0
        self.run = InnerRun.start(network, total_steps)
        self.standings: list[Standing] = []
        self.change: dict[str, Tensor] = {}
        self._leaves = {name: network.parameters[name].clone() for name in self.run.moments.fast}
        make = _TORCH.get(entrant.method)
        self._optimiser = make(list(self._leaves.values()), entrant.learning_rate) if make else None

    @property
    def network(self) -> Network:
        """The networks as they are."""
        return self.run.network

    def step(self, batch: Batch) -> None:
        """One step on a minibatch."""
        start = time.perf_counter()
        gradients = self.run.gradients(batch)
        if self._optimiser is None:
            decays = self.entrant.schedule == "cosine"
            with torch.no_grad():
                self.change = self.run.step(
                    gradients, self.entrant.rule, rate=self.entrant.learning_rate, decays=decays
                )
        else:
            self._step_with_torch(self._optimiser, gradients)
        self.seconds += time.perf_counter() - start

    def _step_with_torch(self, optimiser: torch.optim.Optimizer, gradients: dict[str, Tensor]) -> None:
        factor = cosine(self.run.count, self.run.total_steps if self.entrant.schedule == "cosine" else None)
        for group in optimiser.param_groups:
            group["lr"] = self.entrant.learning_rate * factor
        before = {name: leaf.clone() for name, leaf in self._leaves.items()}
        for name, leaf in self._leaves.items():
            leaf.grad = gradients[name]
        optimiser.step()
        self.change = {name: before[name] - leaf for name, leaf in self._leaves.items()}
        kept = {name: leaf.detach().clone() for name, leaf in self._leaves.items()}
        self.run.network = self.network.having({**self.network.parameters, **kept})
        moments = self.run.moments  # their count is the time; the means are the other methods'
        self.run.moments = dataclasses.replace(moments, count=moments.count + 1)

    def measure(self, images: Tensor, labels: Tensor) -> Standing:
        """Measure the networks, and remember it."""
        accuracy, loss = measure_stack(self.network, images, labels.expand(len(self.network), -1))
        found = Standing(
            step=self.run.count,
            seconds=self.seconds,
            accuracy=tuple(accuracy.tolist()),
            loss=tuple(loss.tolist()),
        )
        self.standings.append(found)
        return found


class Race:
    """Several entrants on one task.

    Args:
        task: Networks, images and length.
        entrants: The optimisers.
        train: Images and labels to train on.
        held_out: Images and labels to measure on.
        num_networks: Networks of each entrant, with different initial weights.
        seed: Of initial weights and minibatches, the same for all.
        measure_every: Steps between two measurements.
    """

    def __init__(
        self,
        task: Optimisee,
        entrants: Sequence[Entrant],
        *,
        train: tuple[Tensor, Tensor],
        held_out: tuple[Tensor, Tensor],
        num_networks: int = 1,
        seed: int = 0,
        measure_every: int = 20,
    ) -> None:
        self.task, self.train, self.held_out, self.measure_every = task, train, held_out, measure_every
        self._batches = keyed_generator(seed, "race")
        start = initial_parameters(task.architecture, num_networks, keyed_generator(seed, "race of networks"))
        self.runners = [Runner(entrant, start, task.total_steps) for entrant in entrants]
        for runner in self.runners:
            runner.measure(*held_out)

    @property
    def step(self) -> int:
        """Steps that all have made."""
        return self.runners[0].run.count

    @property
    def is_over(self) -> bool:
        """Whether all steps are made."""
        return self.step >= self.task.total_steps

    def advance(self, steps: int = 1) -> None:
        """Let every entrant make some steps, on the same minibatches, to the end at most."""
        for _ in range(min(steps, self.task.total_steps - self.step)):
            batch = draw_batch(self.train, self.task.batch_size, self._batches)
            for runner in self.runners:
                runner.step(batch)
                if runner.run.count % self.measure_every == 0 or runner.run.count == self.task.total_steps:
                    runner.measure(*self.held_out)

    def rows(self) -> list[dict[str, Any]]:
        """All measurements as rows of a table, one for each entrant, step and network."""
        return [
            {
                "entrant": number,
                "optimiser": METHODS[runner.entrant.method],
                "learning_rate": runner.entrant.learning_rate,
                "schedule": runner.entrant.schedule,
                "network": network,
                "step": standing.step,
                "seconds": standing.seconds,
                "accuracy": accuracy,
                "loss": loss,
            }
            for number, runner in enumerate(self.runners)
            for standing in runner.standings
            for network, (accuracy, loss) in enumerate(zip(standing.accuracy, standing.loss, strict=True))
        ]
