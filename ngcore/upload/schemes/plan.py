"""A network in the making: its steps, the tensors that they take, what is asked and noted on the way."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor

from ngcore.errors import UnsupportedNetworkError, UploadError
from ngcore.networks import ACTIVATION_KINDS, Layer, Step
from ngcore.upload.hints import Hints, check_fields
from ngcore.upload.modules import COUNTER
from ngcore.upload.questions import Question, Suggestion
from ngcore.upload.schemes.origin import View
from ngcore.upload.shapes import Shape

MAX_LISTED = 3  # names that a message lists


class MisfitError(UnsupportedNetworkError):
    """Tensors that are not those of a naming scheme after all; the message goes on from "It looks like …, but"."""


class Plan:
    """What a naming scheme makes of a state dict.

    Args:
        shapes: Shape of every tensor by its name.
        hints: What the user says.
        config: What the file says about itself in the terms of its library.
        are_equal: Whether two tensors hold the same numbers.

    Attributes:
        steps: Steps so far.
        values: Shape of every value so far, inputs first.
        views: Where the parameters of the steps are.
        fixed: Parameters that no tensor holds.
        copies: Tensors that are others again.
        aside: Tensors that are no parameters, with what they are.
        questions: What must be said.
        notes: What was taken for granted.
        family: What the network is called, where a scheme has several; empty otherwise.
    """

    def __init__(
        self,
        shapes: Mapping[str, Shape],
        hints: Hints,
        *,
        config: Mapping[str, Any] | None = None,
        are_equal: Callable[[str, str], bool] = lambda one, other: False,
    ) -> None:
        self.shapes, self.hints, self.config, self.are_equal = shapes, hints, config or {}, are_equal
        self.inputs: list[Shape] = []
        self.steps: list[Step] = []
        self.values: list[Shape] = []
        self.views: dict[str, View] = {}
        self.fixed: dict[str, Tensor] = {}
        self.copies: dict[str, str] = {}
        self.aside: dict[str, str] = {}
        self.questions: list[Question] = []
        self.notes: list[str] = []
        self.family = ""
        self._groups = {name[:dot] for name in shapes for dot, letter in enumerate(name) if letter == "."}

    def has(self, name: str) -> bool:
        """Whether there is such a tensor, or a group of them."""
        return name in self.shapes or name in self._groups

    def shape(self, name: str, *, rank: int | None = None) -> Shape:
        """Shape of a tensor.

        Raises:
            MisfitError: If there is none, or one of another number of axes.
        """
        if name not in self.shapes:
            raise MisfitError(f"there is no {name!r}")
        shape = self.shapes[name]
        if rank is not None and len(shape) != rank:
            raise MisfitError(f"{name!r} of shape {shape} has {len(shape)} axes instead of {rank}")
        return shape

    def count(self, prefix: str, *, start: int = 0) -> int:
        """How many groups "<prefix>.<start>", "<prefix>.<start + 1>", … there are."""
        number = start
        while self.has(f"{prefix}.{number}" if prefix else str(number)):
            number += 1
        return number - start

    def read(self, *shapes: Shape) -> list[int]:
        """The inputs of the network; to be said before any step.

        Raises:
            UnsupportedNetworkError: If one was said to have no entry.
        """
        self.inputs = list(shapes)
        self.values = list(shapes)
        return list(range(len(shapes)))

    def step(self, layer: Layer, *reads: int, name: str = "") -> int:
        """A step that reads values; the number of the value that it makes.

        Raises:
            ArchitectureError: If it can't read them.
        """
        self.values.append(layer.output_shape(*(self.values[value] for value in reads)))
        self.steps.append(Step(layer, reads, name))
        return len(self.values) - 1

    def take(self, parameter: str, view: View) -> None:
        """Say which tensor a parameter is."""
        self.views[parameter] = view

    def set_aside(self, name: str, what: str) -> None:
        """Say what a tensor is that is no parameter; nothing happens where it is not there."""
        if name in self.shapes:
            self.aside[name] = what

    def ask(
        self,
        field: str,
        text: str,
        suggestion: Any,
        *,
        reason: str,
        keys: Sequence[str] = (),
        choices: tuple[str, ...] = (),
    ) -> Any:
        """What the user, or the file's config under one of `keys`, says about something; else it becomes a question.

        Returns:
            The answer, or the suggestion.

        Raises:
            UnsupportedNetworkError: If the answer is none of the choices, or the config holds nonsense.
        """
        said = self._said(field, keys)
        if said is None:
            self.questions.append(
                Question(field=field, text=text, suggestion=suggestion, choices=choices, reason=reason)
            )
            return suggestion
        if choices and said not in choices:
            raise UnsupportedNetworkError(f"Expected {field} to be one of {', '.join(choices)}, got {said}.")
        return said

    def default(self, field: str, usual: Suggestion, *, of: str, keys: Sequence[str] = ()) -> Any:
        """What was said about something, else what is usual, with a note on whose habit that is."""
        said = self._said(field, keys)
        if said is not None:
            return said
        name = field.replace("_", " ").capitalize()
        self.note(f"{name} {usual} is taken, as in {of}; the file does not say.")
        return usual

    def _said(self, field: str, keys: Sequence[str]) -> Any:
        said = getattr(self.hints, field)
        if said is not None:
            return said
        key = next((key for key in keys if self.config.get(key) is not None), None)
        if key is None:
            return None
        value = self.config[key]
        if field == "activation":
            value = ACTIVATIONS.get(str(value), value)
        if field != "activation" or value not in ACTIVATION_KINDS:  # a config may name any function that is known
            try:
                check_fields({field: value})
            except UploadError as error:
                raise UnsupportedNetworkError(f"The config in the file cannot be used: {error}") from None
        self.note(f"{key} = {value} was read from the config in the file.")
        return value

    def note(self, text: str) -> None:
        """Keep something to be told, once."""
        if text not in self.notes:
            self.notes.append(text)

    @property
    def left(self) -> list[str]:
        """Names of the tensors that no step takes."""
        taken = {view.tensor for view in self.views.values()} | self.copies.keys() | self.aside.keys()
        return [name for name in self.shapes if name not in taken and name.rpartition(".")[2] != COUNTER]

    def expect_none_left(self) -> None:
        """Check that every tensor has its place.

        Raises:
            MisfitError: Naming those that have none.
        """
        if left := self.left:
            listed = ", ".join(map(repr, left[:MAX_LISTED])) + (", …" if len(left) > MAX_LISTED else "")
            raise MisfitError(f"{listed} {'has' if len(left) == 1 else 'have'} no place there")


ACTIVATIONS = {
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
    "swish": "silu",
    "linear": "none",
}
"""Names of activations in the configs of libraries, where they differ."""
