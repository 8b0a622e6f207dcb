"""What the networks on a map are coloured by, and what a table of them says."""

import math
from typing import Any

import numpy as np
import pandas
import streamlit as st

from app.charts.colouring import Colouring
from app.map_data import MAX_MAPS
from ngcore.maps.zoo_maps import ZooPoints
from ngcore.networks import Activation, Architecture
from ngcore.tasks import family_of
from ngcore.zoo import Zoo

MOST_CATEGORIES = 10
LOG_RATIO = 100  # numbers that span more than this are coloured by their logarithm
NOT_COLOURS = {"id", "split", "architecture", "row", "label", "accuracy", "psnr", "flagged", "image", "run", "group"}
NOTHING, OTHER = "nothing", "other"
OUTLIERS = "outlier score"


def choices(zoo: Zoo, seen: ZooPoints) -> dict[str, Colouring]:
    """Everything that the networks can be coloured by, under the names of the choices."""
    return _choices(_key(seen), zoo, seen)


def _key(seen: ZooPoints) -> str:
    """Changes once outlier scores are known."""
    return f"{seen.key}{'' if seen.outliers is None else '.outliers'}"


@st.cache_resource(max_entries=MAX_MAPS, show_spinner=False)
def _choices(key: str, _zoo: Zoo, _seen: ZooPoints) -> dict[str, Colouring]:
    metadata = _zoo.metadata.iloc[_seen.positions]
    names = tuple(str(name) for name in _zoo.card.get("class_names", ()))
    found = [*_class_colourings(metadata, _seen, names), *_accuracy_colourings(metadata, _seen)]
    if metadata["psnr"].notna().any():
        found.append(Colouring("PSNR of the fit in dB", metadata["psnr"].tolist()))
    traits = _traits(_zoo, metadata)
    known = traits.assign(**{column: metadata[column] for column in metadata.columns})
    found += [colouring for column in known.columns for colouring in _column_colourings(known, column)]
    if _seen.outliers is not None:
        found.append(Colouring(OUTLIERS, _seen.outliers.tolist()))
    if metadata["split"].nunique() > 1:
        found.append(_category("split", metadata["split"].tolist(), ("train", "validation", "test")))
    return {colouring.title: colouring for colouring in found} or {NOTHING: Colouring(NOTHING, [0] * len(_seen))}


def _class_colourings(metadata: pandas.DataFrame, seen: ZooPoints, names: tuple[str, ...]) -> list[Colouring]:
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
        found.append(_category("prediction", right, ("right", "wrong")))
        chances = seen.outputs.numpy()[np.arange(len(labels)), labels.clip(0)]
        found.append(Colouring("confidence in the true class", chances.tolist(), percent=True))
    return found


def _accuracy_colourings(metadata: pandas.DataFrame, seen: ZooPoints) -> list[Colouring]:
    accuracy = metadata["accuracy"].to_numpy()
    is_known = bool(np.isfinite(accuracy).any())
    found = [Colouring("true accuracy", accuracy.tolist(), percent=True)] if is_known else []
    if is_known and seen.outputs is not None and seen.outputs.shape[1] == 1:
        predicted = seen.outputs[:, 0].numpy()
        found.append(Colouring("predicted accuracy", predicted.tolist(), percent=True))
        error = (predicted - accuracy).tolist()
        found.append(Colouring("error (predicted − true)", error, kind="diverging", percent=True))
    return found


def _traits(zoo: Zoo, metadata: pandas.DataFrame) -> pandas.DataFrame:
    """What can be seen of the architectures, for zoos whose columns don't say it."""
    of_each = {key: _traits_of(own) for key, own in zoo.architectures.items()}
    return pandas.DataFrame([of_each[key] for key in metadata["architecture"]], index=metadata.index)


def _traits_of(architecture: Architecture) -> dict[str, str | int]:
    functions = dict.fromkeys(layer.function for layer in architecture.layers if isinstance(layer, Activation))
    return {
        "layout": architecture.name,
        "family": family_of(architecture),
        "depth": len(architecture.layer_sizes) - 1,
        "width": max(architecture.layer_sizes[1:], default=0),
        "activation": next(iter(functions)) if len(functions) == 1 else "mixed" if functions else "none",
        "num_parameters": architecture.num_parameters,
    }


def _column_colourings(metadata: pandas.DataFrame, column: str) -> list[Colouring]:
    """The colouring by a trait or hyper-parameter; none where all networks have the same."""
    values = metadata[column]
    if column in NOT_COLOURS or values.nunique() < 2 or (column == "step" and (values < 0).all()):
        return []
    title = column.replace("_", " ").removeprefix("num ")
    if values.dtype.kind == "b":
        return [_category(title, ["yes" if value else "no" for value in values], ("yes", "no"))]
    if values.dtype.kind in "iuf":
        positive = values[values > 0]
        if (values >= 0).all() and positive.max() / positive.min() > LOG_RATIO:
            return [Colouring(title, values.astype(float).tolist(), is_log=True)]
        return [Colouring(title, values.astype(float).tolist())]
    return [_by_text(title, values.astype(str))]


def _by_text(title: str, texts: pandas.Series) -> Colouring:
    """A colour for each text, the most frequent ones where there are too many; the others are one category."""
    counts = texts.value_counts()
    if len(counts) <= MOST_CATEGORIES:
        return _category(title, texts.tolist(), tuple(sorted(counts.index)))
    kept = set(counts.index[: MOST_CATEGORIES - 1])
    return _category(title, [text if text in kept else OTHER for text in texts], (*sorted(kept), OTHER))


def _category(title: str, values: list[Any], categories: tuple[str, ...]) -> Colouring:
    return Colouring(title, values, kind="category", categories=categories)


def table(zoo: Zoo, seen: ZooPoints) -> pandas.DataFrame:
    """What is known of the networks, one row each, in columns for people. Do not change it."""
    return _table(_key(seen), zoo, seen)


@st.cache_resource(max_entries=MAX_MAPS, show_spinner=False)
def _table(key: str, _zoo: Zoo, _seen: ZooPoints) -> pandas.DataFrame:
    metadata = _zoo.metadata.iloc[_seen.positions].reset_index(drop=True)
    columns: dict[str, Any] = {"id": metadata["id"]}
    if (metadata["run"] >= 0).any():
        columns |= {"run": metadata["run"], "step": metadata["step"]}
    for title, colouring in choices(_zoo, _seen).items():
        if title not in (NOTHING, *columns):
            columns[title] = _readable(colouring)
    for column in metadata.columns:
        title = column.replace("_", " ").removeprefix("num ")
        if column not in NOT_COLOURS and title not in columns and metadata[column].nunique() > 1:
            columns[title] = metadata[column]
    return pandas.DataFrame(columns)


def _readable(colouring: Colouring) -> list[Any]:
    if colouring.kind == "category":
        return list(colouring.values)
    return [None if value is None or not math.isfinite(value) else float(value) for value in colouring.values]


def column_formats(zoo: Zoo, seen: ZooPoints) -> dict[str, Any]:
    """How the table's columns are written: shares as percentages, other numbers in few digits."""
    formats: dict[str, Any] = {"id": st.column_config.TextColumn("id", pinned=True)}
    for title, colouring in choices(zoo, seen).items():
        if colouring.kind != "category":
            formats[title] = st.column_config.NumberColumn(title, format="percent" if colouring.percent else "%.4g")
    return formats
