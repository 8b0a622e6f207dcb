"""Cuts a small zoo out of a large one: same networks, same ids, for shipping."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ngcore.errors import UnknownNameError, ZooError
from ngcore.zoo.card import CARD_FILE
from ngcore.zoo.metadata import SPLITS
from ngcore.zoo.originals import original_images
from ngcore.zoo.storage import Zoo
from ngcore.zoo.writer import ZooWriter

OWN_FIELDS = ("format", "name", "recipe", "num_networks", "architectures", "files", "hash", "splits")


def write_sample(zoo: Zoo, folder: Path | str, counts: Mapping[str, int], *, with_images: bool = False) -> Zoo:
    """Write the first networks of some splits as a zoo of its own.

    Args:
        zoo: The zoo to take them from.
        folder: Where the sample will be.
        counts: Networks per split, the first in the order of ids; a split that is not named gives none.
        with_images: Whether to include the images that INRs were fitted to.

    Returns:
        The sample; its card says under "sample_of" which zoo it was taken from, with hash and size.

    Raises:
        UnknownNameError: If a split is unknown.
        ZooError: If a split has fewer networks than asked for, or the folder holds a zoo already.
        DataError: If the images can't be had.
    """
    if (Path(folder) / CARD_FILE).is_file():
        raise ZooError(f"Expected a folder without a zoo, got {folder}; delete it to take another sample.")
    rows = np.concatenate([np.empty(0, int), *(_first(zoo, split, count) for split, count in counts.items())])
    if not len(rows):
        raise ZooError("Expected at least one network in a sample, got none.")
    images = original_images(zoo, np.sort(rows)) if with_images else None  # positions are in the order of ids
    source = {"name": zoo.name, "hash": zoo.hash, "num_networks": len(zoo)}
    writer = ZooWriter(folder, name=zoo.name, recipe={**zoo.card["recipe"], "sample": dict(counts)})
    writer.write_part("sample", zoo.stacks(rows))
    card = {key: value for key, value in zoo.card.items() if key not in OWN_FIELDS}
    sizes = {split: int(counts.get(split, 0)) for split in SPLITS}
    return writer.finish(["sample"], {**card, "splits": sizes, "sample_of": source}, images=images)


def _first(zoo: Zoo, split: str, count: int) -> np.ndarray:
    if split not in SPLITS:
        raise UnknownNameError("split", split, SPLITS)
    rows = zoo.rows(split=split)
    if not 0 <= count <= len(rows):
        raise ZooError(f"Expected at most {len(rows)} {split} networks, as {zoo.name} has, got {count}.")
    return rows[:count]
