"""Cuts a small zoo out of a large one: same networks, same ids, for shipping."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ngcore.errors import UnknownNameError, ZooError
from ngcore.zoo.card import CARD_FILE
from ngcore.zoo.metadata import SPLITS
from ngcore.zoo.originals import original_images
from ngcore.zoo.storage import Zoo
from ngcore.zoo.writer import ZooWriter

Unit = Literal["network", "run", "group"]
OWN_FIELDS = ("format", "name", "recipe", "num_networks", "architectures", "files", "hash", "splits")


def write_sample(
    zoo: Zoo, folder: Path | str, counts: Mapping[str, int], *, unit: Unit = "network", with_images: bool = False
) -> Zoo:
    """Write the first networks, runs or groups of runs of some splits as a zoo of its own.

    Args:
        zoo: The zoo to take them from.
        folder: Where the sample will be.
        counts: Networks, runs or groups per split, the first in the order of ids; a split that is not named gives none.
        unit: What is counted. Runs come with all their checkpoints, groups with all their runs.
        with_images: Whether to include the images that INRs were fitted to.

    Returns:
        The sample; its card says under "sample_of" which zoo it was taken from, with hash and size.

    Raises:
        UnknownNameError: If a split is unknown.
        ZooError: If a split has fewer than asked for, the zoo has no runs or groups, or the folder holds a zoo already.
        DataError: If the images can't be had.
    """
    if (Path(folder) / CARD_FILE).is_file():
        raise ZooError(f"Expected a folder without a zoo, got {folder}; delete it to take another sample.")
    rows = np.concatenate([np.empty(0, int), *(_first(zoo, split, count, unit) for split, count in counts.items())])
    if not len(rows):
        raise ZooError("Expected at least one network in a sample, got none.")
    images = original_images(zoo, np.sort(rows)) if with_images else None  # positions are in the order of ids
    source = {"name": zoo.name, "hash": zoo.hash, "num_networks": len(zoo)}
    writer = ZooWriter(folder, name=zoo.name, recipe={**zoo.card["recipe"], "sample": _sample(counts, unit)})
    writer.write_part("sample", zoo.stacks(rows))
    card = {key: value for key, value in zoo.card.items() if key not in OWN_FIELDS}
    table = zoo.metadata["split"].iloc[rows]
    sizes = {split: int((table == split).sum()) for split in SPLITS}
    return writer.finish(["sample"], {**card, "splits": sizes, "sample_of": source}, images=images)


def _sample(counts: Mapping[str, int], unit: Unit) -> dict[str, Any]:
    """How the sample was taken, for its recipe."""
    return dict(counts) if unit == "network" else {**counts, "unit": unit}


def _first(zoo: Zoo, split: str, count: int, unit: Unit) -> np.ndarray:
    if split not in SPLITS:
        raise UnknownNameError("split", split, SPLITS)
    rows = zoo.rows(split=split)
    if unit != "network":
        if unit not in zoo.metadata.columns or (zoo.metadata[unit] < 0).any():
            raise ZooError(f"Expected a zoo of training {unit}s, got {zoo.name}, which has none; sample networks.")
        own = zoo.metadata[unit].to_numpy()[rows]
        first = np.unique(own)
        _expect(zoo, split, count, len(first), unit)
        return rows[np.isin(own, first[:count])]
    _expect(zoo, split, count, len(rows), unit)
    return rows[:count]


def _expect(zoo: Zoo, split: str, count: int, available: int, unit: Unit) -> None:
    if not 0 <= count <= available:
        raise ZooError(f"Expected at most {available} {split} {unit}s, as {zoo.name} has, got {count}.")
