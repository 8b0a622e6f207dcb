"""What the viewer is sent of a selected network, packed once and cached for all sessions."""

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

import ngcore.graph
import ngcore.networks
from app import cached
from app.byte_cache import remembered
from app.graph_view import MAX_EDGES
from app.state import Selection
from app.viewer.edges import FIRST_BUDGET, FULL_BUDGET, pack_edges, wanted_blocks
from app.viewer.pictures import pack_activations, pack_inr_pictures
from app.viewer.scene import pack_scene
from ngcore.zoo.images import CLASS_NAMES

if TYPE_CHECKING:
    from app.viewer.events import Wish
    from ngcore.networks import Architecture, Network

MAX_BYTES = 256 * 1024 * 1024
MAX_ACTIVATION_BYTES = 64 * 1024 * 1024


def scene(selection: Selection) -> bytes:
    """The scene of the selected network, its outputs named after the classes of its zoo."""
    return _scene(cached.content_key(selection), class_names(selection), cached.network(selection))


def class_names(selection: Selection) -> tuple[str, ...]:
    """Names of the outputs of a network of a zoo: those on its card, or of the images that it was trained on."""
    if selection.is_upload:
        return ()
    card = cached.zoo(selection.zoo).card
    of_images = CLASS_NAMES.get(card.get("recipe", {}).get("images"), ())
    return tuple(map(str, card.get("class_names") or of_images))


@remembered(max_bytes=MAX_BYTES)
def _scene(key: str, class_names: tuple[str, ...], _network: "Network") -> bytes:
    return pack_scene(_network, class_names)


def edges(selection: Selection, wish: "Wish") -> bytes:
    """The edges that the viewer wants of the selected network."""
    network = cached.network(selection)
    numbers = tuple(wanted_blocks(network.architecture, wish.open_units))
    budget = FULL_BUDGET if wish.is_full else FIRST_BUDGET
    return _edges(cached.content_key(selection), numbers, budget, network)


@remembered(max_bytes=MAX_BYTES)
def _edges(key: str, numbers: tuple[int, ...], budget: int, _network: "Network") -> bytes:
    return pack_edges(_network, numbers, budget)


def activations(selection: Selection, inputs: Sequence[np.ndarray]) -> bytes:
    """What the neurons of the selected network compute for an input, with pictures where they have maps."""
    digest = hashlib.sha256(b"".join(np.ascontiguousarray(x).tobytes() for x in inputs)).hexdigest()
    return _activations(cached.content_key(selection), digest, cached.network(selection), inputs)


@remembered(max_bytes=MAX_ACTIVATION_BYTES)
def _activations(key: str, digest: str, _network: "Network", _inputs: Sequence[np.ndarray]) -> bytes:
    ngcore.networks.check_cost(_network.architecture)
    if cached.is_inr(_network.architecture):
        return pack_inr_pictures(_network, _inputs[0])
    return pack_activations(_network, _inputs)


def has_whole_view(architecture: "Architecture") -> bool:
    """Whether all edges of a network fit into one table of them."""
    return ngcore.graph.graph_structure(architecture).num_edges <= MAX_EDGES
