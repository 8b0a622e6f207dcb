"""What the checks share: how a model answers about a network, as numbers that can be compared, and its own function."""

import dataclasses
from collections.abc import Iterable, Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from ngcore.errors import CheckpointError
from ngcore.inr import image_coordinates, is_inr, render
from ngcore.models import width_stable_copy
from ngcore.networks import Architecture, Network, inputs_that_fit
from ngcore.networks.random_inputs import draw_inputs
from ngcore.tasks.answers import classify_inrs, edit_inrs, predict_accuracy
from ngcore.tasks.checkpoints import Checkpoint

SIDE = 28  # pixels, of the pictures of INRs
NUM_INPUTS = 16
MAX_MULTIPLY_ADDS = 500_000_000  # of one network on all inputs
MAX_BYTES = 128 * 1024 * 1024
NUMBERS_AT_ONCE = 4_000_000  # parameters of copies that are held at once

STABLE = ", width-stable"  # what is added to the name of a width-stable copy

UNITS = {"classify": "probability", "predict": "accuracy", "edit": "brightness"}
"""What the numbers are that a model of each task answers with."""


FUNCTION_TOLERANCE = 1e-3
"""Largest error of a network's own outputs, as a share of the largest output, that float32 may make."""

ANSWER_TOLERANCE = 5e-4
"""Largest spread of a model's answers, as a share of the largest number, that is still rounding."""


@dataclasses.dataclass(frozen=True)
class Claim:
    """What a model is built for.

    Attributes:
        is_exact: Whether its answers must be the same for all copies, up to rounding.
        reason: Why, or why not, in a sentence.
    """

    is_exact: bool
    reason: str


OWN = Claim(is_exact=True, reason="The copies are made so that they compute the same.")
"""What holds for the function of the network itself."""


@dataclasses.dataclass(frozen=True)
class Spread:
    """How far answers about copies are from the answer about the original.

    Attributes:
        error: The largest difference of a number.
        scale: The largest number of the original's answer.
        changed: Copies whose largest number is another one, which is another class; None where numbers are no classes.
        copies: How many copies there are.
    """

    error: float
    scale: float
    changed: int | None
    copies: int

    @property
    def relative(self) -> float:
        """The error as a share of the scale."""
        return self.error / self.scale if self.scale else self.error


@dataclasses.dataclass(frozen=True)
class Row:
    """Copies of a network, as seen by one model, or by the function of the network itself.

    Attributes:
        model: Name of the model; "" for the function of the network.
        claim: What the model is built for.
        spread: Of its answers; None where it has none.
        error: Why it has none.
    """

    model: str
    claim: Claim
    spread: Spread | None = None
    error: str = ""

    @property
    def is_same(self) -> bool | None:
        """Whether the answers are the same, up to rounding; None where there are none."""
        if self.spread is None:
            return None
        return self.spread.relative <= (ANSWER_TOLERANCE if self.model else FUNCTION_TOLERANCE)

    @property
    def is_broken(self) -> bool:
        """Whether answers differ that must be the same."""
        return self.claim.is_exact and self.is_same is False


def spread_of(
    original: Float[Tensor, "1 numbers"], copies: Float[Tensor, "copies numbers"], *, are_classes: bool = False
) -> Spread:
    """The spread of answers about copies."""
    errors = (copies - original).abs()
    return Spread(
        error=float(errors.max()),
        scale=float(original.abs().max()),
        changed=int((copies.argmax(dim=1) != original.argmax(dim=1)).sum()) if are_classes else None,
        copies=len(copies),
    )


def answer(checkpoint: Checkpoint, network: Network) -> Float[Tensor, "networks numbers"]:
    """What a model answers about networks: probabilities of classes, an accuracy, or the pixels of the edited picture.

    Raises:
        CheckpointError: If it is a model of another task.
        NotFiniteError: If it has no finite answer.
    """
    match checkpoint.card["task"]:
        case "classify":
            return classify_inrs(checkpoint, network)
        case "predict":
            return predict_accuracy(checkpoint, network)[:, None]
        case "edit":
            return render(edit_inrs(checkpoint, network), (SIDE, SIDE)).flatten(1).cpu()
    raise CheckpointError(f"Expected a model of one of {', '.join(UNITS)}, got {checkpoint.card['task']!r}.")


def probe_inputs(architecture: Architecture, *, seed: int = 0) -> list[Tensor]:
    """Inputs on which the functions of networks are compared: pixels for INRs, else random ones."""
    if is_inr(architecture):
        return [image_coordinates(SIDE, SIDE)]
    count = inputs_that_fit(architecture, NUM_INPUTS, max_bytes=MAX_BYTES, max_multiply_adds=MAX_MULTIPLY_ADDS)
    return draw_inputs(architecture, max(1, count), torch.Generator().manual_seed(seed))


def outputs(network: Network, inputs: Iterable[Tensor]) -> Float[Tensor, "networks numbers"]:
    """All outputs of networks for inputs with channels first, side by side."""
    placed = [x.to(network.device, network.dtype if x.is_floating_point() else None) for x in inputs]
    with torch.no_grad():
        values = network.values(*placed)
    return torch.cat([values[i].flatten(1) for i in network.architecture.outputs], dim=1).cpu()


def repeated(network: Network, copies: int) -> Iterator[Network]:
    """Stacks of copies of one network, `copies` in all, few enough at once for memory."""
    at_once = max(1, NUMBERS_AT_ONCE // max(1, network.architecture.num_parameters))
    while copies > 0:
        yield network[[0] * min(copies, at_once)]
        copies -= at_once


def stable_copy(checkpoint: Checkpoint) -> Checkpoint:
    """A checkpoint of an NG-Sweep with its width-stable copy in place of the model.

    Raises:
        NeuralGraphError: If it is another kind of model, or one that sweeps back (see `can_be_width_stable`).
    """
    known = [Architecture.from_dict(fields) for fields in checkpoint.card["model"]["architectures"]]
    model = width_stable_copy(checkpoint.model, known)
    card = {**checkpoint.card, "model": {**checkpoint.card["model"], "config": model.config.to_dict()}}
    return dataclasses.replace(checkpoint, name=f"{checkpoint.name}{STABLE}", model=model, card=card)
