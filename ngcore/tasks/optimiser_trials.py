"""Trials of optimisers: what each makes of the same networks and minibatches, and what the networks are worth."""

import dataclasses
import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from ngcore.errors import DataError, UnknownNameError
from ngcore.networks import Architecture, Network
from ngcore.optim import AnyRule
from ngcore.tasks.hand_made import HandMadeStack
from ngcore.tasks.inner_loop import InnerRun
from ngcore.tasks.optimisees import TrainingImages, conv_net, initial_parameters, perceptron
from ngcore.zoo.family_draws import vision_transformer
from ngcore.zoo.images import IMAGE_SHAPES, fetch_images
from ngcore.zoo.preprocessing import to_colour, to_colour_splits, to_grey, to_grey_splits
from ngcore.zoo.runs import keyed_generator
from ngcore.zoo.stack_pass import training_logits
from ngcore.zoo.stack_runs import fixed_parameters
from ngcore.zoo.stack_training import measure_stack
from ngcore.zoo.training_sample import read_training_sample

BATCH_SIZE = 128
SMOOTHING = 50
"""Steps over which losses in training are averaged."""

HELD_OUT_OF_SAMPLE = 1_000
"""Images of a sample that are kept for validation, and again as many for tests."""

PRECISIONS = ("float32", "bfloat16")
Shape = tuple[int, int, int]


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrialTask:
    """What is to be trained.

    Attributes:
        images: Name of the image set.
        build: Makes the architecture of a width factor and the shape of the images.
    """

    images: str
    build: Callable[[int, Shape], Architecture]

    def architecture(self, width: int = 1) -> Architecture:
        """The networks, `width` times as wide as the smallest."""
        height, side, *rgb = IMAGE_SHAPES[self.images]
        return self.build(width, (rgb[0] if rgb else 1, height, side))


def _small_transformer(width: int, shape: Shape) -> Architecture:
    return vision_transformer(shape, patch=shape[1] // 4, width=32 * width, heads=2, depth=2, norm="layer_norm")


TRIAL_TASKS: dict[str, TrialTask] = {
    "fashion-mnist": TrialTask(images="fashion-mnist", build=lambda w, s: conv_net(16 * w, input_shape=s)),
    "cifar10": TrialTask(images="cifar10", build=lambda w, s: conv_net(32 * w, input_shape=s)),
    "5-layers": TrialTask(images="fashion-mnist", build=lambda w, s: conv_net(16 * w, depth=5, input_shape=s)),
    "mlp": TrialTask(images="fashion-mnist", build=lambda w, s: perceptron(32 * w, 2, s)),
    "transformer": TrialTask(images="fashion-mnist", build=_small_transformer),
}
"""The paper's two networks, with 14,378 and 56,970 parameters, and others that nothing was tuned on."""


def trial_task(name: str) -> TrialTask:
    """A task by its name.

    Raises:
        UnknownNameError: If there is none of this name.
    """
    if name not in TRIAL_TASKS:
        raise UnknownNameError("task", name, TRIAL_TASKS)
    return TRIAL_TASKS[name]


@dataclasses.dataclass(frozen=True)
class TrialImages:
    """The images of a task.

    Attributes:
        images: To train on, to choose by, and to measure at the end.
        digest: SHA-256 of what they were made of.
        is_sample: Whether they are the few that ship, for want of all.
    """

    images: TrainingImages
    digest: str
    is_sample: bool

    @classmethod
    def find(cls, name: str) -> "TrialImages":
        """All images of a set, or those that ship where the set cannot be had."""
        is_grey = len(IMAGE_SHAPES[name]) == 2
        try:
            whole = fetch_images(name)
        except DataError:
            sample = read_training_sample(name)
            pixels = (to_grey if is_grey else to_colour)(sample.images)
            digest = hashlib.sha256(sample.images.numpy().tobytes() + sample.labels.numpy().tobytes()).hexdigest()
            ends = (len(pixels) - 2 * HELD_OUT_OF_SAMPLE, HELD_OUT_OF_SAMPLE, HELD_OUT_OF_SAMPLE)
            parts = zip(pixels.split(ends), sample.labels.split(ends), strict=True)
            return cls(TrainingImages(*parts), digest, is_sample=True)
        splits = (to_grey_splits if is_grey else to_colour_splits)(whole)
        return cls(TrainingImages.of(splits, splits.train_images.shape[-1]), whole.hash, is_sample=False)


class RuledStack:
    """N networks in training by a learned rule.

    Args:
        rule: The rule.
        network: The networks as they start.
        total_steps: Length of the training.
    """

    def __init__(self, rule: AnyRule, network: Network, total_steps: int) -> None:
        self.rule, self._run = rule, InnerRun.start(network, total_steps)

    @property
    def network(self) -> Network:
        """The networks as they are."""
        return self._run.network

    @network.setter
    def network(self, network: Network) -> None:
        self._run.network = network

    @torch.no_grad()
    def step(self, gradients: Mapping[str, Tensor]) -> None:
        """Make one step with these gradients."""
        self._run.step(gradients, self.rule)


Stack = HandMadeStack | RuledStack


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of N networks.

    Attributes:
        network: The networks at the end.
        losses: In training, of each network's minibatch before the step.
        seconds: For all networks and steps.
        processor_seconds: Of these what processors were at work, all threads together; elsewhere the same.
    """

    network: Network
    losses: Float[Tensor, "networks steps"]
    seconds: float
    processor_seconds: float

    @property
    def smooth(self) -> Float[Tensor, "networks steps"]:
        """Losses as means over the last `SMOOTHING` steps, over fewer at the start."""
        sums = self.losses.double().cumsum(1)
        before = functional.pad(sums, (SMOOTHING, 0))[:, : sums.shape[1]]
        counts = torch.arange(1, sums.shape[1] + 1).clamp(max=SMOOTHING)
        return (sums - before) / counts

    @property
    def diverged(self) -> Tensor:
        """Which networks ended with a loss that is not finite, or above the one they started with."""
        last = self.smooth[:, -1]
        return ~(last <= self.losses[:, 0])  # true of NaN

    def measure(self, data: tuple[Tensor, Tensor]) -> tuple[list[float], list[float]]:
        """Accuracy and loss of every network on images and labels; NaN where it is not finite."""
        images, labels = data
        accuracy, loss = measure_stack(self.network, images, labels.expand(len(self.network), -1))
        return accuracy.tolist(), loss.tolist()


def start_networks(task: str, architecture: Architecture, seeds: Sequence[int]) -> Network:
    """Initial networks, one of each seed."""
    return Network.cat(
        [initial_parameters(architecture, 1, keyed_generator(seed, f"trial of {task}")) for seed in seeds]
    )


def trial_batches(
    task: str, data: tuple[Tensor, Tensor], seeds: Sequence[int], num_networks: int
) -> Iterator[tuple[Tensor, Int[Tensor, "networks batch"]]]:
    """Minibatches drawn with replacement: each seed's own for one network each, or one seed's for all networks.

    Args:
        task: Name of the task, which the draws depend on.
        data: Images and labels.
        seeds: One, or one for each network.
        num_networks: Size of the stack.

    Yields:
        Images (batch, …) of one seed or (networks, batch, …), and labels.
    """
    images, labels = data
    generators = [keyed_generator(seed, f"minibatches of {task}") for seed in seeds]
    while True:
        drawn = [torch.randint(len(images), (BATCH_SIZE,), generator=generator) for generator in generators]
        chosen = torch.stack(drawn).to(images.device)
        some = images[chosen[0]] if len(seeds) == 1 else images[chosen]
        yield some, labels[chosen].expand(num_networks, -1)


def train_stack(
    stack: Stack,
    batches: Iterator[tuple[Tensor, Tensor]],
    *,
    steps: int,
    precision: str = "float32",
    report: Callable[[int], object] | None = None,
) -> Outcome:
    """Train a stack to the end; a network that diverges does not touch the others.

    Args:
        stack: Networks and optimiser.
        batches: See `trial_batches`.
        steps: How many.
        precision: Of the passes through the networks, one of `PRECISIONS`; weights and optimisers keep float32.
        report: Called with the number of steps made, now and then.
    """
    fixed = fixed_parameters(stack.network.architecture)
    names = [name for name in stack.network.parameters if name not in fixed]
    losses, start, begun = [], time.perf_counter(), time.process_time()
    for step in range(steps):
        images, labels = next(batches)
        with torch.autocast(images.device.type, torch.bfloat16, enabled=precision == "bfloat16"):
            loss, gradients, statistics = losses_and_gradients(stack.network, images, labels, names)
        if statistics:
            stack.network = stack.network.having({**stack.network.parameters, **statistics})
        stack.step(gradients)
        losses.append(loss)
        if report is not None and step % SMOOTHING == SMOOTHING - 1:
            report(step + 1)
    found = torch.stack(losses, dim=1).cpu()
    seconds, worked = time.perf_counter() - start, time.process_time() - begun
    return Outcome(stack.network, found, seconds, worked if stack.network.device.type == "cpu" else seconds)


def losses_and_gradients(
    network: Network, images: Tensor, labels: Int[Tensor, "networks batch"], names: Sequence[str]
) -> tuple[Float[Tensor, " networks"], dict[str, Tensor], dict[str, Tensor]]:
    """Each network's mean cross-entropy on a minibatch and its gradients, and running statistics after it."""
    leaves = {name: network.parameters[name].detach().requires_grad_() for name in names}
    parameters = {**network.parameters, **leaves}
    logits, statistics = training_logits(
        network.architecture, parameters, images, num_networks=len(network), factors={}
    )
    rows = logits.flatten(0, 1)
    rows = rows.float() if rows.dtype == torch.bfloat16 else rows
    each = functional.cross_entropy(rows, labels.flatten(), reduction="none")
    losses = each.view(len(network), -1).mean(1)
    gradients = torch.autograd.grad(losses.sum(), list(leaves.values()))
    return losses.detach(), dict(zip(leaves, gradients, strict=True)), statistics
