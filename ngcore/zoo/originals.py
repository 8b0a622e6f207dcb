"""The images that the networks of an INR zoo were fitted to."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ngcore.errors import ZooError
from ngcore.files import write_atomically
from ngcore.zoo.images import fetch_images
from ngcore.zoo.storage import Zoo

IMAGES_FILE = "images.npy"


def has_originals_at_hand(zoo: Zoo) -> bool:
    """Whether the zoo brings its images along, so that nothing need be fetched."""
    return (zoo.folder / IMAGES_FILE).is_file()


def original_images(zoo: Zoo, rows: Sequence[int] | np.ndarray) -> np.ndarray:
    """The images of some rows of an INR zoo, uint8, (rows, height, width) or (rows, height, width, 3).

    Raises:
        ZooError: If the zoo holds no INRs, or its card does not name their images.
        DataError: If the images neither ship with the zoo nor can be fetched.
    """
    if zoo.card.get("kind") != "inr":
        raise ZooError(f"Expected a zoo of INRs, which were fitted to images, got {zoo.name}.")
    rows = np.asarray(rows)
    if has_originals_at_hand(zoo):
        return np.load(zoo.folder / IMAGES_FILE, mmap_mode="r", allow_pickle=False)[rows]
    if "image_set" not in zoo.card:
        raise ZooError(f"Expected a zoo with its images or the name of their set on its card, got {zoo.name}.")
    images = fetch_images(zoo.card["image_set"])
    return images.images(zoo.metadata["image"].to_numpy()[rows])


def ship_originals(zoo: Zoo, source: Zoo) -> Path:
    """Write the images of a sample zoo into its folder, taken from the zoo that it is a sample of."""
    rows = [source.position(network_id) for network_id in zoo.metadata["id"]]
    images, path = original_images(source, rows), zoo.folder / IMAGES_FILE

    def write(temporary: Path) -> None:
        with temporary.open("wb") as file:
            np.save(file, images, allow_pickle=False)

    write_atomically(path, write)
    return path
