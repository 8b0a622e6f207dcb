"""The questions as training problems: what a batch costs, how a model is measured."""

import abc
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from ngcore.inr import coordinate_matrix, edit_images, find_image_edit, move_images, render
from ngcore.networks import Network
from ngcore.tasks.answers import add_change
from ngcore.tasks.corpus import Corpus
from ngcore.training import accuracy, kendall_tau, mean_absolute_error, mean_squared_error, r_squared
from ngcore.zoo.originals import original_images
from ngcore.zoo.storage import Zoo

TaskName = Literal["classify", "predict", "edit"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Augmentation:
    """Changes of input networks in training.

    Attributes:
        rotation: INRs: images are turned by up to so many degrees, either way.
        scaling: INRs: images are enlarged by a factor between 1 − this and 1 + this.
        shift: INRs: images are shifted by up to this along each axis; they reach from −1 to 1.
        noise: Standard deviation of Gaussian noise on every parameter, in units of its layer's own.
        weight_dropout: Share of parameters set to 0.
    """

    rotation: float = 0.0
    scaling: float = 0.0
    shift: float = 0.0
    noise: float = 0.0
    weight_dropout: float = 0.0

    def __call__(self, network: Network, generator: torch.Generator) -> Network:
        """Augmented networks, each moved by itself and with its own noise."""
        if self.rotation or self.scaling or self.shift:
            network = self._move(network, generator)
        if not self.noise and not self.weight_dropout:
            return network
        return network.map(lambda tensor: self._change(tensor, generator))

    def _move(self, network: Network, generator: torch.Generator) -> Network:
        """Images turned, enlarged and shifted, exactly."""
        drawn = torch.rand(len(network), 4, generator=generator, device=network.device, dtype=network.dtype)
        angle, scale, *shift = (2 * drawn - 1).unbind(dim=1)
        matrix = coordinate_matrix(self.rotation * angle, 1 + self.scaling * scale)
        return move_images(network, matrix, self.shift * torch.stack(shift, dim=1))

    def _change(self, tensor: Tensor, generator: torch.Generator) -> Tensor:
        def draw(sample: Callable[..., Tensor]) -> Tensor:
            return sample(tensor.shape, generator=generator, device=tensor.device, dtype=tensor.dtype)

        noisy = tensor + self.noise * tensor.std(correction=0) * draw(torch.randn)
        return noisy * (draw(torch.rand) >= self.weight_dropout)


class Problem(abc.ABC):
    """One question about the networks of a zoo.

    Attributes:
        task: Its name.
        monitor: The validation metric that selects the weights.
        mode: Whether more or less of it is better.
    """

    task: TaskName
    monitor: str
    mode: Literal["max", "min"]

    @abc.abstractmethod
    def d_out(self, zoo: Zoo) -> int:
        """Numbers in the model's answer."""

    @abc.abstractmethod
    def targets(self, corpus: Corpus) -> Tensor:
        """What the model should say, or make, for every item."""

    @abc.abstractmethod
    def loss(self, model: nn.Module, stacks: Sequence[Network], targets: Tensor) -> Tensor:
        """Mean loss of a batch; the targets stand in the order of the stacks."""

    @abc.abstractmethod
    def measure(self, model: nn.Module, corpus: Corpus, targets: Tensor, device: torch.device) -> dict[str, float]:
        """Metrics on a corpus."""


class Classify(Problem):
    """Which class does the image that an INR shows belong to?"""

    task, monitor, mode = "classify", "accuracy", "max"

    def d_out(self, zoo: Zoo) -> int:
        """The number of classes."""
        return len(zoo.card["class_names"])

    def targets(self, corpus: Corpus) -> Int[Tensor, " items"]:
        """The labels."""
        return corpus.column("label").long()

    def loss(self, model: nn.Module, stacks: Sequence[Network], targets: Tensor) -> Tensor:
        """Cross-entropy."""
        return functional.cross_entropy(model(stacks).float(), targets)

    def measure(self, model: nn.Module, corpus: Corpus, targets: Tensor, device: torch.device) -> dict[str, float]:
        """Accuracy and cross-entropy."""
        logits = _answers(model, corpus, device)
        return {
            "accuracy": accuracy(logits, targets),
            "cross_entropy": float(functional.cross_entropy(logits, targets)),
        }


class PredictAccuracy(Problem):
    """How accurate is a classifier, judged from its weights?"""

    task, monitor, mode = "predict", "kendall_tau", "max"

    def d_out(self, zoo: Zoo) -> int:
        """One logit."""
        return 1

    def targets(self, corpus: Corpus) -> Float[Tensor, " items"]:
        """Measured test accuracies."""
        return corpus.column("accuracy").float()

    def loss(self, model: nn.Module, stacks: Sequence[Network], targets: Tensor) -> Tensor:
        """Binary cross-entropy of the sigmoid output with the accuracy."""
        return functional.binary_cross_entropy_with_logits(model(stacks).float()[:, 0], targets)

    def measure(self, model: nn.Module, corpus: Corpus, targets: Tensor, device: torch.device) -> dict[str, float]:
        """Kendall's τ, R² and mean absolute error."""
        predicted = _answers(model, corpus, device)[:, 0].sigmoid()
        return {
            "kendall_tau": kendall_tau(predicted, targets),
            "r_squared": r_squared(predicted, targets),
            "mean_absolute_error": mean_absolute_error(predicted, targets),
        }


class Edit(Problem):
    """Which change of weights edits the image that an INR shows?

    Args:
        edit: Key of `ngcore.inr.IMAGE_EDITS`.
    """

    task, monitor, mode = "edit", "mse", "min"

    def __init__(self, edit: str) -> None:
        self.edit = find_image_edit(edit).name

    def d_out(self, zoo: Zoo) -> int:
        """An equivariant head has no answer of fixed width."""
        return 1

    def targets(
        self, corpus: Corpus
    ) -> Float[Tensor, "items height width"] | Float[Tensor, "items height width channels"]:
        """The edited original images."""
        return edit_images(torch.from_numpy(original_images(corpus.zoo, corpus.rows)).float() / 255, self.edit)

    def loss(self, model: nn.Module, stacks: Sequence[Network], targets: Tensor) -> Tensor:
        """Mean squared error of the rendered edited INRs."""
        size = (targets.shape[1], targets.shape[2])
        changes = zip(stacks, model(stacks), strict=True)
        rendered = torch.cat([render(add_change(network, change), size) for network, change in changes])
        return functional.mse_loss(rendered, targets)

    def measure(self, model: nn.Module, corpus: Corpus, targets: Tensor, device: torch.device) -> dict[str, float]:
        """Mean squared error after the edit, and of the INRs as they are."""
        size = (targets.shape[1], targets.shape[2])
        after, before = [], []
        for index in corpus.chunks():
            for network, places in corpus.batch(index, device):
                own = targets[index[places]]
                after.append(
                    mean_squared_error(render(add_change(network, model(network)), size).cpu(), own) * len(own)
                )
                before.append(mean_squared_error(render(network, size).cpu(), own) * len(own))
        return {"mse": sum(after) / len(corpus), "mse_unedited": sum(before) / len(corpus)}


DEFAULT_EDIT = "dilate"
PROBLEMS: dict[TaskName, Problem] = {"classify": Classify(), "predict": PredictAccuracy(), "edit": Edit(DEFAULT_EDIT)}


def edit_of(card: Mapping[str, Any]) -> str:
    """The edit that the model of a card was trained for."""
    return str(card.get("edit", DEFAULT_EDIT))


def find_problem(task: TaskName, edit: str | None = None) -> Problem:
    """The problem of a task; of one edit, where the task is to edit.

    Raises:
        UnknownNameError: If there is no such edit.
    """
    return Edit(edit or DEFAULT_EDIT) if task == "edit" else PROBLEMS[task]


def _answers(model: nn.Module, corpus: Corpus, device: torch.device) -> Float[Tensor, "items d_out"]:
    rows = []
    for index in corpus.chunks():
        stacks, places = zip(*corpus.batch(index, device), strict=True)
        answers = model(stacks).float().cpu()
        rows.append(answers[torch.cat(places).argsort()])
    return torch.cat(rows)
