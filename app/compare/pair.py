"""The two networks that are compared, and what is computed of both, cached."""

from collections.abc import Hashable
from dataclasses import dataclass

import streamlit as st
import torch

from app import cached, measured
from app.errors import plain
from app.partner import Partner, key_of, network_of, title_of
from app.sample_inputs import random_inputs
from app.state import Selection
from ngcore.networks import Aligned, Network, aligned_with
from ngcore.tasks import AnswersOnImages, compare_on_images, computes_alike, output_difference, picture_distance
from ngcore.zoo import sample_images

MAX_PAIRS = 64
MAX_ALIGNED = 4_000_000  # parameters; above that assigning neurons takes minutes


@dataclass(frozen=True)
class Pair:
    """Two networks.

    Attributes:
        selection: The first one, which all pages look at.
        partner: The second one.
        first: A stack of one.
        second: A stack of one, as it is given.
    """

    selection: Selection
    partner: Partner
    first: Network
    second: Network

    @property
    def keys(self) -> tuple[str, str]:
        """Texts that change whenever the networks do; for caches."""
        return cached.content_key(self.selection), key_of(self.partner, self.selection)

    @property
    def titles(self) -> tuple[str, str]:
        """What to call the two, as Markdown."""
        return plain(cached.title(self.selection)), title_of(self.partner)

    @property
    def is_one_architecture(self) -> bool:
        """Whether the weights of one have their places in the other."""
        return self.first.architecture == self.second.architecture

    @property
    def can_align(self) -> bool:
        """Whether hidden neurons can be aligned in reasonable time."""
        return self.is_one_architecture and self.first.architecture.num_parameters <= MAX_ALIGNED


def pair_of(selection: Selection, partner: Partner) -> Pair:
    """The selected network and its partner.

    Raises:
        ZooError: If one of them is not there any more.
    """
    return Pair(selection, partner, cached.network(selection), network_of(partner, selection))


def aligned(pair: Pair) -> Aligned:
    """The second network with its neurons aligned with those of the first."""
    return _aligned(pair.keys, pair)


@st.cache_resource(max_entries=MAX_PAIRS, show_spinner="Aligning the neurons …")
def _aligned(keys: Hashable, _pair: Pair) -> Aligned:
    return aligned_with(_pair.second.to("cpu"), _pair.first.to("cpu"))


def on_images(pair: Pair) -> AnswersOnImages | None:
    """The answers of both to images that ship; None where none fit both."""
    own = measured.image_sets(pair.first.architecture, pair.selection)
    others = measured.image_sets(pair.second.architecture, pair.partner.selection)
    shared = [name for name in own if name in others]
    return _on_images(pair.keys, shared[0], str(cached.device()), pair) if shared else None


@st.cache_data(max_entries=MAX_PAIRS, show_spinner=False)
def _on_images(keys: Hashable, image_set: str, device: str, _pair: Pair) -> AnswersOnImages:
    first, second = (network.to(device) for network in (_pair.first, _pair.second))
    return compare_on_images(first, second, sample_images(image_set))


def apart_as_pictures(pair: Pair) -> float | None:
    """Mean squared distance of the two pictures; None where one of them is no INR, or has other colours."""
    architectures = (pair.first.architecture, pair.second.architecture)
    if not all(map(cached.is_inr, architectures)) or architectures[0].output_shape != architectures[1].output_shape:
        return None
    return _apart_as_pictures(pair.keys, pair)


@st.cache_data(max_entries=MAX_PAIRS, show_spinner=False)
def _apart_as_pictures(keys: Hashable, _pair: Pair) -> float:
    return picture_distance(_pair.first, _pair.second)


def apart_on_random_inputs(pair: Pair) -> tuple[float, int] | None:
    """Relative difference of the outputs on random inputs, and on how many; None for other inputs or outputs."""
    return _apart_on_random_inputs(pair.keys, pair) if computes_alike(pair.first, pair.second) else None


@st.cache_data(max_entries=MAX_PAIRS, show_spinner=False)
def _apart_on_random_inputs(keys: Hashable, _pair: Pair) -> tuple[float, int]:
    inputs = [torch.from_numpy(values) for values in random_inputs(_pair.first.architecture)]
    return output_difference(_pair.first, _pair.second, inputs), len(inputs[0])
