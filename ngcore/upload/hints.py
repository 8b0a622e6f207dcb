"""What a user can say about a network that its file leaves open, and the questions that ask for it."""

import dataclasses
import math

from ngcore.errors import AmbiguousNetworkError, UploadError
from ngcore.networks import ACTIVATION_KINDS
from ngcore.upload.limits import MAX_SIDE

Sizes = int | tuple[int, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Hints:
    """What the names and shapes in a file cannot tell; None where nothing is said.

    Attributes:
        activation: The function between layers, one of `ngcore.networks.ACTIVATION_KINDS`.
        omega_0: Frequency of the sine activation.
        negative_slope: Slope of leaky_relu below zero.
        stride: Step of the convolutions, one number for all or one for each.
        padding: Zeros around the maps before each convolution, one number for all or one for each.
        input_size: Height and width of the input image of a convolutional network.

    Raises:
        UploadError: If a value is out of range.
    """

    activation: str | None = None
    omega_0: float | None = None
    negative_slope: float = 0.01
    stride: Sizes | None = None
    padding: Sizes | None = None
    input_size: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if self.activation is not None and self.activation not in ACTIVATION_KINDS:
            raise UploadError(f"Expected one of {', '.join(ACTIVATION_KINDS)} as activation, got {self.activation!r}.")
        if not math.isfinite(self.omega_0 or 0.0) or not math.isfinite(self.negative_slope):
            raise UploadError(f"Expected finite numbers, got {self.omega_0} and {self.negative_slope}.")
        for field, least in (("stride", 1), ("padding", 0), ("input_size", 1)):
            value = getattr(self, field)
            sizes = value if isinstance(value, tuple) else (value,)
            if value is not None and not all(type(size) is int and least <= size <= MAX_SIDE for size in sizes):
                raise UploadError(f"Expected {field} between {least} and {MAX_SIDE}, got {value}.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Question:
    """Something that must be said before a network can be built: a field of a form.

    Attributes:
        field: The field of `Hints` that answers it.
        text: The question in plain words.
        suggestion: A sensible answer.
        choices: All answers, empty if any number will do.
        only_if: Activation for which it matters, None if always.
    """

    field: str
    text: str
    suggestion: str | float | Sizes
    choices: tuple[str, ...] = ()
    only_if: str | None = None


def ask(questions: list[Question]) -> AmbiguousNetworkError:
    """The error that asks all questions at once, each with its suggestion."""
    always = [question for question in questions if question.only_if is None]
    asked = "; ".join(f"{question.field} (perhaps {question.suggestion})" for question in always or questions)
    message = f"The file does not say all about this network. Please add: {asked}."
    return AmbiguousNetworkError(message, questions=questions)
