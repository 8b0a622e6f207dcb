"""Input networks as a command gets them: a file, or a network of a zoo."""

import dataclasses
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ngcore.cli.hints import option_for
from ngcore.cli.output import say_failure
from ngcore.errors import (
    AmbiguousNetworkError,
    DataError,
    NeuralGraphError,
    TooLargeError,
    UnsupportedNetworkError,
    UploadError,
)

if TYPE_CHECKING:
    from ngcore.networks import Network
    from ngcore.upload import Hints
    from ngcore.zoo import Zoo

Source = Annotated[
    str, typer.Argument(metavar="FILE|ZOO/ID", help="A file of weights, or a network such as mnist-inrs/060000.")
]
Sources = Annotated[
    list[str], typer.Argument(metavar="FILE|ZOO/ID...", help="Files of weights, or networks such as mnist-inrs/060000.")
]


@dataclasses.dataclass(frozen=True)
class InputNetwork:
    """A network to look at.

    Attributes:
        source: What the user wrote.
        network: A stack of one.
        notes: What was inferred about a file.
        zoo: Where it comes from; None for a file.
        row: Its row of metadata; empty for a file.
        position: Its position in the zoo's metadata; None for a file.
    """

    source: str
    network: "Network"
    notes: tuple[str, ...] = ()
    zoo: "Zoo | None" = None
    row: dict[str, Any] = dataclasses.field(default_factory=dict)
    position: int | None = None


def read_input(source: str, hints: "Hints | None" = None) -> InputNetwork:
    """The network in a file, or of a zoo.

    Args:
        source: Path of a file, or "<zoo>/<id>".
        hints: What was said about files.

    Raises:
        DataError: If it is neither.
        UploadError: If the file is not read; the message names it.
        UnknownNameError, ZooError: If there is no such zoo, or no such network in it.
    """
    path = Path(source)
    if path.is_dir():
        raise DataError(_about_folder(path))
    if not path.is_file():
        return _from_zoo(source)
    from ngcore.upload import read_network

    try:
        upload = read_network(_bytes_of(path), filename=path.name, hints=hints)
    except AmbiguousNetworkError as error:
        raise NeuralGraphError(f"{source}: {error}{_example(error)}") from error
    except UploadError as error:
        raise UploadError(f"{source}: {error}{_other_ways(path, error)}", recipe=error.recipe) from error
    return InputNetwork(source, upload.network, upload.notes)


def read_inputs(sources: Iterable[str], hints: "Hints | None" = None) -> tuple[list[InputNetwork], int]:
    """The networks that can be read, and how many can't; each of those is named with its reason on stderr.

    Args:
        sources: Paths of files, or "<zoo>/<id>"; one that is named twice is read once.
        hints: What was said about files.
    """
    inputs, failures = [], 0
    for source in dict.fromkeys(sources):
        try:
            inputs.append(read_input(source, hints))
        except (NeuralGraphError, OSError) as error:
            say_failure(error, about=source)
            failures += 1
    return inputs, failures


def _other_ways(path: Path, error: UploadError) -> str:
    """Where to look at a file of weights that makes no network."""
    from ngcore.upload import open_weights

    if not isinstance(error, UnsupportedNetworkError | TooLargeError):
        return ""
    try:
        open_weights(path)
    except (UploadError, OSError):
        return ""
    return f" Its weights can be looked at all the same: ngcore weights {shlex.quote(str(path))}"


def _about_folder(path: Path) -> str:
    """What to name instead of a folder."""
    if (path / "card.json").is_file():
        return f"Expected a network, got the folder of a zoo; name one of its networks: {path}/ID."
    return f"Expected a file of weights, got the folder {path}; name a file in it."


def _bytes_of(path: Path) -> bytes:
    """The bytes of a file that is no larger than what is read."""
    from ngcore.upload.limits import LOCAL

    if (size := path.stat().st_size) > LOCAL.file_bytes:
        raise TooLargeError(f"Expected a file of at most {LOCAL.file_bytes:,} bytes, got {size:,}.")
    return path.read_bytes()


def _from_zoo(source: str) -> InputNetwork:
    from ngcore.zoo import Zoo, find_zoo

    folder, separator, number = source.rpartition("/")
    if not separator or Path(source).suffix in (".safetensors", ".npz", ".pt", ".pth"):
        raise DataError(
            f"Expected a file, or a network of a zoo such as mnist-inrs/060000, got {source!r}: no such file."
        )
    zoo = Zoo.open(find_zoo(folder))
    position = zoo.position(f"{zoo.name}/{number}")
    row = {str(key): value for key, value in zoo.metadata.iloc[position].to_dict().items()}
    return InputNetwork(source, zoo.networks([position]), zoo=zoo, row=row, position=position)


def _example(error: AmbiguousNetworkError) -> str:
    """The options that answer what is asked about a file, with the suggested answers."""
    answers = {question.field: question.suggestion for question in error.questions}
    needed = [q for q in error.questions if q.only_if in (None, answers.get("activation")) and q.suggestion is not None]
    options = " ".join(option_for(question.field, question.suggestion) for question in needed)
    return f" For example: {options}" if options else ""
