"""What the study of optimisers tries: which optimiser at which rate on which networks, and which rates are tuned."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ngcore.errors import NeuralGraphError, UnknownNameError
from ngcore.tasks.hand_made import HAND_MADE, HandMadeMethod
from ngcore.tasks.optimiser_trials import PRECISIONS, TRIAL_TASKS, trial_task

SCHEDULES = ("constant", "cosine")
BASES = ("fashion-mnist", "cifar10")
"""Tasks that rates are tuned on, by name of their images."""

RATES: dict[HandMadeMethod, tuple[float, ...]] = {
    "sgd": (0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64),
    "adamw": (0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064),
    "muon": (0.0625, 0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0),
}
"""What is tried of each method; of Muon factors of its step sizes .05 and .01."""

NAMES: dict[HandMadeMethod, str] = {"sgd": "SGD, momentum", "adamw": "AdamW", "muon": "Muon"}
STEPS = 1_000
NOT_TUNED = "–"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """Which trials are made.

    Attributes:
        tasks: Keys of `TRIAL_TASKS`.
        widths: Factors of the width.
        steps: Length of every training; rates are tuned at `STEPS` at most.
        num_seeds: Networks of each trial.
        precision: Of the passes through the networks, one of `PRECISIONS`.
        only_moved: Whether all tasks take the rates that are best on Fashion-MNIST, and none is tuned elsewhere.

    Raises:
        UnknownNameError: If there is no such task or precision.
        NeuralGraphError: If a number is below 1, or nothing is asked for.
    """

    tasks: tuple[str, ...] = BASES
    widths: tuple[int, ...] = (1,)
    steps: int = STEPS
    num_seeds: int = 5
    precision: str = "float32"
    only_moved: bool = False

    def __post_init__(self) -> None:
        for task in self.tasks:
            trial_task(task)
        if self.precision not in PRECISIONS:
            raise UnknownNameError("precision", self.precision, PRECISIONS)
        if not (self.tasks and self.widths):
            raise NeuralGraphError("Expected at least one task and one width, got none.")
        least = min(*self.widths, self.steps, self.num_seeds)
        if least < 1:
            raise NeuralGraphError(f"Expected widths, steps and seeds of at least 1, got {least}.")

    @property
    def tuning_steps(self) -> int:
        """Length of the trainings that rates are chosen by."""
        return min(self.steps, STEPS)

    def tunings(self) -> list["Tuning"]:
        """All tunings that the trials need."""
        bases = dict.fromkeys(base for task in self.tasks for base in self._bases(task))
        return [
            Tuning(task=task, method=method, schedule=schedule, steps=self.tuning_steps)
            for task in bases
            for method in HAND_MADE
            for schedule in SCHEDULES
        ]

    def trials(self, best: Mapping[str, float], rules: Sequence[str]) -> Iterator["Trial"]:
        """All trials, task by task.

        Args:
            best: The best rate of each tuning, by its key.
            rules: Names of the learned rules.
        """
        for task in self.tasks:
            for width in self.widths:
                where: dict[str, Any] = {"task": task, "width": width, "steps": self.steps, "seeds": self.num_seeds}
                for rule in rules:
                    yield Trial(**where, rule=rule)
                yield Trial(**where, method="muon", schedule="cosine", rate=1.0)
                for tuning in reversed(self.tunings()):
                    if tuning.task in self._bases(task):
                        yield Trial(
                            **where,
                            method=tuning.method,
                            schedule=tuning.schedule,
                            rate=best[tuning.key],
                            tuned_on=tuning.task,
                        )

    def _bases(self, task: str) -> tuple[str, ...]:
        """The tasks whose best rates are tried on a task: that with its images, and Fashion-MNIST."""
        own = () if self.only_moved else (TRIAL_TASKS[task].images,)
        return tuple(dict.fromkeys((*own, BASES[0])))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tuning:
    """One method with one schedule at all its rates, on one seed, judged by validation images.

    Attributes:
        task: Key of `TRIAL_TASKS`.
        method: Key of `RATES`.
        schedule: One of `SCHEDULES`.
        steps: Length of the trainings.
    """

    task: str
    method: HandMadeMethod
    schedule: str
    steps: int

    @property
    def key(self) -> str:
        """Letters and digits that tell it from others."""
        return f"{self.task}-{self.steps}-{self.method}-{self.schedule}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trial:
    """One optimiser on one task, on all seeds.

    Attributes:
        task: Key of `TRIAL_TASKS`.
        width: Factor of the networks' width.
        steps: Length of the training.
        seeds: Number of networks.
        method: Of a hand-made optimiser.
        schedule: Its schedule.
        rate: Its rate.
        tuned_on: The task that the rate is the best of.
        rule: Name of a learned one instead.
    """

    task: str
    width: int
    steps: int
    seeds: int
    method: HandMadeMethod | None = None
    schedule: str = ""
    rate: float | None = None
    tuned_on: str = NOT_TUNED
    rule: str = ""

    @property
    def run_key(self) -> str:
        """Tells trainings apart; trials that agree in it have the same outcome."""
        own = self.rule or f"{self.method}-{self.schedule}-{self.rate:g}"
        return f"{self.task}-{self.width}-{self.steps}-{self.seeds}-{own}"

    @property
    def key(self) -> str:
        """Tells rows of the table apart."""
        return self.run_key if self.rule else f"{self.run_key}-by-{self.tuned_on}"

    @property
    def setting(self) -> dict[str, str | int]:
        """What distinguishes it, in words, by column."""
        name = self.rule
        if self.method is not None:
            name = f"{NAMES[self.method]}, {self.schedule}, {'× ' * (self.method == 'muon')}{self.rate:g}"
        task = self.task if self.width == 1 else f"{self.task}, {self.width} × wide"
        return {"task": task, "steps": self.steps, "optimiser": name, "tuned on": self.tuned_on}


PUBLISHED: tuple[tuple[str, str, float], ...] = (
    ("fashion-mnist", "NG-T", 0.865),
    ("fashion-mnist", "NG-GNN", 0.859),
    ("fashion-mnist", "Adam", 0.810),
    ("cifar10", "NG-GNN", 0.644),
    ("cifar10", "NG-T", 0.608),
    ("cifar10", "Adam", 0.548),
)
"""Accuracies after 1,000 steps in the paper on the two tasks as they are here."""


def published_rows() -> list[dict[str, Any]]:
    """What was published, as rows of the study."""
    return [
        {
            "key": f"published-{task}-{name}",
            "setting": {"task": task, "steps": STEPS, "optimiser": name, "tuned on": "published"},
            "test": {"accuracy": accuracy},
            "is_published": True,
        }
        for task, name, accuracy in PUBLISHED
    ]
