"""The networks of a zoo as points, their features, layouts and neighbours, cached for all sessions."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import streamlit as st
from torch import Tensor

from app import answers, cached, state
from ngcore.errors import NeuralGraphError
from ngcore.maps.layouts import MapFit, MapMethod, fit_map, is_fitted, nearest
from ngcore.maps.zoo_maps import (
    Progress,
    ZooPoints,
    are_features_ready,
    are_points_ready,
    network_features,
    read_features,
    read_points,
)
from ngcore.networks import Architecture, Network
from ngcore.zoo import Zoo

Card = Mapping[str, Any]

MAX_MAPS = 16
NUM_NEIGHBOURS = 10
METHOD_NAMES: dict[MapMethod, str] = {"umap": "UMAP", "pca": "PCA"}


def models_for(zoo_name: str) -> dict[str, Card]:
    """Cards by name of the checkpoints that were trained on the zoo and answer with numbers, the best first."""
    cards = [card for card in cached.checkpoints() if card["corpus"]["name"] == zoo_name and card["task"] != "edit"]
    return {card["name"]: card for card in sorted(cards, key=answers.score, reverse=True)}


def points(zoo: Zoo, card: Card | None) -> ZooPoints:
    """The zoo's networks as points of a map; a progress bar is shown where a model has to answer first."""
    key = (zoo.hash, card["weights_sha256"] if card else "")
    if key in _ready() or are_points_ready(zoo, card):
        read = None
    else:
        with _progress() as show:
            read = read_points(zoo, card, device=cached.device(), progress=show)
    _ready().add(key)
    return _points(*key, zoo, card, read)


@st.cache_resource(max_entries=MAX_MAPS, show_spinner=False)
def _points(zoo_hash: str, weights: str, _zoo: Zoo, _card: Card | None, _read: ZooPoints | None = None) -> ZooPoints:
    return read_points(_zoo, _card) if _read is None else _read


def features(seen: ZooPoints) -> Tensor:
    """What the networks are laid out by; a progress bar is shown while a model computes them for the first time."""
    if has_features(seen):
        read = None
    else:
        with _progress() as show:
            read = read_features(seen, device=cached.device(), progress=show)
    _ready().add(seen.key)
    return _features(seen.key, seen, read)


@st.cache_resource(max_entries=MAX_MAPS, show_spinner=False)
def _features(key: str, _seen: ZooPoints, _read: Tensor | None = None) -> Tensor:
    return read_features(_seen) if _read is None else _read


def has_features(seen: ZooPoints) -> bool:
    """Whether `features` has nothing to compute."""
    return seen.key in _ready() or are_features_ready(seen)


@st.cache_resource(show_spinner=False)
def _ready() -> set[tuple[str, str] | str]:
    """The points, by zoo and model, and the features, by key, that need no computing any more."""
    return set()


@contextmanager
def _progress() -> Iterator[Progress]:
    """A bar for as long as a model reads networks."""
    bar = st.progress(0.0)

    def show(done: int, wanted: int) -> None:
        bar.progress(done / max(wanted, 1), f"The model reads {done:,} of {wanted:,} networks; needed only once.")

    try:
        yield show
    finally:
        bar.empty()


def is_instant(seen: ZooPoints, method: MapMethod) -> bool:
    """Whether a layout needs no fit."""
    is_known = method == "pca" or seen.coordinates is not None or (seen.key, method) in _fitted()
    return is_known or is_fitted(features(seen))


def coordinates(seen: ZooPoints, method: MapMethod) -> Tensor:
    """Where the networks lie in the plane, one row each; without their features where the map ships.

    Raises:
        DataError: If there are too few networks.
    """
    if method == "umap" and seen.coordinates is not None:
        return seen.coordinates
    return layout(seen, method).coordinates


def layout(seen: ZooPoints, method: MapMethod) -> MapFit:
    """The fit that lays the networks out in the plane.

    Raises:
        DataError: If there are too few networks.
    """
    fit = _layout(seen.key, method, seen, features(seen))
    _fitted().add((seen.key, method))
    return fit


@st.cache_resource(show_spinner=False)
def _fitted() -> set[tuple[str, MapMethod]]:
    """What was fitted in this process, for where the cache folder cannot be written."""
    return set()


@st.cache_resource(max_entries=MAX_MAPS, show_spinner=False)
def _layout(key: str, method: MapMethod, _seen: ZooPoints, _features: Tensor) -> MapFit:
    return fit_map(_features, method=method, known=_seen.coordinates)


def selected_row(zoo: Zoo, seen: ZooPoints) -> int | None:
    """The row of the selected network among those on the map; None if it is not there."""
    selection = state.selected()
    if selection is None or selection.zoo != zoo.name or not cached.exists(selection):
        return None
    rows = np.flatnonzero(seen.positions == zoo.position(selection.id))
    return int(rows[0]) if len(rows) else None


Focus = tuple[int | None, "Tensor"]


def focus(zoo: Zoo, seen: ZooPoints, card: Card | None) -> Focus | None:
    """The selected network as the map sees it: its row in `seen` (None if it is not there) and its own features.

    None if no network is selected, or the model cannot read it.
    """
    selection = state.selected()
    if selection is None or not cached.exists(selection):
        return None
    row = selected_row(zoo, seen)
    if row is not None:
        return row, features(seen)[row : row + 1]
    network = cached.network(selection)
    if not _is_of_kind(network.architecture, zoo, same_parameters=card is None):
        return None
    try:
        own = features_of(selection.key, network, card)
    except NeuralGraphError:
        return None
    return (None, own) if own.shape[1] == features(seen).shape[1] else None


def _is_of_kind(architecture: Architecture, zoo: Zoo, *, same_parameters: bool) -> bool:
    """Whether a network may be compared with those of a zoo."""
    known = list(zoo.architectures.values())
    if same_parameters:
        return any(architecture.parameter_shapes == other.parameter_shapes for other in known)
    return any(
        (architecture.input_shape, architecture.output_shape) == (other.input_shape, other.output_shape)
        for other in known
    )


def neighbours(
    seen: ZooPoints, centre: Focus, *, metric: str = "cosine", k: int = NUM_NEIGHBOURS
) -> tuple[list[int], list[float]]:
    """Rows and distances of the networks nearest to the selected one, without itself."""
    row, own = centre
    indices, distances = nearest(features(seen), own, k + 1, metric=metric)  # type: ignore[arg-type]
    found = [(i, d) for i, d in zip(indices[0].tolist(), distances[0].tolist(), strict=True) if i != row]
    return [i for i, _ in found[:k]], [d for _, d in found[:k]]


def features_of(key: str, network: Network, card: Card | None) -> Tensor:
    """Features of a network from anywhere; `key` identifies the network."""
    return _features_of(key, card["weights_sha256"] if card else "", network, card)


@st.cache_resource(max_entries=64, show_spinner=False)
def _features_of(key: str, weights: str, _network: Network, _card: Card | None) -> Tensor:
    return network_features(_network, _card, device=cached.device())
