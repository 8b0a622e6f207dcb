"""Accuracy that is measured, not predicted: classifiers run on labelled images, those that ship among them."""

import dataclasses

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ngcore.errors import ShapeMismatchError
from ngcore.networks import Architecture, Network
from ngcore.networks.cost import inputs_that_fit
from ngcore.zoo.image_inputs import SampleImages, fitting_image_sets

MAX_MULTIPLY_ADDS = 5_000_000_000
"""Work of one measurement on images that ship: about a second."""

FEWEST_IMAGES = 100
RUNS_AT_ONCE = 512  # images times networks; the values of more no longer fit the caches of a core
MAX_VALUE_BYTES = 256 * 1024 * 1024


@dataclasses.dataclass(frozen=True)
class Measured:
    """The share of images that a network classifies correctly.

    Attributes:
        accuracy: In [0, 1].
        num_images: How many it was run on.
        image_set: Which, a key of `ngcore.zoo.CLASS_NAMES`.
    """

    accuracy: float
    num_images: int
    image_set: str


def measurable_on(architecture: Architecture) -> list[str]:
    """The image sets of which images ship that networks could classify; none if they are too large for a second."""
    if inputs_that_fit(architecture, FEWEST_IMAGES, max_multiply_adds=MAX_MULTIPLY_ADDS) < FEWEST_IMAGES:
        return []
    return fitting_image_sets(architecture)


def measure_on_images(network: Network, images: SampleImages) -> Measured:
    """The accuracy of one network on images that ship; of large networks on fewer, at least `FEWEST_IMAGES`.

    Raises:
        DataError: If the images do not fit.
    """
    inputs = images.inputs(network.architecture)
    count = inputs_that_fit(network.architecture, len(images), max_multiply_adds=MAX_MULTIPLY_ADDS)
    accuracy = measure_accuracy(network, inputs[:count], images.labels[:count])
    return Measured(float(accuracy[0]), len(inputs[:count]), images.name)


def measure_accuracy(
    network: Network, images: Float[Tensor, " images *shape"], labels: Int[Tensor, " labels"]
) -> Float[Tensor, " networks"]:
    """The share of images that each network classifies correctly; an answer that is not finite is wrong.

    Args:
        network: N classifiers with one output (classes,).
        images: Inputs as the architecture takes them.
        labels: Their classes.

    Raises:
        ShapeMismatchError: If there are no images, or not a label for each.
    """
    if not len(images) or len(images) != len(labels):
        raise ShapeMismatchError(f"Expected images and a label for each, got {len(images)} and {len(labels)}.")
    fitting = inputs_that_fit(
        network.architecture, len(images) * len(network), max_bytes=MAX_VALUE_BYTES, max_multiply_adds=None
    )
    size = max(1, min(RUNS_AT_ONCE, fitting) // len(network))
    right = torch.zeros(len(network), dtype=torch.double)
    with torch.inference_mode():
        for inputs, classes in zip(images.split(size), labels.split(size), strict=True):
            answers = network(inputs.to(network.device, network.dtype))
            is_right = answers.argmax(dim=-1) == classes.to(network.device)
            right += (is_right & answers.isfinite().all(dim=-1)).sum(dim=1).cpu()
    return right / len(images)
