"""Training a stack of small CNNs as one computation: shared minibatches, an optimiser per network, real test labels."""

import dataclasses
from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ngcore.errors import NeuralGraphError
from ngcore.networks import Network, small_cnn
from ngcore.zoo.cnn_runs import CNNRun, initial_parameters
from ngcore.zoo.cnn_stack import keep_freed_memory, loss_gradient, stacked_logits
from ngcore.zoo.runs import Run, keyed_generator

_MEASURED_AT_ONCE = 500  # images whose logits are held at once
_FIRST_CHECKPOINT = 0.02  # part of a run after which it is kept first
_NUM_TRAIN_MEASURED = 1000


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageSplits:
    """Images (num, channels, height, width) scaled to [-1, 1], and their classes."""

    train_images: Float[Tensor, "train channels height width"]
    train_labels: Int[Tensor, " train"]
    test_images: Float[Tensor, "test channels height width"]
    test_labels: Int[Tensor, " test"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class CNNTrainConfig:
    """How long and how every run of a zoo trains.

    Attributes:
        passes: Images that the longest runs see, in numbers of training images; `CNNRun.length` says which part of
            them a run sees.
        num_checkpoints: Checkpoints of each run, log-spaced, from a fiftieth of its steps to its last.
        channels: Input channels and the output channels of each convolution.
        num_classes: Outputs.
        compute_dtype: Precision of the convolutions while training ("bfloat16", "float32" or "float64"); the weights
            that the optimiser holds are float64 for "float64", else float32. Accuracies are measured in the latter.
        seed: Root of every random draw.
    """

    passes: float = 22.0
    num_checkpoints: int = 7
    channels: tuple[int, ...] = (1, 16, 16, 16)
    num_classes: int = 10
    compute_dtype: str = "float32"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.num_checkpoints < 2 or not self.passes > 0:
            raise NeuralGraphError(
                "Expected at least 2 checkpoints and more than 0 passes over the training images, "
                f"got {self.num_checkpoints} and {self.passes:g}."
            )

    def checkpoint_steps(self, run: CNNRun, num_images: int) -> tuple[int, ...]:
        """Steps after which a run is kept, log-spaced, the last one its end.

        Args:
            run: The run.
            num_images: All training images, those that the run never sees included.
        """
        last = max(1, round(self.passes * run.length * num_images / run.batch_size))
        return log_spaced(last, self.num_checkpoints)

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the weights that the optimiser holds."""
        return torch.float64 if self.compute_dtype == "float64" else torch.float32


def log_spaced(last: int, count: int) -> tuple[int, ...]:
    """Up to `count` steps from a fiftieth of `last` to `last`, log-spaced."""
    parts = (_FIRST_CHECKPOINT ** (1 - i / (count - 1)) for i in range(count))
    return tuple(sorted({max(1, round(last * part)) for part in parts}))


@dataclasses.dataclass(frozen=True, kw_only=True)
class StackCheckpoint:
    """A stack after some steps, with what was measured on it; each tensor holds one number a network."""

    step: int
    network: Network
    accuracy: Float[Tensor, " networks"]
    test_loss: Float[Tensor, " networks"]
    train_accuracy: Float[Tensor, " networks"]
    train_loss: Float[Tensor, " networks"]


class StackedOptimiser:
    """Adam, RMSprop and SGD with momentum as one formula whose coefficients differ by network.

    m ← β1·m + c·g, v ← β2·v + (1 − β2)·g², w ← w − lr · (m / (1 − γ1ᵗ)) / (√(v / (1 − γ2ᵗ)) + ε) with the root only
    for the adaptive two, and γ = β for Adam (its bias correction), else 0.
    SGD: β1 = 0.9, c = 1. RMSprop: β1 = 0, β2 = 0.99. Adam: β1 = 0.9, β2 = 0.999.
    """

    def __init__(self, runs: Sequence[Run], like: Float[Tensor, "networks parameters"]) -> None:
        def column(values: dict[str, float]) -> Tensor:
            return like.new_tensor([[values[run.optimiser]] for run in runs])

        self.beta1 = column({"adam": 0.9, "rmsprop": 0.0, "sgd": 0.9})
        self.beta2 = column({"adam": 0.999, "rmsprop": 0.99, "sgd": 0.0})
        self.gain = column({"adam": 0.1, "rmsprop": 1.0, "sgd": 1.0})
        self.is_adam = column({"adam": 1.0, "rmsprop": 0.0, "sgd": 0.0})
        self.is_sgd = column({"adam": 0.0, "rmsprop": 0.0, "sgd": 1.0}).bool()
        self.learning_rate = like.new_tensor([[run.learning_rate] for run in runs])
        self.weight_decay = like.new_tensor([[run.weight_decay] for run in runs])
        self.momentum = torch.zeros_like(like)
        self.square = torch.zeros_like(like)
        self.step = 0

    def update(self, weights: Tensor, gradient: Tensor) -> None:
        """Change the weights (networks, parameters) in place by one step."""
        self.step += 1
        gradient = torch.addcmul(gradient, self.weight_decay, weights)
        self.momentum.mul_(self.beta1).addcmul_(self.gain, gradient)
        self.square.mul_(self.beta2).addcmul_(1 - self.beta2, gradient * gradient)
        correction1 = 1 - self.is_adam * self.beta1**self.step
        correction2 = 1 - self.is_adam * self.beta2**self.step
        scale = (self.square / correction2).sqrt_().add_(1e-8).masked_fill_(self.is_sgd, 1.0)
        weights.addcdiv_(-self.learning_rate / correction1 * self.momentum, scale)


def train_stack(
    runs: Sequence[CNNRun], data: ImageSplits, config: CNNTrainConfig, *, device: torch.device | str = "cpu"
) -> Iterator[StackCheckpoint]:
    """Train the runs of one group and yield the stack at each checkpoint.

    A run comes out the same, up to rounding, whichever runs of its group stand beside it; runs of different groups
    cannot stand in one stack. A run that diverges turns to NaN without touching the others; its measures are NaN from
    then on.

    Raises:
        NeuralGraphError: If the runs are of several groups.
    """
    if len({run.group for run in runs}) != 1:
        raise NeuralGraphError(f"Expected runs of one group, got groups {sorted({run.group for run in runs})}.")
    keep_freed_memory()
    architecture = small_cnn(
        config.channels,
        num_classes=config.num_classes,
        activation=runs[0].activation,
        image_size=(data.train_images.shape[2], data.train_images.shape[3]),
    )
    data = on_device(data, device, config.dtype)
    subset = training_subset(runs[0], len(data.train_labels), seed=config.seed).to(device)
    measured = subset[:_NUM_TRAIN_MEASURED]
    weights = initial_parameters(runs, architecture, seed=config.seed).to(device, config.dtype)
    optimiser = StackedOptimiser(runs, weights)
    masks = _dropout_masks(runs, config, batch_size=min(runs[0].batch_size, len(subset)), like=weights)
    batches = minibatches(runs[0], subset, seed=config.seed)
    kept = config.checkpoint_steps(runs[0], len(data.train_labels))
    for step in range(1, kept[-1] + 1):
        batch = next(batches)
        gradient = loss_gradient(
            Network.unflatten(architecture, weights),
            data.train_images[batch],
            data.train_labels[batch],
            keep=next(masks),
            compute_dtype=getattr(torch, config.compute_dtype),
        )
        optimiser.update(weights, gradient)
        if step in kept:
            network = Network.unflatten(architecture, weights.clone())
            accuracy, test_loss = measure(network, data.test_images, data.test_labels)
            on_train = measure(network, data.train_images[measured], data.train_labels[measured])
            yield StackCheckpoint(
                step=step,
                network=network,
                accuracy=accuracy,
                test_loss=test_loss,
                train_accuracy=on_train[0],
                train_loss=on_train[1],
            )


def training_subset(run: Run, num_images: int, *, seed: int) -> Int[Tensor, " subset"]:
    """Positions of the training images that the run sees, in a random order."""
    order = torch.randperm(num_images, generator=keyed_generator(seed, "subset", run.group))
    return order[: max(1, round(run.train_fraction * num_images))]


@torch.no_grad()
def measure(
    network: Network, images: Float[Tensor, "num 1 height width"], labels: Int[Tensor, " num"]
) -> tuple[Float[Tensor, " networks"], Float[Tensor, " networks"]]:
    """Accuracy and mean cross-entropy of every network, NaN where a network or its loss is not finite."""
    correct, loss = torch.zeros(2, len(network), device=network.device, dtype=torch.float64)
    for some, target in zip(images.split(_MEASURED_AT_ONCE), labels.split(_MEASURED_AT_ONCE), strict=True):
        logits = stacked_logits(network, some)
        correct += (logits.argmax(-1) == target).sum(1)
        loss += _cross_entropy(logits, target).sum(1)
    is_finite = network.flatten().isfinite().all(1) & loss.isfinite()
    return tuple((total / len(labels)).where(is_finite, torch.nan) for total in (correct, loss))


def _cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of each network on each image: (networks, batch)."""
    chosen = labels.expand(len(logits), -1)[..., None]
    return logits.logsumexp(-1) - logits.gather(-1, chosen).squeeze(-1)


def minibatches(run: Run, subset: Tensor, *, seed: int) -> Iterator[Tensor]:
    """Image positions of one minibatch after another, in a new random order each pass over the subset."""
    size = min(run.batch_size, len(subset))
    generator = keyed_generator(seed, "order", run.group)
    while True:
        order = subset[torch.randperm(len(subset), generator=generator).to(subset.device)]
        yield from order[: len(order) // size * size].split(size)


def _dropout_masks(
    runs: Sequence[CNNRun], config: CNNTrainConfig, *, batch_size: int, like: Tensor
) -> Iterator[list[Tensor]]:
    """Channel-dropout factors (batch, networks · channels, 1, 1) of one step after another, none if no run drops."""
    widths = config.channels[2:]
    dropping = [i for i, run in enumerate(runs) if run.dropout > 0]
    generators = {i: keyed_generator(config.seed, "dropout", runs[i].index) for i in dropping}
    uniform = torch.ones(len(runs), batch_size, sum(widths))
    rate = torch.tensor([run.dropout for run in runs])[:, None, None]
    while True:
        for i in dropping:
            uniform[i].uniform_(generator=generators[i])
        factors = ((uniform >= rate) / (1 - rate)).transpose(0, 1).to(like.device, getattr(torch, config.compute_dtype))
        yield [part.flatten(1)[..., None, None] for part in factors.split(widths, dim=2)] if dropping else []


def on_device(data: ImageSplits, device: torch.device | str, dtype: torch.dtype) -> ImageSplits:
    """The same images in another precision, on another device."""
    return ImageSplits(
        train_images=data.train_images.to(device, dtype),
        train_labels=data.train_labels.to(device),
        test_images=data.test_images.to(device, dtype),
        test_labels=data.test_labels.to(device),
    )
