"""Other conventions for implicit representations of images, and their exact conversion to the project's.

Coordinates in another order or range and outputs in another range are affine changes of the input and the output, so
the first and the last layer absorb them: the network computes the same image, in one convention.
"""

import dataclasses
import re
from collections.abc import Iterable

import torch
from torch import Tensor

from ngcore.errors import UnsupportedNetworkError
from ngcore.networks import Architecture, Linear, Network, chain

Range = tuple[float, float]
COORDINATE_ORDERS = ("xy", "yx")
OWN_RANGE: Range = (-1.0, 1.0)
OWN_OUTPUTS: Range = (-0.5, 0.5)
INR_OUTPUTS = (1, 3)
GUESSING_SIDE = 24


@dataclasses.dataclass(frozen=True, kw_only=True)
class Convention:
    """What the inputs and outputs of an implicit representation mean.

    Attributes:
        coordinate_order: "xy" or "yx" (row, column); x grows to the right, y downwards.
        coordinate_range: Coordinate of the left and upper edge, and of the right and lower edge.
        output_range: Outputs that mean black and white.
        omega_0: Frequency of the sines.
        first_omega_0: Frequency of the sine after the first layer.
    """

    coordinate_order: str = "xy"
    coordinate_range: Range = OWN_RANGE
    output_range: Range = OWN_OUTPUTS
    omega_0: float = 30.0
    first_omega_0: float = 30.0

    @property
    def is_own(self) -> bool:
        """Whether nothing has to be converted."""
        own = ("xy", OWN_RANGE, OWN_OUTPUTS)
        return (self.coordinate_order, self.coordinate_range, self.output_range) == own

    @property
    def described(self) -> str:
        """The convention of inputs and outputs in words."""
        order = "(x, y)" if self.coordinate_order == "xy" else "(row, column)"
        (low, high), (black, white) = self.coordinate_range, self.output_range
        return f"coordinates {order} from {low:g} to {high:g}, black at {black:g} and white at {white:g}"


CONVENTIONS: dict[str, Convention] = {
    "dws": Convention(),  # Navon et al. 2023, whose corpora this project follows
    "sitzmann": Convention(coordinate_order="yx", output_range=(-1.0, 1.0)),
    "coin": Convention(coordinate_order="yx", output_range=(0.0, 1.0)),
    "siren-pytorch": Convention(coordinate_order="yx", output_range=(0.0, 1.0), omega_0=1.0),
}
_NAMES_OF_LIBRARIES = (
    ("coin", r"net\.\d+\.linear", r"last_layer\.linear", "COIN"),
    ("siren-pytorch", r"(net\.)?layers\.\d+", r"(net\.)?last_layer", "siren-pytorch"),
    ("sitzmann", r"net\.\d+\.linear", r"net\.\d+", "Sitzmann et al.'s notebook"),
    ("sitzmann", r"net\.net\.\d+\.0", r"net\.net\.\d+\.0", "Sitzmann et al.'s code"),
    ("sitzmann", r"net\.\d+\.linear", r"net\.\d+\.linear", "Sitzmann et al.'s notebook"),
)


def suggest_convention(prefixes: Iterable[str]) -> tuple[str, str]:
    """The key of the convention that the names of the layers suggest, and why.

    Example:
        >>> suggest_convention(["net.0.linear", "last_layer.linear"])
        ('coin', 'the layers are named as in COIN')
    """
    *hidden, last = (re.sub(r"^(module|_orig_mod)\.", "", prefix) for prefix in prefixes)
    for key, inner, outer, library in _NAMES_OF_LIBRARIES:
        if hidden and all(re.fullmatch(inner, name) for name in hidden) and re.fullmatch(outer, last):
            return key, f"the layers are named as in {library}"
    return "dws", "this project's own; the names are those of no other library"


def is_image(architecture: Architecture) -> bool:
    """Whether a network maps two coordinates to a grey value or a colour."""
    return architecture.input_shape == (2,) and architecture.output_shape in [(n,) for n in INR_OUTPUTS]


def guess_output_range(network: Network, usual: Range = OWN_OUTPUTS) -> tuple[Range, str]:
    """The outputs that probably mean black and white, and why, from what an INR puts out all over its picture.

    Outputs from about 0 to about 1 mean just that, as hardly a picture lacks dark places. Else the usual range is
    believed as long as the outputs fit into it. The ends are 2 % quantiles.

    Args:
        network: A stack of one whose outputs have not been converted.
        usual: The range of the convention that it is thought to follow.
    """
    line = torch.linspace(-1, 1, GUESSING_SIDE)
    places = torch.cartesian_prod(line, line).to(network.device, network.dtype)
    with torch.inference_mode():
        outputs = network(places)[0].flatten().double()
    low, high = (float(end) for end in outputs.quantile(outputs.new_tensor([0.02, 0.98])))
    why = f"its outputs lie between {low:.2f} and {high:.2f}"
    if low > -0.2 and 0.6 < high < 1.3:
        return (0.0, 1.0), why
    fitting = [own for own in (usual, OWN_OUTPUTS, (-1.0, 1.0)) if _fits(low, high, own)]
    return (fitting or [usual])[0], why


def _fits(low: float, high: float, outputs: Range) -> bool:
    """Whether outputs lie within a range, or a quarter of its width beyond."""
    room = abs(outputs[1] - outputs[0]) / 4
    return min(outputs) - room <= low and high <= max(outputs) + room


def convert(network: Network, convention: Convention) -> Network:
    """The same image in the project's convention; exact but for the rounding of float32.

    Args:
        network: A stack of implicit representations that follow `convention`.
        convention: What their inputs and outputs mean.

    Raises:
        UnsupportedNetworkError: If the first or the last layer is not linear, so that it cannot absorb the change.
    """
    if convention.is_own:
        return network
    if network.architecture.chain is None:
        raise UnsupportedNetworkError("Only chains of layers have coordinates and outputs that can be converted.")
    layers = list(network.architecture.layers)
    last = len(layers) - 1
    if not {type(layers[0]), type(layers[last])} == {Linear}:
        raise UnsupportedNetworkError(
            "Coordinates and outputs of another convention are converted in the first and the last layer, "
            "which must be linear."
        )
    parameters = {name: tensor.double() for name, tensor in network.parameters.items()}
    _convert_inputs(parameters, convention)
    _convert_outputs(parameters, last, convention)
    for i in {0, last}:
        outputs, inputs = parameters[f"{i}.weight"].shape[1:]
        layers[i] = Linear(inputs, outputs, bias=f"{i}.bias" in parameters)
    architecture = chain(network.architecture.input_shape, layers, network.architecture.skips)
    return Network(architecture, {name: parameters[name].float() for name in architecture.parameter_shapes})


def _convert_inputs(parameters: dict[str, Tensor], convention: Convention) -> None:
    """W (s u + c) + b = (s W) u + (b + c W 1): scale the weights, shift the bias."""
    low, high = convention.coordinate_range
    weight = parameters["0.weight"]  # networks, outputs, 2
    if convention.coordinate_order == "yx":
        weight = weight.flip(-1)
    parameters["0.weight"] = weight * (high - low) / 2
    if high + low:
        bias = parameters.get("0.bias", torch.zeros_like(weight[..., 0]))
        parameters["0.bias"] = bias + weight.sum(-1) * (high + low) / 2


def _convert_outputs(parameters: dict[str, Tensor], last: int, convention: Convention) -> None:
    """An output between black and white becomes one between −0.5 and 0.5."""
    black, white = convention.output_range
    weight = parameters[f"{last}.weight"]
    bias = parameters.get(f"{last}.bias", torch.zeros_like(weight[..., 0]))
    parameters[f"{last}.weight"] = weight / (white - black)
    if f"{last}.bias" in parameters or black + white:
        parameters[f"{last}.bias"] = (bias - black) / (white - black) - 0.5
