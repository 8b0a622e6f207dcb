"""The images that the networks of an INR zoo were fitted to."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ngcore.errors import ZooError
from ngcore.files import reading
from ngcore.zoo.card import IMAGES_FILE, REMEDY
from ngcore.zoo.images import fetch_images
from ngcore.zoo.storage import Zoo


def has_originals_at_hand(zoo: Zoo) -> bool:
    """Whether the images are stored with the zoo, so that nothing has to be fetched."""
    return IMAGES_FILE in zoo.card["files"] or (zoo.folder / IMAGES_FILE).exists()


def original_images(zoo: Zoo, rows: Sequence[int] | np.ndarray) -> np.ndarray:
    """The images of some rows of an INR zoo, uint8, (rows, height, width) or (rows, height, width, 3).

    Raises:
        ZooError: If the zoo holds no INRs, or its images are damaged or not named on its card.
        DataError: If the images neither ship with the zoo nor can be fetched.
    """
    if zoo.card.get("kind") != "inr":
        raise ZooError(f"Expected a zoo of INRs, which were fitted to images, got {zoo.name}.")
    rows = np.asarray(rows)
    if has_originals_at_hand(zoo):
        path = zoo.file(IMAGES_FILE)
        with reading(path, ZooError, remedy=REMEDY):
            images = np.lib.format.open_memmap(path, mode="r")
            _expect_images(images, len(zoo), path)
            return np.array(images[rows])
    if "image_set" not in zoo.card:
        raise ZooError(f"Expected a zoo with its images or the name of their set on its card, got {zoo.name}.")
    fetched = fetch_images(zoo.card["image_set"])
    return fetched.images(zoo.metadata["image"].to_numpy()[rows])


def _expect_images(images: np.ndarray, count: int, path: Path) -> None:
    is_picture = images.ndim == 3 or (images.ndim == 4 and images.shape[-1] == 3)
    if images.dtype != np.uint8 or not is_picture or len(images) != count or not images.size:
        raise ZooError(f"Expected {count} images of uint8 in {path}, got {images.dtype} {images.shape}; {REMEDY}.")
