"""The study of optimisers: learned and hand-made ones on the same networks and minibatches, with rates tuned fairly."""

import dataclasses
import functools
import logging
import math
import statistics
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ngcore.device import choose_device, describe_device
from ngcore.locks import only_one
from ngcore.optim import find_rules, load_rule
from ngcore.report.optimiser_plan import RATES, Plan, Trial, Tuning, published_rows
from ngcore.report.study_files import OPTIMISERS, read_study, write_study
from ngcore.tasks.hand_made import HandMadeStack
from ngcore.tasks.optimiser_cost import measure_costs
from ngcore.tasks.optimiser_trials import (
    TRIAL_TASKS,
    Outcome,
    RuledStack,
    Stack,
    TrialImages,
    start_networks,
    train_stack,
    trial_batches,
    trial_task,
)
from ngcore.training.checkpoint import read_card
from ngcore.zoo.cnn_stack import keep_freed_memory

QUESTION = "Which optimiser learns most in the same steps, learned or made by hand and tuned?"
TUNING_SEED = 1_000
CURVE_POINTS = 100
ROUNDS = 5
CHANCE = 0.1
"""Accuracy that networks count with whose numbers are no longer finite."""

Progress = Callable[[int, int, str], object]

logger = logging.getLogger(__name__)


def optimisers_head() -> dict[str, Any]:
    """What the file of the study begins with; each of its rows knows the images that it is about."""
    return {"name": OPTIMISERS, "question": QUESTION, "zoo": "fashion-mnist and cifar10", "zoo_sha256": ""}


def run_optimiser_study(
    out: Path, plan: Plan | None = None, *, device: str = "auto", progress: Progress | None = None
) -> dict[str, Any]:
    """Make the trials of a plan and write the file after each; those in the file already are not made again.

    Rates are chosen by accuracy on training images held out, from one seed that no trial has; test images are looked at
    at the end of trials alone. All optimisers start from the same networks and see the same minibatches.

    Args:
        out: The .json file. It keeps what other plans have put there.
        plan: What to try; None: the paper's two tasks.
        device: See `ngcore.device`.
        progress: Called with the number of trainings done, that of all, and the current one.

    Returns:
        The contents of the file: name, question, tunings by key, and one row per trial.
    """
    keep_freed_memory()
    with only_one(out, f"the study {OPTIMISERS}"):
        return _Study(out, plan or Plan(), choose_device(device), progress).run()


def add_costs(out: Path, progress: Progress | None = None) -> dict[str, Any]:
    """Measure what optimisers cost (see `measure_costs`), and put it into the file of the study under "costs".

    Args:
        out: The .json file.
        progress: As in `run_optimiser_study`.
    """
    with only_one(out, f"the study {OPTIMISERS}"):
        kept = read_study(out) if out.is_file() else {"tunings": {}, "rows": published_rows()}
        costs = measure_costs(
            rounds=ROUNDS, report=lambda done: progress and progress(done, ROUNDS, "rounds of training steps")
        )
        content = {**kept, **optimisers_head(), "costs": [dataclasses.asdict(cost) for cost in costs]}
        write_study(out, content)
    return content


class _Study:
    """The file as it grows."""

    def __init__(self, out: Path, plan: Plan, device: torch.device, progress: Progress | None) -> None:
        self.out, self.plan, self.device, self.progress = out, plan, device, progress
        kept = read_study(out) if out.is_file() else {"rows": []}
        self.content: dict[str, Any] = {"tunings": {}, **kept, **optimisers_head()}
        self.rows = {row["key"]: row for row in kept["rows"]}
        self.rules = find_rules()
        self.images = functools.lru_cache(maxsize=1)(self._images)  # hundreds of megabytes each
        self.done = 0
        self.total = 0

    def run(self) -> dict[str, Any]:
        """All tunings, then all trials."""
        tunings = self.plan.tunings()
        self.total = len(tunings) + sum(1 for _ in self.plan.trials(_anything(tunings), list(self.rules)))
        for tuning in tunings:
            self._tune(tuning)
            self.done += 1
        best = {tuning.key: self.content["tunings"][tuning.key]["best"] for tuning in tunings}
        for trial in self.plan.trials(best, list(self.rules)):
            self._try(trial)
            self.done += 1
        self._write()
        return self.content

    def _images(self, name: str) -> TrialImages:
        found = TrialImages.find(name)
        if found.is_sample:
            logger.warning("All images of %s cannot be had; the sample that ships stands in for them.", name)
        return found

    def _tune(self, tuning: Tuning) -> None:
        """Find the best rate of a method."""
        found = self.images(TRIAL_TASKS[tuning.task].images)
        rates = RATES[tuning.method]
        kept = self.content["tunings"].get(tuning.key)
        facts = {"rates": list(rates), "images_sha256": found.digest, "precision": self.plan.precision}
        if kept is not None and all(kept.get(name) == fact for name, fact in facts.items()):
            return
        network = start_networks(tuning.task, trial_task(tuning.task).architecture(), [TUNING_SEED]).to(self.device)
        network = network.map(lambda tensor: tensor.expand(len(rates), *tensor.shape[1:]).contiguous())
        stack = HandMadeStack(
            tuning.method,
            network,
            torch.tensor(rates, device=self.device),
            total_steps=tuning.steps if tuning.schedule == "cosine" else None,
        )
        outcome = self._train(stack, tuning.task, found, [TUNING_SEED], tuning.steps, tuning.key)
        accuracies, losses = outcome.measure(_on(found.images.validation, self.device))
        worth = [_or_chance(accuracy) for accuracy in accuracies]
        best = max(range(len(rates)), key=worth.__getitem__)
        self.content["tunings"][tuning.key] = {
            **facts,
            "accuracies": worth,
            "losses": [_finite(loss) for loss in losses],
            "best": rates[best],
            "is_at_edge": best in (0, len(rates) - 1),
            "seconds": round(outcome.seconds, 1),
        }
        self._write()

    def _try(self, trial: Trial) -> None:
        """Make a trial, unless a row has it already."""
        found = self.images(TRIAL_TASKS[trial.task].images)
        weights = read_card(self.rules[trial.rule])["weights_sha256"] if trial.rule else ""
        facts = {
            "run": trial.run_key,
            "rate": trial.rate,
            "seeds": trial.seeds,
            "images_sha256": found.digest,
            "is_sample": found.is_sample,
            "weights_sha256": weights,
            "precision": self.plan.precision,
        }
        alike = [row for row in self.rows.values() if all(row.get(name) == facts[name] for name in facts)]
        figures = alike[0] if alike else self._measured(trial, found)
        self.rows[trial.key] = {**figures, **facts, "key": trial.key, "setting": trial.setting}
        if not alike:
            self._write()

    def _measured(self, trial: Trial, found: TrialImages) -> dict[str, Any]:
        """Train the networks of a trial and measure them."""
        seeds = list(range(trial.seeds))
        architecture = trial_task(trial.task).architecture(trial.width)
        network = start_networks(trial.task, architecture, seeds).to(self.device)
        stack: Stack
        if trial.method is None:
            stack = RuledStack(load_rule(trial.rule).to(self.device), network, trial.steps)
        else:
            rates = torch.full((trial.seeds,), trial.rate or 1.0, device=self.device)
            length = trial.steps if trial.schedule == "cosine" else None
            stack = HandMadeStack(trial.method, network, rates, total_steps=length)
        outcome = self._train(stack, trial.task, found, seeds, trial.steps, trial.run_key)
        accuracies, losses = outcome.measure(_on(found.images.test, self.device))
        worth = [_or_chance(accuracy) for accuracy in accuracies]
        stride = max(1, trial.steps // CURVE_POINTS)
        curve = outcome.smooth[:, stride - 1 :: stride].mean(0).tolist()
        return {
            "parameters": architecture.num_parameters,
            "test": {
                "n": len(found.images.test[1]),
                "accuracy": statistics.fmean(worth),
                "accuracies": worth,
                "spread": statistics.stdev(worth) if len(worth) > 1 else 0.0,
                "loss": _finite(statistics.fmean(losses)),
            },
            "stride": stride,
            "curve": [_finite(loss) for loss in curve],
            "train_loss": _finite(outcome.smooth[:, -1].mean().item()),
            "diverged": int(outcome.diverged.sum()),
            "seconds": round(outcome.seconds / trial.seeds, 2),
            "processor_seconds": round(outcome.processor_seconds / trial.seeds, 2),
            "device": describe_device(self.device),
            "cores": torch.get_num_threads(),
        }

    def _train(self, stack: Stack, task: str, found: TrialImages, seeds: list[int], steps: int, note: str) -> Outcome:
        batches = trial_batches(task, _on(found.images.train, self.device), seeds, len(stack.network))
        self._report(note)
        return train_stack(
            stack,
            batches,
            steps=steps,
            precision=self.plan.precision,
            report=lambda step: self._report(f"{note}, step {step:,} of {steps:,}"),
        )

    def _report(self, note: str) -> None:
        if self.progress is not None:
            self.progress(self.done, self.total, note)

    def _write(self) -> None:
        published = {row["key"]: row for row in published_rows()}
        self.content["rows"] = list((self.rows | published).values())
        write_study(self.out, self.content)


def _anything(tunings: list[Tuning]) -> Mapping[str, float]:
    """Rates that stand for those not found yet, where trials are counted."""
    return {tuning.key: 1.0 for tuning in tunings}


def _on(data: tuple[Tensor, Tensor], device: torch.device) -> tuple[Tensor, Tensor]:
    images, labels = data
    return images.to(device), labels.to(device)


def _or_chance(accuracy: float) -> float:
    return accuracy if math.isfinite(accuracy) else CHANCE


def _finite(value: float) -> float | None:
    """A number as JSON holds it: None where it is not finite."""
    return round(value, 5) if math.isfinite(value) else None
