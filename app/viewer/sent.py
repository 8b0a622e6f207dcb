"""What the viewer is sent of a network, packed once and cached for all sessions."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

import ngcore.graph
import ngcore.networks
from app import cached
from app.byte_cache import remembered
from app.graph_view import MAX_EDGES
from app.state import Selection
from app.viewer.edges import FIRST_BUDGET, FULL_BUDGET, pack_edges, wanted_blocks
from app.viewer.kernels import pack_kernels
from app.viewer.pictures import pack_activations, pack_inr_pictures
from app.viewer.scene import pack_scene
from ngcore.zoo.images import CLASS_NAMES

if TYPE_CHECKING:
    import torch

    from app.viewer.looks import Look
    from ngcore.networks import Architecture, Network

MAX_BYTES = 256 * 1024 * 1024
MAX_ACTIVATION_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class Drawn:
    """A network as it is drawn.

    Attributes:
        key: Text that changes whenever what is drawn does; a key for caches.
        network: A stack whose first network is drawn; the difference of two where that is.
        class_names: Of its outputs, in order.
        kind: What its edges are where they are no weights, such as "change".
        sizes: For every edge block of its graph what the edges are drawn as; None for their weights.
    """

    key: str
    network: "Network"
    class_names: tuple[str, ...] = ()
    kind: str = ""
    sizes: "tuple[torch.Tensor, ...] | None" = None

    @property
    def architecture(self) -> "Architecture":
        """Of the network."""
        return self.network.architecture

    @property
    def name(self) -> str:
        """Text that changes whenever the drawing does, to a browser."""
        return f"{self.key}#{self.kind}" if self.kind else self.key

    @property
    def shape(self) -> str:
        """Text that drawings share which are looked at alike: in the same places, in the same units."""
        return f"{self.architecture.id}#{self.kind}" if self.kind else self.architecture.id


def of_selection(selection: Selection) -> Drawn:
    """The selected network, its outputs named after the classes of its zoo."""
    return Drawn(cached.content_key(selection), cached.network(selection), class_names(selection))


def class_names(selection: Selection) -> tuple[str, ...]:
    """Names of the outputs of a network of a zoo: those on its card, or of the images that it was trained on."""
    if selection.is_upload:
        return ()
    card = cached.zoo(selection.zoo).card
    of_images = CLASS_NAMES.get(card.get("recipe", {}).get("images"), ())
    return tuple(map(str, card.get("class_names") or of_images))


def scene(drawn: Drawn) -> bytes:
    """The scene, see `app.viewer.scene`."""
    return _scene(drawn.key, drawn.kind, drawn.class_names, drawn)


@remembered(max_bytes=MAX_BYTES)
def _scene(key: str, kind: str, class_names: tuple[str, ...], _drawn: Drawn) -> bytes:
    return pack_scene(_drawn.network, class_names, _drawn.sizes)


def edges(drawn: Drawn, look: "Look") -> bytes:
    """The edges that are wanted for a look."""
    numbers = tuple(wanted_blocks(drawn.architecture, look.open_units or frozenset()))
    budget = FULL_BUDGET if look.is_full else FIRST_BUDGET
    return _edges(drawn.key, drawn.kind, numbers, budget, drawn)


@remembered(max_bytes=MAX_BYTES)
def _edges(key: str, kind: str, numbers: tuple[int, ...], budget: int, _drawn: Drawn) -> bytes:
    return pack_edges(_drawn.network, numbers, budget, _drawn.sizes)


def kernels(drawn: Drawn, node: int | None) -> bytes | None:
    """The kernels into a neuron; None where there are none, or no neuron."""
    return None if node is None or drawn.sizes is not None else pack_kernels(drawn.network, node)


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
