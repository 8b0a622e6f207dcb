"""Accuracy that is measured, not predicted: networks run on the test images that ship, cached."""

import dataclasses

import streamlit as st
from torch import Tensor

from app import cached
from app.state import Selection
from ngcore.errors import NeuralGraphError
from ngcore.networks import Architecture, Network
from ngcore.networks.cost import inputs_that_fit
from ngcore.tasks import measure_accuracy
from ngcore.zoo import SampleImages, fitting_image_sets, sample_images

MAX_MULTIPLY_ADDS = 5_000_000_000  # of one measurement, about a second
FEWEST_IMAGES = 100
MAX_MEASURED = 2_048
MAX_INPUTS = 8


@dataclasses.dataclass(frozen=True)
class Measured:
    """The share of images that a network classifies correctly.

    Attributes:
        accuracy: In [0, 1].
        num_images: How many it was run on.
    """

    accuracy: float
    num_images: int


def image_sets(architecture: Architecture, selection: Selection | None = None) -> list[str]:
    """The image sets on which networks of an architecture can be measured; that of the selection's zoo alone if known.

    Empty where no images that ship fit, or a network is too large to be measured within a second.
    """
    if inputs_that_fit(architecture, FEWEST_IMAGES, max_multiply_adds=MAX_MULTIPLY_ADDS) < FEWEST_IMAGES:
        return []
    names = fitting_image_sets(architecture)
    if selection is not None and not selection.is_upload:
        own = cached.zoo(selection.zoo).card.get("recipe", {}).get("images")
        names = [own] if own in names else names
    return [name for name in names if _images(name) is not None]


def measure(key: str, network: Network, image_set: str) -> Measured:
    """The accuracy of a network on images that ship; `key` identifies the network."""
    return _measure(key, image_set, str(cached.device()), network)


@st.cache_data(max_entries=MAX_MEASURED, show_spinner=False)
def _measure(key: str, image_set: str, device: str, _network: Network) -> Measured:
    architecture = _network.architecture
    inputs, labels = _inputs(image_set, architecture.id, architecture)
    count = inputs_that_fit(architecture, len(labels), max_multiply_adds=MAX_MULTIPLY_ADDS)
    accuracy = measure_accuracy(_network.to(device), inputs[:count], labels[:count])
    return Measured(float(accuracy[0]), len(labels[:count]))


@st.cache_resource(max_entries=MAX_INPUTS, show_spinner=False)
def _inputs(image_set: str, architecture: str, _architecture: Architecture) -> tuple[Tensor, Tensor]:
    images = _images(image_set)
    assert images is not None
    return images.inputs(_architecture), images.labels


@st.cache_resource(max_entries=4, show_spinner=False)
def _images(name: str) -> SampleImages | None:
    """The images of a set; None where this installation lacks them."""
    try:
        return sample_images(name)
    except NeuralGraphError:
        return None
