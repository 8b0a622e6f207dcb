"""The networks of a zoo as points, their features, layouts and neighbours, cached for all sessions."""

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import streamlit as st
import torch
from torch import Tensor

from app import answers, cached, state
from ngcore.errors import NeuralGraphError
from ngcore.maps.layouts import USUAL, MapFit, MapMethod, MapParameters, fit_map, is_fitted, nearest, place
from ngcore.maps.quality import MapQuality, judge_map, outlier_scores
from ngcore.maps.zoo_maps import (
    MAX_POINTS,
    Progress,
    ZooPoints,
    are_features_ready,
    are_points_ready,
    labels_of,
    network_features,
    read_features,
    read_points,
)
from ngcore.networks import Architecture, Network
from ngcore.tasks import can_read
from ngcore.zoo import Zoo

Card = Mapping[str, Any]

MAX_MAPS = 16
MAX_OUTLIER_POINTS = 10_000
NUM_NEIGHBOURS = 10
METHOD_NAMES: dict[MapMethod, str] = {"umap": "UMAP", "tsne": "t-SNE", "pca": "PCA"}


def models_for(zoo_name: str) -> dict[str, Card]:
    """Cards by name of the checkpoints that were trained on the zoo and answer with numbers.

    For an imported zoo these are all that read its networks, whatever they were trained on. Those that see weights
    alone come first, as a map of answers to probes is a map of pictures; then the best first.
    """
    answering = [card for card in cached.checkpoints() if card["task"] != "edit"]
    cards = [card for card in answering if card["corpus"]["name"] == zoo_name]
    if not cards:
        cards = [card for card in answering if _reads_imported(card, zoo_name)]
    order = sorted(cards, key=lambda card: (sees_weights_alone(card), answers.score(card)), reverse=True)
    return {card["name"]: card for card in order}


def _reads_imported(card: Card, zoo_name: str) -> bool:
    zoo = cached.zoos().get(zoo_name)
    if zoo is None or "imported" not in zoo.card["recipe"]:
        return False
    return all(can_read(card, architecture) for architecture in zoo.architectures.values())


def sees_weights_alone(card: Card) -> bool:
    """Whether a model reads weights and never asks networks for answers."""
    return not card["model"]["config"].get("num_probes", 0)


def points(zoo: Zoo, card: Card | None, *, limit: int = MAX_POINTS) -> ZooPoints:
    """The zoo's networks as points of a map; a progress bar is shown where a model has to answer first.

    Args:
        zoo: The zoo.
        card: The card of the checkpoint that reads the networks; None means raw weights.
        limit: Maximum number of networks.
    """
    key = (zoo.hash, card["weights_sha256"] if card else "", min(limit, len(zoo)))
    if key in _ready() or are_points_ready(zoo, card, limit=limit):
        read = None
    else:
        with _progress() as show:
            read = read_points(zoo, card, device=cached.device(), limit=limit, progress=show)
    _ready().add(key)
    return _points(*key, zoo, card, read)


@st.cache_resource(max_entries=MAX_MAPS, show_spinner=False)
def _points(
    zoo_hash: str, weights: str, limit: int, _zoo: Zoo, _card: Card | None, _read: ZooPoints | None = None
) -> ZooPoints:
    return read_points(_zoo, _card, limit=limit) if _read is None else _read


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
def _ready() -> set[tuple[str, str, int] | str]:
    """The points, by zoo, model and limit, and the features, by key, that need no computing any more."""
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


def is_instant(seen: ZooPoints, method: MapMethod, parameters: MapParameters = USUAL) -> bool:
    """Whether a layout needs no fit."""
    if method == "pca" or _ships(seen, method, parameters) or (seen.key, method, parameters) in _fitted():
        return True
    return is_fitted(features(seen), method=method, parameters=parameters)


def _ships(seen: ZooPoints, method: MapMethod, parameters: MapParameters) -> bool:
    return method == "umap" and parameters == USUAL and seen.coordinates is not None


def coordinates(seen: ZooPoints, method: MapMethod, parameters: MapParameters = USUAL) -> Tensor:
    """Where the networks lie, one row each; without their features where the map ships.

    Raises:
        DataError: If there are too few networks.
    """
    if _ships(seen, method, parameters) and seen.coordinates is not None:
        return seen.coordinates
    return layout(seen, method, parameters).coordinates


def layout(seen: ZooPoints, method: MapMethod, parameters: MapParameters = USUAL) -> MapFit:
    """The fit that lays the networks out.

    Raises:
        DataError: If there are too few networks.
    """
    fit = _layout(seen.key, method, parameters, seen, features(seen))
    _fitted().add((seen.key, method, parameters))
    return fit


@st.cache_resource(show_spinner=False)
def _fitted() -> set[tuple[str, MapMethod, MapParameters]]:
    """What was fitted in this process, for where the cache folder cannot be written."""
    return set()


@st.cache_resource(max_entries=MAX_MAPS, show_spinner=False)
def _layout(key: str, method: MapMethod, parameters: MapParameters, _seen: ZooPoints, _features: Tensor) -> MapFit:
    known = _seen.coordinates if _ships(_seen, method, parameters) else None
    return fit_map(_features, method=method, parameters=parameters, known=known)


def quality(
    seen: ZooPoints, method: MapMethod, parameters: MapParameters = USUAL, *, with_stability: bool = False
) -> MapQuality | None:
    """How far a map may be trusted; None while that would need features that a model has to compute first.

    Args:
        seen: The networks.
        method: How they are laid out.
        parameters: Of the layout.
        with_stability: Lay networks out twice more where that was not measured yet.
    """
    if _ships(seen, method, parameters) and seen.quality is not None:
        return seen.quality
    if not has_features(seen) and not with_stability:
        return None
    return _quality(seen.key, method, parameters, with_stability, seen, layout(seen, method, parameters))


@st.cache_resource(max_entries=4 * MAX_MAPS, show_spinner=False)
def _quality(
    key: str, method: MapMethod, parameters: MapParameters, with_stability: bool, _seen: ZooPoints, _fit: MapFit
) -> MapQuality:
    return judge_map(_fit, labels_of(_seen), with_stability=with_stability)


def with_outliers(seen: ZooPoints) -> ZooPoints:
    """The points with their outlier scores, where these ship or are quick to compute."""
    if seen.outliers is not None or not has_features(seen) or len(seen) > MAX_OUTLIER_POINTS:
        return seen
    return _with_outliers(seen.key, seen)


@st.cache_resource(max_entries=MAX_MAPS, show_spinner=False)
def _with_outliers(key: str, _seen: ZooPoints) -> ZooPoints:
    scores = torch.from_numpy(outlier_scores(features(_seen)))
    return dataclasses.replace(_seen, outliers=scores)


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
    own = features_beside(zoo, seen, card, selection.key, cached.network(selection))
    return None if own is None else (None, own)


def features_beside(zoo: Zoo, seen: ZooPoints, card: Card | None, key: str, network: Network) -> Tensor | None:
    """Features of a network from anywhere, to be compared with those of a map; None where they cannot be.

    Args:
        zoo: The zoo on the map.
        seen: Its networks.
        card: The model of the map.
        key: Text that identifies the network.
        network: A stack of one.
    """
    if not _is_of_kind(network.architecture, zoo, same_parameters=card is None):
        return None
    try:
        own = features_of(key, network, card)
    except NeuralGraphError:
        return None
    return own if own.shape[1] == features(seen).shape[1] else None


def place_on(seen: ZooPoints, own: Tensor, method: MapMethod, parameters: MapParameters = USUAL) -> Tensor:
    """Where networks with these features belong on a map that was fitted without them, one row each."""
    return place(layout(seen, method, parameters), own)


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


@st.cache_resource(max_entries=512, show_spinner=False)
def _features_of(key: str, weights: str, _network: Network, _card: Card | None) -> Tensor:
    return network_features(_network, _card, device=cached.device())
