"""Input networks as a command gets them: a file, or a network of a zoo."""

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ngcore.cli.options import finite
from ngcore.cli.output import say_failure
from ngcore.errors import DataError, NeuralGraphError, TooLargeError

if TYPE_CHECKING:
    from ngcore.networks import Network
    from ngcore.zoo import Zoo

Source = Annotated[
    str, typer.Argument(metavar="FILE|ZOO/ID", help="A file of weights, or a network such as mnist-inrs/060000.")
]
Sources = Annotated[
    list[str], typer.Argument(metavar="FILE|ZOO/ID...", help="Files of weights, or networks such as mnist-inrs/060000.")
]
ActivationHint = Annotated[
    str | None, typer.Option("--activation", help="Files: the function between layers, where the file cannot tell.")
]
OmegaHint = Annotated[
    float | None, typer.Option("--omega-0", callback=finite, help="Files: frequency of sine activations.")
]
StrideHint = Annotated[int | None, typer.Option("--stride", min=1, help="Files: step of the convolutions.")]
PaddingHint = Annotated[int | None, typer.Option("--padding", min=0, help="Files: zeros around the maps.")]
InputSizeHint = Annotated[
    tuple[int, int] | None, typer.Option("--input-size", help="Files: height and width of the input image.")
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


def read_input(
    source: str,
    *,
    activation: str | None = None,
    omega_0: float | None = None,
    stride: int | None = None,
    padding: int | None = None,
    input_size: tuple[int, int] | None = None,
) -> InputNetwork:
    """The network in a file, or of a zoo.

    Args:
        source: Path of a file, or "<zoo>/<id>".
        activation: This and the others: see `ngcore.upload.Hints`.

    Raises:
        DataError: If it is neither.
        UploadError: If the file is not read.
        UnknownNameError, ZooError: If there is no such zoo, or no such network in it.
    """
    path = Path(source)
    if path.is_dir():
        raise DataError(_about_folder(path))
    if not path.is_file():
        return _from_zoo(source)
    from ngcore.errors import AmbiguousNetworkError
    from ngcore.upload import Hints, read_network

    hints = Hints(activation=activation, omega_0=omega_0, stride=stride, padding=padding, input_size=input_size)
    try:
        upload = read_network(_bytes_of(path), filename=path.name, hints=hints)
    except AmbiguousNetworkError as error:
        options = " ".join(_option(question) for question in error.questions)
        raise NeuralGraphError(f"{source}: {error} For example: {options}") from error
    return InputNetwork(source, upload.network, upload.notes)


def read_inputs(sources: Iterable[str], **hints: Any) -> tuple[list[InputNetwork], int]:
    """The networks that can be read, and how many can't; each of those is named with its reason on stderr.

    Args:
        sources: Paths of files, or "<zoo>/<id>"; one that is named twice is read once.
        hints: See `read_input`.
    """
    inputs, failures = [], 0
    for source in dict.fromkeys(sources):
        try:
            inputs.append(read_input(source, **hints))
        except (NeuralGraphError, OSError) as error:
            say_failure(error, about=source)
            failures += 1
    return inputs, failures


def _about_folder(path: Path) -> str:
    """What to name instead of a folder."""
    if (path / "card.json").is_file():
        return f"Expected a network, got the folder {path}; of a zoo, name one network: {path}/ID."
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


def _option(question: Any) -> str:
    """The option that answers a question about a file, with the suggested answer."""
    value = question.suggestion
    text = " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return f"--{question.field.replace('_', '-')} {text}"
