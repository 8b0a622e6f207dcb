"""How differently two networks compute, whatever their architectures: as pictures, on images, on random inputs."""

import dataclasses
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ngcore.errors import ShapeMismatchError
from ngcore.inr import is_inr, render
from ngcore.networks import Network
from ngcore.networks.cost import inputs_that_fit
from ngcore.tasks.measuring import MAX_MULTIPLY_ADDS, MAX_VALUE_BYTES, RUNS_AT_ONCE
from ngcore.zoo.image_inputs import SampleImages

SIDE = 28
NUM_RANDOM = 64
_TINY = 1e-12


@dataclasses.dataclass(frozen=True)
class AnswersOnImages:
    """The classes that two classifiers give to the same images.

    Attributes:
        image_set: Which images, a key of `ngcore.zoo.CLASS_NAMES`.
        labels: (images,) their classes.
        first: (images,) what the first network answers.
        second: (images,) what the second answers.
    """

    image_set: str
    labels: Int[Tensor, " images"]
    first: Int[Tensor, " images"]
    second: Int[Tensor, " images"]

    @property
    def accuracies(self) -> tuple[float, float]:
        """Shares of images that the first and the second classify correctly."""
        first, second = ((own == self.labels).double().mean() for own in (self.first, self.second))
        return float(first), float(second)

    @property
    def differs(self) -> Bool[Tensor, " images"]:
        """Which images the two classify differently."""
        return self.first != self.second

    @property
    def agreement(self) -> float:
        """Share of images to which both give the same class, be it right or wrong."""
        return float((~self.differs).double().mean())


def compare_on_images(first: Network, second: Network, images: SampleImages) -> AnswersOnImages:
    """What two classifiers answer to images that ship; to fewer of them where a network is large.

    Raises:
        DataError: If the images do not fit one of them.
        ShapeMismatchError: If these are not single networks.
    """
    _expect_single(first, second)
    pair = (first, second)
    count = min(inputs_that_fit(one.architecture, len(images), max_multiply_adds=MAX_MULTIPLY_ADDS) for one in pair)
    answers = [_classes(one, images.inputs(one.architecture)[:count]) for one in pair]
    return AnswersOnImages(images.name, images.labels[:count], *answers)


def picture_distance(first: Network, second: Network, *, side: int = SIDE) -> float:
    """Mean squared distance between the pictures that two INRs show, at `side` × `side` pixels.

    Raises:
        ShapeMismatchError: If these are not single INRs, of as many colours.
    """
    _expect_single(first, second)
    shapes = [one.architecture.output_shape for one in (first, second)]
    if not (is_inr(first.architecture) and is_inr(second.architecture)) or shapes[0] != shapes[1]:
        raise ShapeMismatchError(
            f"Expected two INRs of as many colours, got {first.architecture.name} and {second.architecture.name}."
        )
    with torch.inference_mode():
        start, end = (render(one, (side, side)).double() for one in (first, second))
    return float((end - start).square().mean())


def output_difference(first: Network, second: Network, inputs: Sequence[Tensor]) -> float:
    """How far apart the outputs of two networks are: the norm of the difference as a share of the first's norm.

    Args:
        first: One network.
        second: Another one with the same inputs and outputs.
        inputs: For each input (batch, *given shape), see `Network.__call__`.

    Raises:
        ShapeMismatchError: If they have other inputs or outputs, or are not single networks.
    """
    _expect_single(first, second)
    if not computes_alike(first, second):
        raise ShapeMismatchError(
            f"Expected networks with the same inputs and outputs, got {first.architecture.name} and "
            f"{second.architecture.name}."
        )
    with torch.inference_mode():
        start, end = (_outputs(one, inputs) for one in (first, second))
    return float((end - start).norm() / start.norm().clamp_min(_TINY))


def computes_alike(first: Network, second: Network) -> bool:
    """Whether two networks have the same inputs and outputs."""
    kinds = [
        (one.input_shapes, one.token_values, [one.shapes[value] for value in one.outputs])
        for one in (first.architecture, second.architecture)
    ]
    return kinds[0] == kinds[1]


def _outputs(network: Network, inputs: Sequence[Tensor]) -> Float[Tensor, " numbers"]:
    given = [
        one.to(network.device) if one.dtype == torch.int64 else one.to(network.device, network.dtype) for one in inputs
    ]
    found = network(*given)
    return torch.cat([own.double().flatten() for own in (found if isinstance(found, tuple) else (found,))])


def _classes(network: Network, inputs: Float[Tensor, " batch *shape"]) -> Int[Tensor, " batch"]:
    """The class of each image; −1 where an answer is not finite."""
    fitting = inputs_that_fit(network.architecture, len(inputs), max_bytes=MAX_VALUE_BYTES, max_multiply_adds=None)
    size = max(1, min(RUNS_AT_ONCE, fitting))
    with torch.inference_mode():
        answers = torch.cat([network(part.to(network.device, network.dtype))[0] for part in inputs.split(size)])
    return torch.where(answers.isfinite().all(dim=-1), answers.argmax(dim=-1), -1).cpu()


def _expect_single(*networks: Network) -> None:
    if any(len(one) != 1 for one in networks):
        raise ShapeMismatchError(f"Expected single networks, got stacks of {[len(one) for one in networks]}.")
