"""What the map shows: networks as points, layouts and colourings, cached for all sessions."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from app import answers, cached, state
from app.charts.zoo_map import Colouring

if TYPE_CHECKING:
    import pandas
    from torch import Tensor

    from ngcore.maps.layouts import MapFit, MapMethod
    from ngcore.maps.zoo_maps import ZooPoints
    from ngcore.networks import Architecture, Network
    from ngcore.zoo import Zoo

Card = Mapping[str, Any]

MAX_MAPS = 16
NUM_NEIGHBOURS = 10
MOST_CATEGORIES = 10
LOG_RATIO = 100  # hyper-parameters that span more than this are coloured by their logarithm
NOT_COLOURS = {"id", "split", "architecture", "row", "label", "accuracy", "psnr", "flagged", "image", "run", "group"}
LOG_SUFFIX = " (log10)"
NOTHING = "nothing"
METHOD_NAMES: "dict[MapMethod, str]" = {"umap": "UMAP", "pca": "PCA"}


def models_for(zoo_name: str) -> dict[str, Card]:
    """Cards by name of the checkpoints that were trained on the zoo and answer with numbers, the best first."""
    cards = [card for card in cached.checkpoints() if card["corpus"]["name"] == zoo_name and card["task"] != "edit"]
    return {card["name"]: card for card in sorted(cards, key=answers.score, reverse=True)}


def points(zoo: "Zoo", card: Card | None) -> "ZooPoints":
    """The zoo's networks as a model sees them, or as raw weights; a progress bar is shown while a model runs."""
    from ngcore.maps.zoo_maps import are_at_hand, read_points

    key = (zoo.hash, card["weights_sha256"] if card else "")
    if key not in _at_hand() and not are_at_hand(zoo, card):
        bar = st.progress(0.0)

        def show(done: int, wanted: int) -> None:
            bar.progress(
                done / max(wanted, 1), f"The model reads {done:,} of {wanted:,} networks; done once, then kept."
            )

        read_points(zoo, card, device=cached.device(), progress=show)
        bar.empty()
    _at_hand().add(key)
    return _points(*key, zoo, card)


@st.cache_resource(show_spinner=False)
def _at_hand() -> set[tuple[str, str]]:
    """The zoos and models for which nothing needs to be computed any more."""
    return set()


@st.cache_resource(max_entries=MAX_MAPS, show_spinner=False)
def _points(zoo_hash: str, weights: str, _zoo: "Zoo", _card: Card | None) -> "ZooPoints":
    from ngcore.maps.zoo_maps import read_points

    return read_points(_zoo, _card)


def is_instant(seen: "ZooPoints", method: "MapMethod") -> bool:
    """Whether a layout is at hand."""
    from ngcore.maps.layouts import is_fitted

    return method == "pca" or seen.coordinates is not None or is_fitted(seen.features)


def layout(seen: "ZooPoints", method: "MapMethod") -> "MapFit":
    """The networks laid out in the plane.

    Raises:
        DataError: If there are too few networks.
    """
    return _layout(seen.key, method, seen)


@st.cache_resource(max_entries=MAX_MAPS, show_spinner=False)
def _layout(key: str, method: "MapMethod", _seen: "ZooPoints") -> "MapFit":
    return _seen.fit(method)


Focus = tuple[int | None, "Tensor"]


def focus(zoo: "Zoo", seen: "ZooPoints", card: Card | None) -> Focus | None:
    """The selected network as the map sees it: its row in `seen` (None if it is not there) and its features.

    None if no network is selected, or the model cannot read it.
    """
    from ngcore.errors import NeuralGraphError

    selection = state.selected()
    if selection is None or not cached.exists(selection):
        return None
    if selection.zoo == zoo.name:
        rows = np.flatnonzero(seen.positions == zoo.position(selection.id))
        if len(rows):
            return int(rows[0]), seen.features[rows[:1]]
    network = cached.network(selection)
    if not _is_of_kind(network.architecture, zoo, same_parameters=card is None):
        return None
    try:
        features = features_of(selection.key, network, card)
    except NeuralGraphError:
        return None
    return (None, features) if features.shape[1] == seen.features.shape[1] else None


def _is_of_kind(architecture: "Architecture", zoo: "Zoo", *, same_parameters: bool) -> bool:
    """Whether a network may be compared with those of a zoo."""
    known = list(zoo.architectures.values())
    if same_parameters:
        return any(architecture.parameter_shapes == other.parameter_shapes for other in known)
    return any(
        (architecture.input_shape, architecture.output_shape) == (other.input_shape, other.output_shape)
        for other in known
    )


def neighbours(
    seen: "ZooPoints", centre: Focus, *, metric: str = "cosine", k: int = NUM_NEIGHBOURS
) -> tuple[list[int], list[float]]:
    """Rows and distances of the networks nearest to the selected one, without itself."""
    from ngcore.maps.layouts import nearest

    row, features = centre
    indices, distances = nearest(seen.features, features, k + 1, metric=metric)  # type: ignore[arg-type]
    found = [(i, d) for i, d in zip(indices[0].tolist(), distances[0].tolist(), strict=True) if i != row]
    return [i for i, _ in found[:k]], [d for _, d in found[:k]]


def features_of(key: str, network: "Network", card: Card | None) -> "Tensor":
    """Features of a network from anywhere; `key` identifies the network."""
    return _features_of(key, card["weights_sha256"] if card else "", network, card)


@st.cache_resource(max_entries=64, show_spinner=False)
def _features_of(key: str, weights: str, _network: "Network", _card: Card | None) -> "Tensor":
    from ngcore.maps.zoo_maps import network_features

    return network_features(_network, _card, device=cached.device())


def colourings(zoo: "Zoo", seen: "ZooPoints") -> dict[str, Colouring]:
    """Everything that the networks can be coloured by, under the names of the choices."""
    return _colourings(seen.key, zoo, seen)


@st.cache_resource(max_entries=MAX_MAPS, show_spinner=False)
def _colourings(key: str, _zoo: "Zoo", _seen: "ZooPoints") -> dict[str, Colouring]:
    metadata = _zoo.metadata.iloc[_seen.positions]
    names = tuple(str(name) for name in _zoo.card.get("class_names", ()))
    found = [*_class_colourings(metadata, _seen, names), *_accuracy_colourings(metadata, _seen)]
    if metadata["psnr"].notna().any():
        found.append(Colouring("PSNR of the fit in dB", metadata["psnr"].tolist()))
    found += [colouring for column in metadata.columns for colouring in _column_colourings(metadata, column)]
    if metadata["split"].nunique() > 1:
        found.append(_category("split", metadata["split"].tolist(), ("train", "validation", "test")))
    if len(_zoo.architectures) > 1:
        texts = [_zoo.architectures[key].name for key in metadata["architecture"]]
        found.append(_category("architecture", texts, tuple(sorted(set(texts)))))
    return {colouring.title: colouring for colouring in found} or {NOTHING: Colouring(NOTHING, [0] * len(_seen))}


def _class_colourings(metadata: "pandas.DataFrame", seen: "ZooPoints", names: tuple[str, ...]) -> list[Colouring]:
    labels = metadata["label"].to_numpy()
    found = []
    if names and (labels >= 0).any():
        found.append(_category("label", [names[label] if 0 <= label < len(names) else None for label in labels], names))
    if seen.outputs is None or seen.outputs.shape[1] != len(names):
        return found
    predicted = seen.outputs.argmax(dim=1).tolist()
    found.append(_category("predicted class", [names[label] for label in predicted], names))
    if (labels >= 0).any():
        right = ["right" if a == b else "wrong" for a, b in zip(predicted, labels, strict=True)]
        found.append(_category("right or wrong", right, ("right", "wrong")))
        chances = seen.outputs.numpy()[np.arange(len(labels)), labels.clip(0)]
        found.append(Colouring("probability of the label", chances.tolist(), percent=True))
    return found


def _accuracy_colourings(metadata: "pandas.DataFrame", seen: "ZooPoints") -> list[Colouring]:
    accuracy = metadata["accuracy"].to_numpy()
    is_known = bool(np.isfinite(accuracy).any())
    found = [Colouring("true accuracy", accuracy.tolist(), percent=True)] if is_known else []
    if is_known and seen.outputs is not None and seen.outputs.shape[1] == 1:
        predicted = seen.outputs[:, 0].numpy()
        found.append(Colouring("predicted accuracy", predicted.tolist(), percent=True))
        error = (predicted - accuracy).tolist()
        found.append(Colouring("error (predicted − true)", error, kind="diverging", percent=True))
    return found


def _column_colourings(metadata: "pandas.DataFrame", column: str) -> list[Colouring]:
    """The colouring by a hyper-parameter; none where all networks have the same."""
    values = metadata[column]
    if column in NOT_COLOURS or values.nunique() < 2 or (column == "step" and (values < 0).all()):
        return []
    title = column.replace("_", " ")
    if values.dtype.kind in "iuf":
        positive = values[values > 0]
        if len(positive) == len(values) and positive.max() / positive.min() > LOG_RATIO:
            return [Colouring(f"{title}{LOG_SUFFIX}", np.log10(values).tolist())]
        return [Colouring(title, values.astype(float).tolist())]
    texts = values.astype(str)
    if texts.nunique() > MOST_CATEGORIES:
        return []
    return [_category(title, texts.tolist(), tuple(sorted(texts.unique())))]


def _category(title: str, values: list[Any], categories: tuple[str, ...]) -> Colouring:
    return Colouring(title, values, kind="category", categories=categories)


def table(zoo: "Zoo", seen: "ZooPoints") -> "pandas.DataFrame":
    """What is known of the networks, a row each, in columns for people; hyper-parameters included. Do not change it."""
    return _table(seen.key, zoo, seen)


@st.cache_resource(max_entries=MAX_MAPS, show_spinner=False)
def _table(key: str, _zoo: "Zoo", _seen: "ZooPoints") -> "pandas.DataFrame":
    import pandas

    metadata = _zoo.metadata.iloc[_seen.positions].reset_index(drop=True)
    columns: dict[str, Any] = {"id": metadata["id"]}
    for title, colouring in colourings(_zoo, _seen).items():
        if not title.endswith(LOG_SUFFIX) and title != NOTHING:
            columns[title] = _readable(colouring)
    for column in metadata.columns:
        title = column.replace("_", " ")
        if column not in NOT_COLOURS and title not in columns and metadata[column].nunique() > 1:
            columns[title] = metadata[column]
    return pandas.DataFrame(columns)


def _readable(colouring: Colouring) -> list[Any]:
    if colouring.kind == "category":
        return list(colouring.values)
    return [None if value is None or not math.isfinite(value) else float(value) for value in colouring.values]


def column_formats(zoo: "Zoo", seen: "ZooPoints") -> dict[str, Any]:
    """How the table's columns are written: shares as percentages, other numbers in few digits."""
    formats: dict[str, Any] = {"id": st.column_config.TextColumn("id", pinned=True)}
    for title, colouring in colourings(zoo, seen).items():
        if colouring.kind != "category":
            formats[title] = st.column_config.NumberColumn(title, format="percent" if colouring.percent else "%.4g")
    return formats
