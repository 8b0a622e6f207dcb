"""Accuracy that is measured, not predicted: networks run on the test images that ship, cached."""

import streamlit as st

from app import cached
from app.state import Selection
from ngcore.errors import NeuralGraphError
from ngcore.networks import Architecture, Network
from ngcore.tasks import Measured, measurable_on, measure_on_images
from ngcore.zoo import SampleImages, sample_images

MAX_MEASURED = 2_048


def image_sets(architecture: Architecture, selection: Selection | None = None) -> list[str]:
    """The image sets on which networks of an architecture can be measured; that of the selection's zoo alone if known.

    Empty where no images that ship fit, or a network is too large to be measured within a second.
    """
    names = measurable_on(architecture)
    if selection is not None and not selection.is_upload:
        own = cached.zoo(selection.zoo).card.get("recipe", {}).get("images")
        names = [own] if own in names else names
    return [name for name in names if _images(name) is not None]


def measure(key: str, network: Network, image_set: str) -> Measured:
    """The accuracy of a network on images that ship; `key` identifies the network."""
    return _measure(key, image_set, str(cached.device()), network)


@st.cache_data(max_entries=MAX_MEASURED, show_spinner=False)
def _measure(key: str, image_set: str, device: str, _network: Network) -> Measured:
    images = _images(image_set)
    assert images is not None
    return measure_on_images(_network.to(device), images)


@st.cache_resource(max_entries=4, show_spinner=False)
def _images(name: str) -> SampleImages | None:
    """The images of a set; None where this installation lacks them."""
    try:
        return sample_images(name)
    except NeuralGraphError:
        return None
