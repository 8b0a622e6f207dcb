"""Options for what files of weights leave open, and the decorator that adds them to a command."""

import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ngcore.cli.options import finite
from ngcore.errors import NeuralGraphError
from ngcore.text import clean_text

if TYPE_CHECKING:
    from ngcore.upload import Hints

PANEL = "Hints for what a file leaves open"


def _option(name: str, help_text: str, metavar: str | None = None) -> Any:
    return Annotated[str | None, typer.Option(name, help=help_text, metavar=metavar, rich_help_panel=PANEL)]


def _number(name: str, help_text: str) -> Any:
    return Annotated[float | None, typer.Option(name, callback=finite, help=help_text, rich_help_panel=PANEL)]


def _whole(name: str, help_text: str) -> Any:
    return Annotated[int | None, typer.Option(name, help=help_text, rich_help_panel=PANEL)]


OPTIONS: dict[str, Any] = {
    "activation": _option("--activation", "Activation between layers, such as relu or sine."),
    "activation_side": _option("--activation-side", "Where the activation is: before_norm or after_norm."),
    "negative_slope": _number("--negative-slope", "Slope of leaky_relu below zero, 0.01 unless given."),
    "omega_0": _number("--omega-0", "Frequency of the sine activations."),
    "first_omega_0": _number("--first-omega-0", "Frequency of the first sine, if different."),
    "convention": _option("--convention", "SIREN convention: dws (this project's), sitzmann, coin or siren-pytorch."),
    "coordinate_order": _option("--coordinate-order", "Inputs of an INR: xy, or yx for row and column."),
    "coordinate_range": _option(
        "--coordinate-range", "Coordinates at the edges of the image, such as 0,1.", "LOW,HIGH"
    ),
    "output_range": _option("--output-range", "Outputs that mean black and white, such as 0,1.", "BLACK,WHITE"),
    "stride": _option(
        "--stride", "Stride of the convolutions: one for all, or one per layer, such as 1,2,2.", "N[,N...]"
    ),
    "padding": _option("--padding", "Padding of the convolutions: one for all, or one per layer.", "N[,N...]"),
    "input_size": _option("--input-size", "Size of the input image, such as 32x48.", "HEIGHTxWIDTH"),
    "norm": _option("--norm", "Kind of the norms without running statistics, such as layer_norm."),
    "convolution": _option("--convolution", "Kind of convolution where both are possible: conv2d or transposed."),
    "table": _option("--table", "Kind of table where both are possible: linear or embedding."),
    "heads": _whole("--heads", "Attention heads of a transformer."),
    "norm_order": _option("--norm-order", "Norms of a transformer: pre_norm or post_norm."),
    "mask": _option("--mask", "What a token attends to: all_tokens or causal."),
    "length": _whole("--length", "Tokens or steps of the sequence that the network is looked at with."),
    "rotary_base": _number("--rotary-base", "Base of the angles of rotary positions, such as 10000."),
    "eps": _number("--eps", "What the norms add to the variance."),
    "readout": _option("--readout", "What a head reads of a sequence: first, last, final_states, mean, max or every."),
    "stem": _option("--stem", "First convolution of a ResNet: stride_1, stride_2, stride_1_pool or stride_2_pool."),
    "part": _option("--part", "Part of the file that is the network, or all.", "NAME[,NAME...]"),
    "order": _option("--order", "Layers or parts, in forward order.", "NAME,NAME..."),
}


def takes_hints(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command all options about files; it receives them as one argument `hints`."""

    @functools.wraps(command)
    def wrapped(**options: Any) -> None:
        said = {name: options.pop(name) for name in OPTIONS}
        try:
            hints = hints_from(said)
        except NeuralGraphError as error:
            raise typer.BadParameter(str(error)) from None
        command(**options, hints=hints)

    signature = inspect.signature(command)
    kept = [parameter for name, parameter in signature.parameters.items() if name != "hints"]
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
        for name, annotation in OPTIONS.items()
    ]
    kept = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in kept]
    wrapped.__signature__ = signature.replace(parameters=[*kept, *added])  # type: ignore[attr-defined]
    hidden = {name: kind for name, kind in command.__annotations__.items() if name != "hints"}
    wrapped.__annotations__ = hidden | OPTIONS
    return wrapped


def hints_from(said: dict[str, Any]) -> "Hints":
    """Hints from the values given as options.

    Raises:
        NeuralGraphError: If a value is malformed.
    """
    from ngcore.upload import Hints

    readers: dict[str, Callable[[str, str], Any]] = {
        "coordinate_range": _range,
        "output_range": _range,
        "stride": _sizes,
        "padding": _sizes,
        "input_size": _input_size,
        "part": _names,
        "order": _names,
    }
    values = {
        name: readers[name](name, value) if name in readers else value
        for name, value in said.items()
        if value is not None
    }
    return Hints(**values)


def option_for(field: str, suggestion: object) -> str:
    """The option that gives an answer, as typed on the command line.

    Example:
        >>> option_for("input_size", (32, 48)), option_for("stride", (1, 2))
        ('--input-size 32x48', '--stride 1,2')
    """
    separator = "x" if field == "input_size" else ","
    text = separator.join(map(str, suggestion)) if isinstance(suggestion, tuple) else str(suggestion)
    return f"--{field.replace('_', '-')} {text}"


def _quoted(text: str) -> str:
    return repr(clean_text(text, length=40))


def _sizes(field: str, text: str) -> int | tuple[int, ...]:
    parts = text.split(",")
    if not all(part.strip().isdecimal() for part in parts):
        raise NeuralGraphError(
            f"Expected --{field} as a number, or one for each convolution such as 1,2,2, got {_quoted(text)}. "
            "Each holds for height and width alike; others are read from files of export_network."
        )
    sizes = tuple(int(part[:18]) for part in parts)
    return sizes[0] if len(sizes) == 1 else sizes


def _input_size(field: str, text: str) -> tuple[int, ...]:
    """Height and width, of "32x48" or, with channels, "3x32x48"."""
    parts = text.lower().replace("×", "x").replace(",", "x").split("x")
    if len(parts) not in (2, 3) or not all(part.strip().isdecimal() for part in parts):
        raise NeuralGraphError(f"Expected --input-size as height and width, such as 32x48, got {_quoted(text)}.")
    return tuple(int(part[:18]) for part in parts[-2:])


def _range(field: str, text: str) -> tuple[float, ...]:
    try:
        low, high = map(float, text.split(","))
    except ValueError:
        name = field.replace("_", "-")
        raise NeuralGraphError(f"Expected --{name} as two numbers such as 0,1, got {_quoted(text)}.") from None
    return low, high


def _names(field: str, text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(","))
