"""What the pages read and compute more than once, cached; what is slow to import is imported at first use."""

from typing import TYPE_CHECKING, Any

import streamlit as st

import ngcore.inr
import ngcore.networks
import ngcore.tasks
import ngcore.training
import ngcore.zoo
from app import graph_view as graph_views
from app import state
from app.byte_cache import remembered
from app.state import Selection
from ngcore.errors import CheckpointError, NeuralGraphError, ZooError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy as np
    import torch

    from ngcore.networks import Architecture, Network
    from ngcore.zoo import Zoo

MAX_ZOOS = 32
MAX_CARDS = 1_024
MAX_NETWORKS = 64
MAX_VIEW_BYTES = 512 * 1024 * 1024  # several of the largest that are drawn
MAX_PART_BYTES = 128 * 1024 * 1024
MAX_RENDERS, MAX_RENDER_SIZE = 256, "128MB"


def zoos() -> "dict[str, Zoo]":
    """The zoos by name, the known ones first, without damaged ones; searched again each time, as a build may finish."""
    return _zoos_and_problems()[0]


def damaged_zoos() -> dict[str, str]:
    """Why zoos cannot be read, and what to do, by their names."""
    return _zoos_and_problems()[1]


def _zoos_and_problems() -> "tuple[dict[str, Zoo], dict[str, str]]":
    listing = ngcore.zoo.survey_zoos()
    names = dict.fromkeys([*(name for name in ngcore.zoo.INR_ZOOS if name in listing.zoos), *listing.zoos])
    opened, problems = {}, dict(listing.damaged)
    for name in names:
        try:
            opened[name] = _open(listing.zoos[name])
        except ZooError as error:
            problems[name] = str(error)
    return opened, problems


def zoo(name: str) -> "Zoo":
    """A zoo by its name; read again after it was rebuilt.

    Raises:
        UnknownNameError: If there is none of this name.
        ZooError: If it is damaged.
    """
    return _open(ngcore.zoo.find_zoo(name))


def _open(folder: "Path") -> "Zoo":
    return _zoo(str(folder), (folder / "card.json").stat().st_mtime_ns)


@st.cache_resource(max_entries=MAX_ZOOS, show_spinner=False)
def _zoo(folder: str, changed: int) -> "Zoo":
    opened = ngcore.zoo.Zoo.open(folder)
    _ = opened.metadata, opened.architectures
    return opened


def exists(selection: Selection) -> bool:
    """Whether the selected network can be had."""
    if selection.is_upload:
        return selection.id in state.kept()
    try:
        zoo(selection.zoo).position(selection.id)
    except NeuralGraphError:
        return False
    return True


def network(selection: Selection) -> "Network":
    """The selected network, a stack of one; do not change its tensors.

    Raises:
        ZooError: If its zoo has no network of this id, or it was uploaded in another session.
    """
    if selection.is_upload:
        if selection.id not in state.kept():
            raise ZooError("This network belongs to another session. Upload its file again.")
        return state.kept()[selection.id].network
    opened = zoo(selection.zoo)
    return _network(opened.hash, opened.position(selection.id), opened)


@st.cache_resource(max_entries=MAX_NETWORKS, show_spinner=False)
def _network(zoo_hash: str, position: int, _zoo: "Zoo") -> "Network":
    return _zoo.networks([position])


def row(selection: Selection) -> dict[str, Any]:
    """The selected network's row of metadata, without columns that say "has none"; empty for one of this session."""
    if selection.is_upload:
        return {}
    opened = zoo(selection.zoo)
    fields = opened.metadata.iloc[opened.position(selection.id)].to_dict()
    absent = [name for name in ("label", "run", "step") if fields.get(name) == -1]
    return {name: value for name, value in fields.items() if name not in absent and value == value}


def title(selection: Selection) -> str:
    """What to call the selected network in a heading; may hold a stranger's text, which Markdown needs escaped."""
    if selection.is_upload:
        own = state.kept().get(selection.id)
        return own.title if own else "a network from another session"
    return selection.id


def closest_zoo(selection: Selection) -> str | None:
    """The zoo that a network of this session is most like; None where none has such inputs and outputs.

    For a network of a zoo it is that zoo.
    """
    if not selection.is_upload:
        return selection.zoo
    known = zoos()
    return _closest_zoo(content_key(selection), tuple(zoo.hash for zoo in known.values()), network(selection), known)


@st.cache_data(max_entries=MAX_NETWORKS, show_spinner=False)
def _closest_zoo(key: str, hashes: tuple[str, ...], _network: "Network", _zoos: "dict[str, Zoo]") -> str | None:
    return ngcore.tasks.closest_zoo(_network, _zoos)


def label_name(selection: Selection) -> str | None:
    """The name of the selected network's class, such as "7" or "Sandal"; None if it has none."""
    label = row(selection).get("label")
    names = zoo(selection.zoo).card.get("class_names", ()) if label is not None else ()
    return None if label is None else str(names[int(label)]) if int(label) < len(names) else str(label)


def device() -> "torch.device":
    """The device that the sidebar asks for; the automatic one if that is not there any more."""
    from ngcore.device import choose_device

    try:
        return choose_device(state.device_name())
    except NeuralGraphError:
        return choose_device("auto")


def is_inr(architecture: "Architecture") -> bool:
    """Whether networks of this architecture are images: two coordinates in, grey or colour out."""
    return ngcore.inr.is_inr(architecture)


def image(selection: Selection, size: tuple[int, int] = (28, 28)) -> "np.ndarray":
    """What the selected INR shows: float (height, width) or (height, width, 3), clipped to [0, 1]."""
    return _image(content_key(selection), size, network(selection), device())


@st.cache_data(max_entries=MAX_RENDERS, max_size=MAX_RENDER_SIZE, show_spinner=False)
def _image(key: str, size: tuple[int, int], _network: "Network", _device: "torch.device") -> "np.ndarray":
    import torch

    ngcore.networks.check_cost(_network.architecture, num_inputs=size[0] * size[1], max_bytes=None)
    with torch.inference_mode():
        return ngcore.inr.render(_network, size, device=_device)[0].clamp(0, 1).cpu().numpy()


def images(zoo_name: str, positions: "list[int]", size: tuple[int, int] = (28, 28)) -> "np.ndarray":
    """What INRs of a zoo show, by their positions in its metadata: (networks, height, width[, 3]) in [0, 1]."""
    opened = zoo(zoo_name)
    return _images(opened.hash, tuple(positions), size, opened, device())


@st.cache_data(max_entries=MAX_RENDERS, max_size=MAX_RENDER_SIZE, show_spinner=False)
def _images(
    zoo_hash: str, positions: tuple[int, ...], size: tuple[int, int], _zoo: "Zoo", _device: "torch.device"
) -> "np.ndarray":
    import torch

    with torch.inference_mode():
        return ngcore.inr.render(_zoo.networks(positions), size, device=_device).clamp(0, 1).cpu().numpy()


def graph_view(selection: Selection) -> graph_views.GraphView:
    """The selected network's graph as arrays.

    Raises:
        TooManyEdgesError: If it has more edges than can be drawn.
    """
    return _graph_view(content_key(selection), network(selection))


@remembered(max_bytes=MAX_VIEW_BYTES)
def _graph_view(key: str, _network: "Network") -> graph_views.GraphView:
    return graph_views.view_of(_network)


def part_view(selection: Selection, blocks: tuple[int, ...]) -> graph_views.GraphView:
    """Some node blocks of the selected network's graph as arrays; see `app.graph_view.part_of`."""
    return _part_view(content_key(selection), blocks, network(selection))


@remembered(max_bytes=MAX_PART_BYTES)
def _part_view(key: str, blocks: tuple[int, ...], _network: "Network") -> graph_views.GraphView:
    return graph_views.part_of(_network, blocks)


def content_key(selection: Selection) -> str:
    """Text that changes whenever the selected network does; a key for caches."""
    return selection.key if selection.is_upload else f"{zoo(selection.zoo).hash}/{selection.id}"


def activations(selection: Selection, inputs: "Sequence[np.ndarray]") -> "np.ndarray":
    """What every neuron of the selected network puts out for one input; see `app.graph_view.activations`."""
    ngcore.networks.check_cost(network(selection).architecture)
    return graph_views.activations(network(selection), inputs)


def checkpoints(task: str | None = None) -> "list[Mapping[str, Any]]":
    """Cards of the trained models, sorted by name; of one task if it is given. Damaged ones are left out."""
    folders = [folder for _, folder in sorted(ngcore.tasks.find_checkpoints().items())]
    cards = [_card(str(folder), (folder / "card.json").stat().st_mtime_ns) for folder in folders]
    return [card for card in cards if card is not None and task in (None, card["task"])]


@st.cache_resource(max_entries=MAX_CARDS, show_spinner=False)
def _card(folder: str, changed: int) -> "Mapping[str, Any] | None":
    try:
        return ngcore.training.read_card(folder)
    except CheckpointError:
        return None
