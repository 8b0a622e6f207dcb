"""Training a stack of networks of any architecture: shared minibatches, an optimiser per network, real test labels."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ngcore.errors import NeuralGraphError
from ngcore.networks import Architecture, Network
from ngcore.zoo.cnn_stack import keep_freed_memory
from ngcore.zoo.cnn_training import (
    ImageSplits,
    StackCheckpoint,
    StackedOptimiser,
    log_spaced,
    minibatches,
    on_device,
    training_subset,
)
from ngcore.zoo.runs import keyed_generator
from ngcore.zoo.stack_pass import dropped_steps, logits_of, loss_gradients
from ngcore.zoo.stack_runs import StackRun, fixed_parameters, initial_networks, noisy_labels

_MEASURED_AT_ONCE = 500  # images whose logits are held at once
_NUM_TRAIN_MEASURED = 1000


@dataclasses.dataclass(frozen=True, kw_only=True)
class StackTrainConfig:
    """How long and how every run of a zoo trains.

    Attributes:
        passes: Images that the longest runs see, in numbers of training images; `StackRun.length` says which part of
            them a run sees.
        num_checkpoints: Checkpoints of each run, log-spaced, from a fiftieth of its steps to its last.
        dtype: Precision, "float32" or "float64".
        seed: Root of every random draw.
    """

    passes: float = 4.0
    num_checkpoints: int = 6
    dtype: str = "float32"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.num_checkpoints < 2 or not self.passes > 0:
            raise NeuralGraphError(
                "Expected at least 2 checkpoints and more than 0 passes over the training images, "
                f"got {self.num_checkpoints} and {self.passes:g}."
            )

    def checkpoint_steps(self, run: StackRun, num_images: int) -> tuple[int, ...]:
        """Steps after which a run is kept, log-spaced, the last one its end.

        Args:
            run: The run.
            num_images: All training images, those that the run never sees included.
        """
        last = max(1, round(self.passes * run.length * num_images / run.batch_size))
        return log_spaced(last, self.num_checkpoints)


def train_networks(
    runs: Sequence[StackRun],
    architecture: Architecture,
    data: ImageSplits,
    config: StackTrainConfig,
    *,
    device: torch.device | str = "cpu",
) -> Iterator[StackCheckpoint]:
    """Train the runs of one group and yield the stack at each checkpoint.

    A run comes out the same, up to rounding, whichever runs of its group stand beside it. A run that diverges turns to
    NaN without touching the others; its measures are NaN from then on. Accuracy and loss in training are those on the
    first 1,000 images of the run's part, with the labels that it trains on.

    Args:
        runs: Of one group.
        architecture: What they train; its output are logits.
        data: Images that fit its input.
        config: Length, checkpoints and precision.
        device: Where to train.

    Raises:
        NeuralGraphError: If the runs are of several groups.
    """
    if len({run.group for run in runs}) != 1:
        raise NeuralGraphError(f"Expected runs of one group, got groups {sorted({run.group for run in runs})}.")
    keep_freed_memory()
    dtype = getattr(torch, config.dtype)
    data = on_device(data, device, dtype)
    subset = training_subset(runs[0], len(data.train_labels), seed=config.seed).to(device)
    labels = noisy_labels(runs, data.train_labels, num_classes=architecture.output_shape[0], seed=config.seed)
    network = initial_networks(runs, architecture, seed=config.seed).to(device, dtype)
    stack = TrainingStack(network, runs)
    factors = _dropout_factors(runs, architecture, config, batch_size=min(runs[0].batch_size, len(subset)))
    batches = minibatches(runs[0], subset, seed=config.seed)
    kept = config.checkpoint_steps(runs[0], len(data.train_labels))
    measured = subset[:_NUM_TRAIN_MEASURED]
    for step in range(1, kept[-1] + 1):
        batch = next(batches)
        drops = {number: factor.to(device, dtype) for number, factor in next(factors).items()}
        stack.train(data.train_images[batch], labels[:, batch], drops, progress=(step - 1) / kept[-1])
        if step in kept:
            network = stack.network().map(torch.clone)
            accuracy, test_loss = measure_stack(network, data.test_images, data.test_labels.expand(len(runs), -1))
            on_train = measure_stack(network, data.train_images[measured], labels[:, measured])
            yield StackCheckpoint(
                step=step,
                network=network,
                accuracy=accuracy,
                test_loss=test_loss,
                train_accuracy=on_train[0],
                train_loss=on_train[1],
            )


class TrainingStack:
    """Networks in training: what the optimiser changes, in one tensor, and what it does not.

    Args:
        network: The stack to start from.
        runs: How each of its networks is trained.
    """

    def __init__(self, network: Network, runs: Sequence[StackRun]) -> None:
        self.architecture = network.architecture
        self.runs = runs
        self.fixed = {name: network.parameters[name] for name in fixed_parameters(network.architecture)}
        self.shapes = {
            name: shape for name, shape in self.architecture.parameter_shapes.items() if name not in self.fixed
        }
        self.weights = torch.cat([network.parameters[name].flatten(1) for name in self.shapes], dim=1)
        self.optimiser = StackedOptimiser(runs, self.weights)

    def network(self) -> Network:
        """The networks as they are now; they change with the next step."""
        sizes = [torch.Size(shape).numel() for shape in self.shapes.values()]
        parts = zip(self.shapes.items(), self.weights.split(sizes, dim=1), strict=True)
        trained = {name: part.reshape(-1, *shape) for (name, shape), part in parts}
        return Network(self.architecture, {**self.fixed, **trained})

    def train(self, images: Tensor, labels: Tensor, factors: Mapping[int, Tensor], *, progress: float) -> None:
        """One step on a minibatch.

        Args:
            images: Shared by all networks.
            labels: (networks, batch).
            factors: Dropout, see `ngcore.zoo.stack_pass.Factors`.
            progress: Part of the run that is over, 0 … 1.
        """
        names = list(self.shapes)
        gradients, statistics = loss_gradients(self.network(), images, labels, names=names, factors=factors)
        self.fixed |= statistics
        self.optimiser.learning_rate = self.weights.new_tensor([[run.rate_after(progress)] for run in self.runs])
        self.optimiser.update(self.weights, gradients)


@torch.no_grad()
def measure_stack(
    network: Network, images: Float[Tensor, "num ..."], labels: Int[Tensor, "networks num"]
) -> tuple[Float[Tensor, " networks"], Float[Tensor, " networks"]]:
    """Accuracy and mean cross-entropy of every network, NaN where a network or its loss is not finite."""
    correct, loss = torch.zeros(2, len(network), device=network.device, dtype=torch.float64)
    for some, target in zip(images.split(_MEASURED_AT_ONCE), labels.split(_MEASURED_AT_ONCE, dim=1), strict=True):
        logits = logits_of(network, some)
        correct += (logits.argmax(-1) == target).sum(1)
        loss += (logits.logsumexp(-1) - logits.gather(-1, target[..., None]).squeeze(-1)).sum(1)
    is_finite = network.flatten().isfinite().all(1) & loss.isfinite()
    accuracy, mean_loss = ((total / len(images)).where(is_finite, torch.nan) for total in (correct, loss))
    return accuracy, mean_loss


def _dropout_factors(
    runs: Sequence[StackRun], architecture: Architecture, config: StackTrainConfig, *, batch_size: int
) -> Iterator[dict[int, Tensor]]:
    """Channel-dropout factors (networks, batch, channels) by step of the architecture, {} if no run drops."""
    numbers = dropped_steps(architecture)
    widths = [architecture.shapes[architecture.num_inputs + number][0] for number in numbers]
    dropping = [i for i, run in enumerate(runs) if run.dropout > 0]
    generators = {i: keyed_generator(config.seed, "dropout", runs[i].index) for i in dropping}
    uniform = torch.ones(len(runs), batch_size, sum(widths))
    rate = torch.tensor([run.dropout for run in runs])[:, None, None]
    while True:
        for i in dropping:
            uniform[i].uniform_(generator=generators[i])
        factors = (uniform >= rate) / (1 - rate)
        yield dict(zip(numbers, factors.split(widths, dim=2), strict=True)) if dropping else {}
