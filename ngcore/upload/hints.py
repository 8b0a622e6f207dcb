"""What a user, or the file itself, can say about a network that names and shapes leave open."""

import dataclasses
import functools
import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from ngcore.errors import UnsupportedNetworkError, UploadError
from ngcore.networks import ACTIVATION_KINDS, NUM_FIRST_KINDS
from ngcore.text import MAX_NAME_LENGTH, clean_text
from ngcore.upload.conventions import CONVENTIONS, COORDINATE_ORDERS, Convention, Range
from ngcore.upload.limits import MAX_SIDE, MAX_SIZE

HINTS_KEY = "ngcore.hints"
Sizes = int | tuple[int, ...]
ASKED_ACTIVATIONS = ACTIVATION_KINDS[:NUM_FIRST_KINDS]
"""The activations to choose from for a file that does not say its own."""

CHOICES: dict[str, tuple[str, ...]] = {
    "activation": ASKED_ACTIVATIONS,
    "activation_side": ("before_norm", "after_norm"),
    "convention": tuple(CONVENTIONS),
    "coordinate_order": COORDINATE_ORDERS,
    "norm": ("layer_norm", "batch_norm", "group_norm", "instance_norm"),
    "convolution": ("conv2d", "transposed"),
    "table": ("linear", "embedding"),
    "norm_order": ("post_norm", "pre_norm"),
    "mask": ("all_tokens", "causal"),
    "readout": ("first", "last", "final_states", "mean", "max", "every"),
    "stem": ("stride_1", "stride_1_pool", "stride_2", "stride_2_pool"),
}
NUMBERS = ("omega_0", "first_omega_0", "negative_slope", "rotary_base", "eps")
RANGES = ("coordinate_range", "output_range")
SIZES = {"stride": 1, "padding": 0, "input_size": 1}
COUNTS = ("heads", "length")
NAMES = ("part", "order")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Hints:
    """What the names and shapes in a file cannot tell; None where not given.

    Attributes:
        activation: The activation between layers, one of `ASKED_ACTIVATIONS`.
        activation_side: Whether it is "before_norm" or "after_norm", where layers are normalised.
        omega_0: Frequency of the sine activation.
        first_omega_0: Frequency of the sine after the first layer, where it differs.
        negative_slope: Slope of leaky_relu below zero.
        convention: The convention an implicit representation follows, a key of `CONVENTIONS`.
        coordinate_order: This and the next two: see `Convention`; each overrides that of `convention`.
        coordinate_range: Coordinates at the edges of the image.
        output_range: Outputs that mean black and white.
        stride: Stride of the convolutions, one number for all or one for each.
        padding: Zeros around the maps before each convolution, one number for all or one for each.
        input_size: Height and width of the input image of a convolutional network.
        norm: Kind of the norms that store no statistics; only "layer_norm" can be read.
        convolution: Kind of the weights of 4 axes; only "conv2d" can be read.
        table: Kind of weights without bias that could be a table; only "linear" can be read.
        heads: Attention heads of a transformer.
        norm_order: Whether a transformer normalises before ("pre_norm") or after ("post_norm") each residual branch.
        mask: Whether a token attends to all tokens ("all_tokens") or to those before it ("causal").
        length: Tokens or steps of the sequence that the network is looked at with.
        rotary_base: Base of the angles of rotary positions.
        eps: What the norms add to the variance.
        readout: What a head reads of a sequence: its "first" or "last" step, the "final_states" of a recurrent network
            of both ways, the "mean" or "max" over the steps, or "every" step.
        stem: Stride of the first convolution of a residual network, and whether it is pooled.
        part: Names of the parts of the file that make up the network; "all" for the whole file.
        order: Names of layers, or of parts, in the order in which they are computed.

    Raises:
        UploadError: If a value is out of range.
    """

    activation: str | None = None
    activation_side: str | None = None
    omega_0: float | None = None
    first_omega_0: float | None = None
    negative_slope: float | None = None
    convention: str | None = None
    coordinate_order: str | None = None
    coordinate_range: Range | None = None
    output_range: Range | None = None
    stride: Sizes | None = None
    padding: Sizes | None = None
    input_size: tuple[int, int] | None = None
    norm: str | None = None
    convolution: str | None = None
    table: str | None = None
    heads: int | None = None
    norm_order: str | None = None
    mask: str | None = None
    length: int | None = None
    rotary_base: float | None = None
    eps: float | None = None
    readout: str | None = None
    stem: str | None = None
    part: tuple[str, ...] | None = None
    order: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        check_fields(vars(self))

    @staticmethod
    def from_json(text: str) -> "Hints":
        """What a file says about itself in its metadata, under `HINTS_KEY`: fields of this class as JSON.

        Raises:
            UnsupportedNetworkError: If it says anything else.
        """
        try:
            fields = json.loads(text)
        except (ValueError, RecursionError):
            raise UnsupportedNetworkError("The hints in the file cannot be used: they are not JSON.") from None
        known = {field.name for field in dataclasses.fields(Hints)}
        if not isinstance(fields, dict) or not fields.keys() <= known:
            raise UnsupportedNetworkError(
                f"The hints in the file cannot be used: expected a JSON object with {', '.join(sorted(known))}."
            )
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()
        }
        try:
            check_fields(values)
        except UploadError as error:
            raise UnsupportedNetworkError(f"The hints in the file cannot be used: {error}") from None
        values |= {name: float(values[name]) for name in NUMBERS if values.get(name) is not None}
        values |= {name: tuple(map(float, values[name])) for name in RANGES if values.get(name) is not None}
        return Hints(**values)

    def to_json(self) -> str:
        """The hints as JSON for the metadata of a safetensors file."""
        return json.dumps({name: value for name, value in vars(self).items() if value is not None}, sort_keys=True)

    def over(self, other: "Hints") -> "Hints":
        """These hints, and those of `other` where none is given."""
        said = {name: value for name, value in vars(self).items() if value is not None}
        return dataclasses.replace(other, **said)

    @property
    def spoken_convention(self) -> Convention | None:
        """The convention as far as it is given; None where neither its name nor a part of it is."""
        fields = [field.name for field in dataclasses.fields(Convention)]
        said = {name: getattr(self, name) for name in fields if getattr(self, name) is not None}
        if self.convention is None and not said.keys() & {"coordinate_order", *RANGES}:
            return None
        named = CONVENTIONS[self.convention or "dws"]
        if "omega_0" in said and named.first_omega_0 == named.omega_0:  # one frequency for all layers
            said = {"first_omega_0": said["omega_0"], **said}
        return dataclasses.replace(named, **said)


def check_fields(values: Mapping[str, Any]) -> None:
    """Refuse values that no field of `Hints` has.

    Raises:
        UploadError: Naming the first such field.
    """
    for field, choices in CHOICES.items():
        _check(values, field, choices.__contains__, f"one of {', '.join(choices)}")
    for field in NUMBERS:
        _check(values, field, _is_number, "a finite number")
    for field in COUNTS:
        _check(values, field, _is_count, f"a whole number between 1 and {MAX_SIDE}")
    for field in RANGES:
        _check(values, field, _is_range, "two different finite numbers")
    for field, least in SIZES.items():
        _check(values, field, functools.partial(_are_sizes, least=least), f"between {least} and {MAX_SIDE}")
    _check(values, "input_size", lambda value: isinstance(value, tuple) and len(value) == 2, "a height and a width")
    for field in NAMES:
        _check(values, field, _are_names, "names of parts or layers of the file")


def _check(values: Mapping[str, Any], field: str, is_valid: Callable[[Any], bool], expected: str) -> None:
    value = values.get(field)
    if value is not None and not is_valid(value):
        raise UploadError(f"Expected {field} to be {expected}, got {_shown(value)}.")


def _shown(value: Any) -> str:
    try:
        return clean_text(str(value), length=40)
    except ValueError:  # Python writes no whole number of more than 4,300 digits
        return "a number of thousands of digits"


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) <= MAX_SIZE and math.isfinite(value)


def _is_count(value: Any) -> bool:
    return type(value) is int and 1 <= value <= MAX_SIDE


def _is_range(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and all(map(_is_number, value)) and value[0] != value[1]


def _are_sizes(value: Any, *, least: int) -> bool:
    sizes = value if isinstance(value, tuple) else (value,)
    return bool(sizes) and all(type(size) is int and least <= size <= MAX_SIDE for size in sizes)


def _are_names(value: Any) -> bool:
    return isinstance(value, tuple) and all(
        isinstance(name, str) and 0 < len(name) <= MAX_NAME_LENGTH for name in value
    )
