"""The questions as training problems: what a batch costs, how a model is measured."""

import abc
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from ngcore.inr import (
    coordinate_matrix,
    edit_images,
    find_image_edit,
    image_coordinates,
    move_images,
    render,
    render_at,
)
from ngcore.networks import Network
from ngcore.tasks.accuracy_figures import accuracy_figures
from ngcore.tasks.corpus import Corpus
from ngcore.training import accuracy, kendall_tau, mean_absolute_error, mean_squared_error, r_squared
from ngcore.zoo.originals import original_images
from ngcore.zoo.storage import Zoo

PIXELS_PER_STEP = 256
"""Pixels at which a training step compares edited INRs; measuring takes all of them."""

TaskName = Literal["classify", "predict", "edit"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Augmentation:
    """Changes of input networks in training.

    Attributes:
        rotation: INRs: largest rotation of the images in degrees, either way.
        scaling: INRs: images are enlarged by a factor between 1 − this and 1 + this.
        shift: INRs: images are shifted by up to this along each axis; they reach from −1 to 1.
        mirror: INRs: half of the images are mirrored, left to right.
        noise: Standard deviation of Gaussian noise on every parameter, in units of its layer's own.
        weight_dropout: Share of parameters set to 0.
    """

    rotation: float = 0.0
    scaling: float = 0.0
    shift: float = 0.0
    mirror: bool = False
    noise: float = 0.0
    weight_dropout: float = 0.0

    def __call__(self, network: Network, generator: torch.Generator) -> Network:
        """Augmented networks, each moved independently and with its own noise."""
        if self.rotation or self.scaling or self.shift or self.mirror:
            network = self._move(network, generator)
        if not self.noise and not self.weight_dropout:
            return network
        return network.map(lambda tensor: self._change(tensor, generator))

    def _move(self, network: Network, generator: torch.Generator) -> Network:
        """Images turned, enlarged, shifted and mirrored, exactly."""
        drawn = torch.rand(len(network), 4, generator=generator, device=network.device, dtype=network.dtype)
        angle, scale, *shift = (2 * drawn - 1).unbind(dim=1)
        matrix = coordinate_matrix(self.rotation * angle, 1 + self.scaling * scale)
        if self.mirror:
            is_mirrored = torch.rand(len(network), generator=generator, device=network.device) < 0.5
            matrix[:, :, 0] *= torch.where(is_mirrored, -1.0, 1.0).to(matrix)[:, None]
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
    def loss(self, model: nn.Module, stacks: Sequence[Network], targets: Tensor, generator: torch.Generator) -> Tensor:
        """Mean loss of a batch; the targets stand in the order of the stacks, random choices come from `generator`."""

    @abc.abstractmethod
    def measure(self, model: nn.Module, corpus: Corpus, targets: Tensor, device: torch.device) -> dict[str, float]:
        """Metrics on a corpus."""

    def measure_fully(self, model: nn.Module, corpus: Corpus, targets: Tensor, device: torch.device) -> dict[str, Any]:
        """All metrics for a card, of which some take too long, or are too many, while training."""
        return dict(self.measure(model, corpus, targets, device))


class Classify(Problem):
    """Which class does the image that an INR shows belong to?"""

    task, monitor, mode = "classify", "accuracy", "max"

    def d_out(self, zoo: Zoo) -> int:
        """The number of classes."""
        return len(zoo.card["class_names"])

    def targets(self, corpus: Corpus) -> Int[Tensor, " items"]:
        """The labels."""
        return corpus.column("label").long()

    def loss(self, model: nn.Module, stacks: Sequence[Network], targets: Tensor, generator: torch.Generator) -> Tensor:
        """Cross-entropy with labels, or with probabilities of the classes."""
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

    def loss(self, model: nn.Module, stacks: Sequence[Network], targets: Tensor, generator: torch.Generator) -> Tensor:
        """Binary cross-entropy of the sigmoid output with the accuracy."""
        return functional.binary_cross_entropy_with_logits(model(stacks).float()[:, 0], targets)

    def measure(self, model: nn.Module, corpus: Corpus, targets: Tensor, device: torch.device) -> dict[str, float]:
        """Kendall's τ, R² and mean absolute error."""
        predicted = self._predict(model, corpus, device)
        return {
            "kendall_tau": kendall_tau(predicted, targets),
            "r_squared": r_squared(predicted, targets),
            "mean_absolute_error": mean_absolute_error(predicted, targets),
        }

    def measure_fully(self, model: nn.Module, corpus: Corpus, targets: Tensor, device: torch.device) -> dict[str, Any]:
        """What `accuracy_figures` gives: also of final checkpoints, and within each kind of network."""
        return accuracy_figures(self._predict(model, corpus, device), targets, corpus.zoo, corpus.rows)

    def _predict(self, model: nn.Module, corpus: Corpus, device: torch.device) -> Float[Tensor, " items"]:
        return _answers(model, corpus, device)[:, 0].sigmoid()


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

    def loss(self, model: nn.Module, stacks: Sequence[Network], targets: Tensor, generator: torch.Generator) -> Tensor:
        """Mean squared error of the edited INRs at `PIXELS_PER_STEP` random pixels, the same for the whole batch."""
        coordinates = image_coordinates(targets.shape[1], targets.shape[2])
        shuffled = torch.randperm(len(coordinates), generator=generator, device=targets.device)
        chosen = shuffled[:PIXELS_PER_STEP]
        places = coordinates.to(targets.device)[chosen]
        changes = zip(stacks, model(stacks), strict=True)
        rendered = torch.cat([render_at(network.plus(change), places) for network, change in changes])
        return functional.mse_loss(rendered, targets.flatten(1, 2)[:, chosen].view_as(rendered))

    def measure(self, model: nn.Module, corpus: Corpus, targets: Tensor, device: torch.device) -> dict[str, float]:
        """Mean squared error after the edit, and of the INRs as they are."""
        size = (targets.shape[1], targets.shape[2])
        after, before = [], []
        for index in corpus.chunks():
            for network, places in corpus.batch(index, device):
                own = targets[index[places]]
                after.append(mean_squared_error(render(network.plus(model(network)), size).cpu(), own) * len(own))
                before.append(mean_squared_error(render(network, size).cpu(), own) * len(own))
        return {"mse": sum(after) / len(corpus), "mse_unedited": sum(before) / len(corpus)}

    def measure_fully(self, model: nn.Module, corpus: Corpus, targets: Tensor, device: torch.device) -> dict[str, Any]:
        """Also that of the mean of `VIEWS` renders: each of an INR that was edited while moved a little."""
        size = (targets.shape[1], targets.shape[2])
        total = 0.0
        for index in corpus.chunks():
            for network, places in corpus.batch(index, device):
                edited = (edit_in_view(model, network, *view) for view in VIEWS)
                mean = torch.stack([render(one, size) for one in edited]).mean(dim=0).cpu()
                total += mean_squared_error(mean, targets[index[places]]) * len(places)
        mean_of_views = {f"mse_mean_of_{len(VIEWS)}": total / len(corpus)}
        return self.measure(model, corpus, targets, device) | mean_of_views


VIEWS = (
    (0.0, 1.0, (0.0, 0.0)),
    (8.0, 1.0, (0.0, 0.0)),
    (-8.0, 1.0, (0.0, 0.0)),
    (0.0, 1.08, (0.0, 0.0)),
    (0.0, 0.92, (0.0, 0.0)),
    (4.0, 1.0, (0.08, 0.0)),
    (-4.0, 1.0, (-0.04, 0.07)),
    (0.0, 1.0, (-0.04, -0.07)),
)
"""Angle in degrees, scale and shift of the moves in which an INR is edited to average over; the first is none."""


def edit_in_view(model: nn.Module, network: Network, angle: float, scale: float, shift: tuple[float, float]) -> Network:
    """INRs moved, edited and moved back: another estimate of every edit that commutes with the move."""
    ones = torch.ones(len(network), dtype=network.dtype, device=network.device)
    matrix, offset = coordinate_matrix(angle * ones, scale * ones), ones.new_tensor(shift).expand(len(network), 2)
    moved = move_images(network, matrix, offset)
    inverse = torch.linalg.inv(matrix)
    return move_images(moved.plus(model(moved)), inverse, -(inverse @ offset[:, :, None])[..., 0])


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
