"""Finding networks in the metadata of a zoo: what may be asked for, and the positions that answer."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas

from ngcore.zoo import Zoo


@dataclass(frozen=True, kw_only=True)
class Filters:
    """Which networks of a zoo are wanted.

    Attributes:
        text: A piece of an id, its number, or the name of a class; empty for all.
        split: Name of a split; None for all.
        labels: Classes; none of them means all.
        accuracy: Lowest and highest test accuracy; None for all.
        only_good: Leave out networks that the zoo flags as badly fitted.
    """

    text: str = ""
    split: str | None = None
    labels: tuple[int, ...] = ()
    accuracy: tuple[float, float] | None = None
    only_good: bool = False


def find(metadata: pandas.DataFrame, filters: Filters, class_names: Sequence[str] = ()) -> np.ndarray:
    """Positions of the networks that pass all filters, in the order of the metadata."""
    wanted = np.ones(len(metadata), dtype=bool)
    if filters.split is not None:
        wanted &= (metadata["split"] == filters.split).to_numpy()
    if filters.labels:
        wanted &= metadata["label"].isin(filters.labels).to_numpy()
    if filters.accuracy is not None:
        wanted &= metadata["accuracy"].between(*filters.accuracy).to_numpy()
    if filters.only_good:
        wanted &= ~metadata["flagged"].to_numpy()
    if filters.text.strip():
        wanted &= _has_text(metadata, filters.text.strip().lower(), class_names)
    return np.flatnonzero(wanted)


def _has_text(metadata: pandas.DataFrame, text: str, class_names: Sequence[str]) -> np.ndarray:
    """The networks of a class of this name, and the one of this number; if there is no such class, of such an id."""
    labels = [label for label, name in enumerate(class_names) if name.lower() == text]
    labels = labels or [i for i, name in enumerate(class_names) if len(text) > 2 and name.lower().startswith(text)]
    if not labels:
        return metadata["id"].str.lower().str.contains(text, regex=False).to_numpy()
    is_number = metadata["id"].str.rpartition("/")[2].str.lstrip("0") == text
    return (metadata["label"].isin(labels) | is_number).to_numpy()


def position_of(metadata: pandas.DataFrame, text: str, class_names: Sequence[str] = ()) -> int | None:
    """The position of the network whose number or id a text is, else of the first that a search for it finds."""
    found = find(metadata, Filters(text=text), class_names)
    if not len(found):
        return None
    number = text.strip().rpartition("/")[2].lstrip("0")
    is_exact = metadata["id"].iloc[found].str.rpartition("/")[2].str.lstrip("0") == number
    return int(found[int(is_exact.to_numpy().argmax())])


def in_words(zoo: Zoo, positions: Sequence[int]) -> list[str]:
    """Networks of a zoo in a list: the id of each, its class and its accuracy where it has them."""
    rows, names = zoo.metadata.iloc[list(positions)], zoo.card.get("class_names", ())
    texts = []
    for name, label, accuracy in zip(rows["id"], rows["label"], rows["accuracy"], strict=True):
        known = [str(names[label]) if label < len(names) else str(label)] if label >= 0 else []
        measured = [f"{accuracy:.1%}"] if accuracy == accuracy else []
        texts.append(" · ".join([str(name).removeprefix(f"{zoo.name}/"), *known, *measured]))
    return texts


def step(positions: np.ndarray, current: int | None, by: int) -> int | None:
    """The position `by` places after (before, if negative) the current one, round and round; None if there is none.

    The current one need not be among the positions.
    """
    if not len(positions):
        return None
    if current is None:
        return int(positions[0])
    place = int(np.searchsorted(positions, current))
    is_among = place < len(positions) and positions[place] == current
    return int(positions[(place + by - (0 if is_among or by < 0 else 1)) % len(positions)])
