"""The second network of a comparison or a blend, which the address of the page names."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from app import cached
from app.address import Parameter
from app.errors import plain
from app.state import Selection

if TYPE_CHECKING:
    from ngcore.networks import Network

MAX_SEED = 9_999
COPY_PREFIX = "copy:"


@dataclass(frozen=True)
class Partner:
    """The second network of a comparison.

    Attributes:
        selection: Which network it is; None for a shuffled copy of the selected one.
        seed: Draws the order of the copy's neurons.
    """

    selection: Selection | None = None
    seed: int = 1

    @property
    def text(self) -> str:
        """The partner in an address; inverse of `parse`."""
        return self.selection.key if self.selection else f"{COPY_PREFIX}{self.seed}"

    @classmethod
    def parse(cls, text: str) -> "Partner | None":
        """The partner that a text means; None if it means none, or one that is not there."""
        if text.startswith(COPY_PREFIX):
            seed = text.removeprefix(COPY_PREFIX)
            is_seed = seed.isascii() and seed.isdecimal() and len(seed) < 10 and 0 < int(seed) <= MAX_SEED
            return cls(None, int(seed)) if is_seed else None
        selection = Selection.parse(text)
        return cls(selection) if selection is not None and cached.exists(selection) else None


PARTNER: Parameter[Partner] = Parameter("with", Partner.parse, lambda partner: partner.text)


def network_of(partner: Partner, selection: Selection) -> "Network":
    """The second network, a stack of one."""
    if partner.selection is not None:
        return cached.network(partner.selection)
    return shuffled_copy(cached.content_key(selection), partner.seed, cached.network(selection))


@st.cache_resource(max_entries=32, show_spinner=False)
def shuffled_copy(key: str, seed: int, _network: "Network") -> "Network":
    """The same function with other neurons in each place, and other signs where these are free."""
    import torch

    from ngcore.networks import draw_permutation, flip_signs, permute_hidden

    generator = torch.Generator().manual_seed(seed)
    return flip_signs(permute_hidden(_network, draw_permutation(_network, generator)), generator)


def key_of(partner: Partner, selection: Selection) -> str:
    """Text that changes whenever the second network does; a key for caches."""
    if partner.selection is not None:
        return cached.content_key(partner.selection)
    return f"{cached.content_key(selection)}#{partner.seed}"


def title_of(partner: Partner) -> str:
    """What to call the second network, as Markdown."""
    return plain(cached.title(partner.selection)) if partner.selection else "its shuffled copy"
