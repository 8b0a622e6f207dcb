"""Meta-training by evolution strategies: the rule of an optimiser is judged by where whole trainings end."""

import dataclasses
import logging
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ngcore.networks import Network
from ngcore.optim import RuleConfig, UpdateRule
from ngcore.optim.features import View
from ngcore.optim.rule import Coefficients, Rule
from ngcore.tasks.inner_loop import InnerRun
from ngcore.tasks.meta_trainer import MetaSettings, MetaTrainer, Report
from ngcore.tasks.optimisees import ImagesBySize, Optimisee, draw_batch, draw_optimisee, initial_parameters
from ngcore.training.processes import summed, this_process
from ngcore.zoo.runs import keyed_generator
from ngcore.zoo.stack_pass import logits_of

logger = logging.getLogger(__name__)

LARGEST_LOSS = 4.0
"""A training that ends above it, or not finite, counts as this."""

NUM_JUDGES = 2_048
"""Training images on which the end of a training is judged."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvolutionConfig(MetaSettings):
    """The numbers of a meta-training by evolution strategies.

    Attributes:
        num_tasks: Tasks of an update, all of one horizon; processes share them out among themselves.
        num_pairs: Pairs of perturbed rules, one the mirror image of the other, of a task.
        spread: Standard deviation of the perturbation of each parameter.
        learning_rate: Of AdamW, for the rule, falling to 0 by half a cosine.
        weight_decay: Of AdamW: draws the rule to the hand-made steps.
        average: How much of the running mean of the rule stays at each update; the mean is what is validated.
        sides: Heights and widths of the images.
        widths: Of the convolutions that are trained.
        horizons: Least and greatest length of a training.
    """

    updates: int = 220
    num_tasks: int = 1
    num_pairs: int = 6
    spread: float = 0.04
    learning_rate: float = 0.015
    weight_decay: float = 0.2
    average: float = 0.95
    validate_every: int = 44
    sides: tuple[int, ...] = (8, 14)
    widths: tuple[int, ...] = (8, 16, 32)
    horizons: tuple[float, float] = (150.0, 800.0)

    @property
    def networks_of_update(self) -> int:
        """Networks that an update trains from beginning to end."""
        return 2 * self.num_pairs * self.num_tasks


class RulesSideBySide:
    """As many rules as networks, each for its own: called as one `UpdateRule`.

    Args:
        rule: What they have in common.
        parameters: Those that differ, (rules, *shape), by name.
    """

    def __init__(self, rule: UpdateRule, parameters: Mapping[str, Tensor]) -> None:
        self.config, self.parameters, self._rule = rule.config, dict(parameters), rule

    def __call__(self, view: View, clock: Float[Tensor, " clock"]) -> Coefficients:
        """What each rule answers for its network; see `UpdateRule`."""
        names = ("links", "incoming", "outgoing", "whole")

        def answer(parameters: dict[str, Tensor], seen: dict[str, list[Tensor]]) -> list[Tensor]:
            own = {name: [tensor[None] for tensor in tensors] for name, tensors in seen.items()}
            (biases,) = own.pop("biases")
            one = View(structure=view.structure, learned=view.learned, biases=biases, **own)
            found = torch.func.functional_call(self._rule, parameters, (one, clock))
            return [tensor[0] for tensor in found.tensors()]

        seen = {name: list(getattr(view, name)) for name in names} | {"biases": [view.biases]}
        return Coefficients.of(torch.func.vmap(answer)(self.parameters, seen))


@torch.no_grad()
def final_losses(
    rule: Rule | None,
    task: Optimisee,
    images: ImagesBySize,
    network: Network,
    generator: torch.Generator,
) -> Float[Tensor, " networks"]:
    """Train a stack from beginning to end, and measure its mean loss on other training images.

    Args:
        rule: Of the optimiser; None: the hand-made steps.
        task: What is trained.
        images: By name and side.
        network: The start.
        generator: Draws the minibatches, the same for all networks.
    """
    data = images[task.images, task.side].train
    run = InnerRun.start(network, task.total_steps)
    for _ in range(task.total_steps):
        with torch.enable_grad():
            gradients = run.gradients(draw_batch(data, task.batch_size, generator))
        run.step(gradients, rule)
    pictures, labels = draw_batch(data, NUM_JUDGES, generator)
    logits = logits_of(run.network, pictures)
    losses = nn.functional.cross_entropy(logits.movedim(-1, 1), labels.expand(len(network), -1), reduction="none")
    return losses.mean(1).nan_to_num(LARGEST_LOSS, posinf=LARGEST_LOSS).clamp(max=LARGEST_LOSS)


def evolve(
    config: EvolutionConfig,
    images: ImagesBySize,
    folder: Path,
    *,
    rule: RuleConfig | None = None,
    max_seconds: float = math.inf,
    report: Report | None = None,
) -> dict[str, Any] | None:
    """Train a rule by evolution strategies, or go on with it; see `MetaTrainer.run`.

    Each update draws tasks, and for each of them pairs of mirrored perturbations. One network is trained with each of
    the perturbed rules, those of a task all from the same start on the same minibatches. The difference of a pair's
    final losses (of their logarithms) estimates the slope along its perturbation (antithetic evolution strategies,
    Salimans et al. 2017). As trainings are never cut off, steps that pay only in the end are not punished, as they are
    by gradients through short windows (Metz et al. 2019).

    Args:
        config: The numbers.
        images: By name and side.
        folder: Keeps the state.
        rule: Numbers of the rule.
        max_seconds: Stop after this time, and keep the state.
        report: Called after each validation.

    Returns:
        The state at the end, with the best rule by validation under "best"; None if it was stopped before.

    Raises:
        CheckpointError: If the folder holds the state of a run with other settings.
    """
    return EvolutionTrainer(config, images, rule or RuleConfig()).run(folder, max_seconds=max_seconds, report=report)


class EvolutionTrainer(MetaTrainer):
    """A rule that is trained by where whole trainings with perturbed copies of it end."""

    rule: UpdateRule

    def __init__(self, config: EvolutionConfig, images: ImagesBySize, rule: RuleConfig) -> None:
        super().__init__(config, images, rule)
        self.config = config
        answers = self.rule.requires_grad_(False).answers()
        self.learned = {name: parameter for name, parameter in self.rule.named_parameters() if name in answers}
        self.mean = {name: tensor.clone() for name, tensor in self.rule.state_dict().items()}
        self.optimizer = torch.optim.AdamW(
            self.learned.values(), lr=config.learning_rate, betas=(0.9, 0.99), weight_decay=config.weight_decay
        )

    def train(self) -> None:
        """One update of the rule, by one task or several."""
        config, process = self.config, this_process()
        slope = torch.zeros(sum(parameter.numel() for parameter in self.learned.values()), device=self.device)
        diverged = torch.zeros(())
        first = self.update * config.num_tasks
        for number in range(first + process.rank, first + config.num_tasks, process.count):
            task = dataclasses.replace(self._task(number), total_steps=self._task(first).total_steps)
            own, lost = self._slope(task, number)
            slope += own / config.num_tasks
            diverged += lost
        self.num_diverged += int(summed(diverged))
        pieces = summed(slope).split([parameter.numel() for parameter in self.learned.values()])
        for parameter, piece in zip(self.learned.values(), pieces, strict=True):
            parameter.grad = piece.view_as(parameter)
        for group in self.optimizer.param_groups:
            group["lr"] = config.learning_rate * 0.5 * (1 + math.cos(math.pi * self.update / config.updates))
        self.optimizer.step()
        self.update += 1
        kept = min(config.average, self.update / (self.update + 10))
        for name, tensor in self.rule.state_dict().items():
            self.mean[name].lerp_(tensor, 1 - kept)

    def _task(self, number: int) -> Optimisee:
        config = self.config
        return draw_optimisee(
            number, seed=config.seed, sides=config.sides, widths=config.widths, horizons=config.horizons
        )

    def _slope(self, task: Optimisee, number: int) -> tuple[Float[Tensor, " learned"], int]:
        """The slope of the final loss's logarithm by what is learned, and how many trainings diverged."""
        config = self.config
        generator = keyed_generator(config.seed, "evolution", number)
        one = initial_parameters(task.architecture, 1, generator).to(self.device)
        count = 2 * config.num_pairs
        start = Network(one.architecture, {k: v.expand(count, *v.shape[1:]).clone() for k, v in one.parameters.items()})
        noise = {
            name: torch.randn(config.num_pairs, *parameter.shape, generator=generator).to(self.device)
            for name, parameter in self.learned.items()
        }
        perturbed = {
            name: parameter + config.spread * torch.cat([noise[name], -noise[name]])
            for name, parameter in self.learned.items()
        }
        losses = final_losses(RulesSideBySide(self.rule, perturbed), task, self.images, start, generator)
        up, down = losses.log().split(config.num_pairs)
        logger.debug("Task %d: %s", number, (losses.median(), (up - down).std() / 2, task))
        slopes = (up - down).clamp(-0.5, 0.5) / (2 * config.spread * config.num_pairs)
        slope = slopes @ torch.cat([noise[name].flatten(1) for name in self.learned], dim=1)
        return slope, int((losses >= LARGEST_LOSS).sum())

    def candidate(self) -> UpdateRule:
        """The running mean."""
        rule = UpdateRule(self.rule.config).to(self.device)
        rule.load_state_dict(self.mean)
        return rule

    def state(self) -> dict[str, Any]:
        """Tensors and plain values that continue the run exactly."""
        return super().state() | {"mean": self.mean}

    def load(self, state: Mapping[str, Any]) -> None:
        """Continue from a state."""
        super().load(state)
        self.mean = {name: tensor.to(self.device) for name, tensor in state["mean"].items()}
