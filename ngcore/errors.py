"""The errors that ngcore raises on purpose, every one a `ValueError`.

NeuralGraphError
├── ArchitectureError          layers that do not fit together
├── ShapeMismatchError         a tensor of another shape than expected
├── UnknownNameError           a name that is in no registry
├── NotFiniteError             infinity, or not a number, where an answer or weights belong
├── BlankNetworkError          a network that computes nothing there is to ask about
├── DeviceError                a device that this machine does not have
├── DataError                  an image set that cannot be had
├── ZooError                   a zoo that is missing, incomplete or damaged
├── CheckpointError            a checkpoint that is missing or does not fit
├── ServerError                the app's server, which does not start
├── WorkerError                processes or machines that cannot compute what they are given
├── StorageError               a file that can't be written
│   └── InUseError                 something else is writing there
└── UploadError                a file that will not be read
    ├── UnknownFormatError         its bytes are of no supported format
    ├── UnsafeFileError            it breaks a safety rule
    ├── TooLargeError              it exceeds a limit
    ├── UnsupportedNetworkError    it holds no network of a supported kind
    ├── BusyError                  too many files are being read already
    └── AmbiguousNetworkError      it leaves something open that the user must say
"""

import copyreg
from collections.abc import Iterable
from typing import Any

from ngcore.text import clean_lines


class NeuralGraphError(ValueError):
    """Root of every error that ngcore raises on purpose; messages may quote strangers' text, so they are cleaned.

    Attributes:
        recipe: Python code that would help, to be shown as it is; empty for most errors.
    """

    recipe: str = ""

    def __init__(self, message: object = "") -> None:
        super().__init__(clean_lines(str(message)))

    def __reduce__(self) -> tuple[Any, ...]:
        """Let an error cross from one process to another without its subclass's own arguments."""
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # type: ignore[attr-defined]


class ArchitectureError(NeuralGraphError):
    """Layers that do not fit together."""


class ShapeMismatchError(NeuralGraphError):
    """A tensor of another shape than expected."""


class UnknownNameError(NeuralGraphError):
    """A name that is in no registry; the message lists the choices."""

    def __init__(self, what: str, name: object, choices: Iterable[str]) -> None:
        super().__init__(f"Unknown {what} {name!r:.200}; choose from: {', '.join(sorted(choices))}.")


class NotFiniteError(NeuralGraphError):
    """Infinity, or not a number, where an answer or weights belong."""


class BlankNetworkError(NeuralGraphError):
    """A network that computes nothing there is to ask about."""


class DeviceError(NeuralGraphError):
    """A device that this machine does not have."""


class DataError(NeuralGraphError):
    """An image set that cannot be had."""


class ZooError(NeuralGraphError):
    """A zoo that is missing, incomplete or damaged."""


class CheckpointError(NeuralGraphError):
    """A checkpoint that is missing or does not fit."""


class ServerError(NeuralGraphError):
    """The app's server does not start."""


class WorkerError(NeuralGraphError):
    """Processes or machines that cannot compute what they are given."""


class StorageError(NeuralGraphError):
    """A file that can't be written."""


class InUseError(StorageError):
    """Something else is writing there."""


class UploadError(NeuralGraphError):
    """A file that will not be read; its `recipe` converts the file, where there is a way."""

    def __init__(self, message: str, *, recipe: str = "") -> None:
        super().__init__(message)
        self.recipe = recipe
        if recipe:
            self.add_note(recipe)  # a traceback shows it below the message


class UnknownFormatError(UploadError):
    """Bytes of no supported format."""


class UnsafeFileError(UploadError):
    """A file that breaks a safety rule."""


class TooLargeError(UploadError):
    """A file that exceeds a limit."""


class UnsupportedNetworkError(UploadError):
    """A file that holds no network of a supported kind."""


class BusyError(UploadError):
    """A file that has to wait, as too many others are being read."""


class AmbiguousNetworkError(UploadError):
    """A file that leaves something open that the user must say, such as the activation.

    Attributes:
        questions: What must be said, each an `ngcore.upload.Question`.
    """

    def __init__(self, message: str, *, questions: Iterable[Any] = ()) -> None:
        super().__init__(message)
        self.questions = tuple(questions)
