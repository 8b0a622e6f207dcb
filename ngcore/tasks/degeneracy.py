"""Networks that compute nothing: all weights 0, a layer that puts out one thing, a picture of one colour."""

import dataclasses

import torch
from torch import Tensor

from ngcore.errors import BlankNetworkError, ShapeMismatchError
from ngcore.inr import image_coordinates, is_inr
from ngcore.networks import Architecture, Network, inputs_that_fit
from ngcore.networks.architecture import has_weights
from ngcore.networks.random_inputs import draw_inputs

SIDE = 28  # pixels at which an INR is looked at
NUM_INPUTS, NUM_IMAGES = 16, 4  # random inputs of other networks; fewer where they are images, which cost more
MAX_MULTIPLY_ADDS = 5_000_000_000  # about a second; two inputs there must be to tell answers apart
ROUNDING = 1e-6  # spread, as a share of the largest value, up to which values are the same
ONE_STEP = 1 / 255  # differences of brightness below it are in no picture


@dataclasses.dataclass(frozen=True)
class Degeneracy:
    """What is wrong with what a network computes.

    Attributes:
        sentences: In plain words, the gravest first; empty where nothing is.
        is_blank: Whether there is nothing to ask a model about: no finite output, no weights, or no picture.
    """

    sentences: tuple[str, ...] = ()
    is_blank: bool = False


def find_degeneracy(network: Network) -> Degeneracy:
    """Look at every layer of one network, for an INR at its pixels, else at a few random inputs.

    Args:
        network: A stack of one.

    Raises:
        ShapeMismatchError: If the stack does not hold exactly one network.
    """
    if len(network) != 1:
        raise ShapeMismatchError(f"Expected one network to look at, got a stack of {len(network)}.")
    if network.largest == 0:
        return Degeneracy(("All weights are 0.",), is_blank=True)
    with torch.inference_mode():
        values = network.values(*_inputs(network))
    layers = _layers(network, values)
    for name, value in layers.items():
        if not bool(value.isfinite().all()):
            sentence = f"{name} puts out infinity or NaN; weights reach {network.largest:.2g}."
            return Degeneracy((sentence,), is_blank=True)
    flat = next((name for name, value in layers.items() if _is_same(value)), None)
    sentences = [f"{flat} puts out the same whatever comes in."] if flat else []
    is_one_colour = is_inr(network.architecture) and float(_spread(values[-1]).max()) < ONE_STEP
    if is_one_colour:
        sentences.insert(0, "The picture is one colour.")
    return Degeneracy(tuple(sentences), is_blank=is_one_colour)


def expect_not_blank(network: Network) -> None:
    """Refuse to ask a model about a network that computes nothing: the answer would sound sure and mean nothing.

    Raises:
        BlankNetworkError: If there is nothing to ask about.
    """
    found = find_degeneracy(network)
    if found.is_blank:
        raise BlankNetworkError(f"There is nothing to read in this network. {' '.join(found.sentences)}")


def _inputs(network: Network) -> list[Tensor]:
    """Inputs to look at the network with, each (inputs, *input_shape)."""
    architecture = network.architecture
    if is_inr(architecture):
        inputs = [image_coordinates(SIDE, SIDE)]
    else:
        wished = NUM_IMAGES if architecture.is_convolutional else NUM_INPUTS
        count = inputs_that_fit(architecture, wished, max_multiply_adds=MAX_MULTIPLY_ADDS)
        inputs = draw_inputs(architecture, max(2, count), torch.Generator().manual_seed(0))
    return [x.to(network.device, network.dtype if x.is_floating_point() else None) for x in inputs]


def _layers(network: Network, values: list[Tensor]) -> dict[str, Tensor]:
    """What each layer with weights puts out, norm and activation included, by what to call it."""
    architecture = network.architecture
    steps = enumerate(architecture.steps, start=architecture.num_inputs)
    made = [(value, step.name) for value, step in steps if has_weights(step.layer)]
    found = {
        f"Layer {number if architecture.chain else name}": values[_settled(architecture, value)]
        for number, (value, name) in enumerate(made[:-1], start=1)
    }
    return found | {"The last layer": values[architecture.outputs[0]]}


def _settled(architecture: Architecture, value: int) -> int:
    """The value that holds what becomes of a layer's neurons before any other layer of weights reads them."""
    while True:
        readers = [
            (made, step.layer.flow)
            for made, step in enumerate(architecture.steps, start=architecture.num_inputs)
            if value in step.reads
        ]
        if len(readers) != 1 or readers[0][1] not in ("keep", "norm", "add", "spread"):
            return value
        value = readers[0][0]


def _spread(value: Tensor) -> Tensor:
    """Largest less smallest over the inputs, (networks, *shape)."""
    return value.amax(dim=1) - value.amin(dim=1)  # networks, inputs, *shape → networks, *shape


def _is_same(value: Tensor) -> bool:
    return float(_spread(value.double()).max()) <= ROUNDING * float(value.abs().max())
