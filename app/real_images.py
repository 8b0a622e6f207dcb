"""Real images for networks that could classify them: one of each class, from the test images that ship."""

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from app import cached
from ngcore.errors import NeuralGraphError
from ngcore.zoo import SampleImages, fitting_image_sets, sample_images

if TYPE_CHECKING:
    from app.state import Selection
    from ngcore.networks import Architecture


def real_images(architecture: "Architecture", selection: "Selection | None" = None) -> dict[str, np.ndarray]:
    """Inputs by what they show, such as "cifar10: frog"; empty where no images that ship fit.

    Args:
        architecture: Of the networks that read them.
        selection: A network whose zoo was trained on images of one set, which are the only ones then.
    """
    names = fitting_image_sets(architecture)
    if selection is not None and not selection.is_upload:
        own = cached.zoo(selection.zoo).card.get("recipe", {}).get("images")
        names = [own] if own in names else names
    return {label: image for name in names for label, image in _one_of_each_class(name, architecture).items()}


def _one_of_each_class(name: str, architecture: "Architecture") -> dict[str, np.ndarray]:
    images = _images(name)
    if images is None:
        return {}
    from ngcore.zoo.images import CLASS_NAMES

    inputs, labels = images.inputs(architecture), images.labels.tolist()
    firsts = {label: labels.index(label) for label in sorted(set(labels))}
    return {f"{name}: {CLASS_NAMES[name][label]}": inputs[place].numpy() for label, place in firsts.items()}


@st.cache_resource(max_entries=4, show_spinner=False)
def _images(name: str) -> SampleImages | None:
    """The images of a set; None where this installation lacks them."""
    try:
        return sample_images(name)
    except NeuralGraphError:
        return None
