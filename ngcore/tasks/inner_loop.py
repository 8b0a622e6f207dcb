"""Training stacks of networks with a learned optimiser, and the gradient of what its steps led to."""

import dataclasses
from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ngcore.networks import Network
from ngcore.optim.moments import Moments, base_step, cosine
from ngcore.optim.paper_form import Memory, PaperRule
from ngcore.optim.rule import Coefficients, Rule, ruled_steps
from ngcore.zoo.stack_pass import loss_gradients
from ngcore.zoo.stack_runs import fixed_parameters

Batch = tuple[Float[Tensor, "batch ..."], Int[Tensor, " batch"]]


@dataclasses.dataclass
class InnerRun:
    """N networks of one architecture in training, on the same minibatches.

    Attributes:
        network: The networks as they are.
        total_steps: Length of the training.
        moments: Of their gradients.
        coefficients: The last answer of an `UpdateRule`.
        memory: What a `PaperRule` keeps of past gradients; the moments then only count.
    """

    network: Network
    total_steps: int
    moments: Moments
    coefficients: Coefficients | None = None
    memory: Memory | None = None

    @classmethod
    def start(cls, network: Network, total_steps: int) -> "InnerRun":
        """Before the first step."""
        fixed = set(fixed_parameters(network.architecture))
        learned = {name: tensor for name, tensor in network.parameters.items() if name not in fixed}
        return cls(network, total_steps, Moments.zero(learned, network.architecture))

    @property
    def count(self) -> int:
        """Steps made."""
        return self.moments.count

    def gradients(self, batch: Batch) -> dict[str, Tensor]:
        """Gradients of each network's loss on a minibatch, (networks, *shape); running statistics are updated."""
        images, labels = batch
        names = list(self.moments.fast)
        flat, statistics = loss_gradients(
            self.network, images, labels.expand(len(self.network), -1), names=names, factors={}
        )
        if statistics:
            self.network = self.network.having({**self.network.parameters, **statistics})
        sizes = [self.moments.fast[name][0].numel() for name in names]
        pieces = zip(names, flat.split(sizes, dim=1), strict=True)
        return {name: piece.view_as(self.moments.fast[name]) for name, piece in pieces}

    def step(
        self, gradients: Mapping[str, Tensor], rule: Rule | PaperRule | None, *, rate: float = 1.0, decays: bool = True
    ) -> dict[str, Tensor]:
        """Make one step; returns what was subtracted, with the gradient history of the rule.

        Args:
            gradients: Of each parameter, (networks, *shape).
            rule: What changes the hand-made step, or makes its own; None: nothing.
            rate: Factor of the step.
            decays: Whether hand-made steps fall to 0 by half a cosine; else they keep their size.
        """
        if isinstance(rule, PaperRule):
            self.memory, steps = rule(self.network, gradients, self.memory)
            self.moments = dataclasses.replace(self.moments, count=self.count + 1)
            return self._subtract(steps, rate)
        made = self.count
        self.moments = self.moments.after(gradients)
        steps = base_step(self.moments, gradients)
        if rule is not None:
            self.coefficients, steps = ruled_steps(
                rule, self.coefficients, self.network, gradients, self.moments, steps, total_steps=self.total_steps
            )
        return self._subtract(steps, rate * cosine(made, self.total_steps if decays else None))

    def _subtract(self, steps: Mapping[str, Tensor], factor: float) -> dict[str, Tensor]:
        subtracted = {name: factor * step for name, step in steps.items()}
        moved = {name: self.network.parameters[name] - step.detach() for name, step in subtracted.items()}
        self.network = self.network.having({**self.network.parameters, **moved})
        return subtracted


def meta_loss(run: InnerRun, batches: Sequence[Batch], rule: Rule | PaperRule) -> tuple[Tensor, bool]:
    """Make a step on each batch but the last, and give a loss whose gradient is that of what the steps led to.

    The gradient of the loss at step k by the change made at step s < k is, without second derivatives, minus the
    gradient of the network's loss at k. So the sum over all later losses within the window is −⟨change, sum of later
    gradients⟩, and one backward pass through the rule is all it takes. A step is judged by batches after its own.

    Args:
        run: Goes on to the end of the window.
        batches: One more than the steps.
        rule: The rule in training.

    Returns:
        The loss, a mean over networks and steps, and whether all stayed finite.
    """
    run.memory = None if run.memory is None else run.memory.detach()
    changes, gradients = [], []
    for batch in batches[:-1]:
        gradient = run.gradients(batch)
        changes.append(run.step(gradient, rule))
        gradients.append(gradient)
    gradients.append(run.gradients(batches[-1]))
    later = {name: torch.zeros_like(tensor) for name, tensor in gradients[0].items()}
    total = next(iter(later.values())).new_zeros(())
    for change, gradient in zip(reversed(changes), reversed(gradients[1:]), strict=True):
        later = {name: later[name] + gradient[name] for name in later}
        total = total - sum((change[name] * later[name]).sum() for name in later)
    loss = total / (len(run.network) * len(changes))
    return loss, bool(loss.isfinite()) and run.network.largest < 1e4
