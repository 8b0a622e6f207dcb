"""Training images that ship, for networks to be trained in the app: the first of an image set, as one picture."""

import io
import json
from pathlib import Path

import numpy as np
import torch

from ngcore.errors import DataError
from ngcore.files import read_json, reading, write_atomically
from ngcore.paths import ASSETS
from ngcore.zoo.image_inputs import SampleImages
from ngcore.zoo.images import CLASS_NAMES, IMAGE_SHAPES, ImageSet

FOLDER = "images"
COLUMNS = 100
QUALITY = 90
"""Of colour images, which are stored with small losses (WebP); grey ones are stored without."""

REMEDY = "copy it again from the source tree, or write it by ngcore data sample"


def write_training_sample(images: ImageSet, folder: Path | str, count: int) -> Path:
    """Write the first training images of a set; returns the file of the picture.

    Args:
        images: The set.
        folder: Where to write `NAME.webp` and `NAME.json`.
        count: How many, a multiple of `COLUMNS`.

    Raises:
        DataError: If there are not as many, or they do not fill rows of the picture.
    """
    from PIL import Image

    if count % COLUMNS or not 0 < count <= len(images.train_images):
        raise DataError(
            f"Expected a multiple of {COLUMNS} images, at most {len(images.train_images):,} as {images.name} has, "
            f"got {count:,}."
        )
    pictures = images.train_images[:count]
    sheet = pictures.reshape(-1, COLUMNS, *pictures.shape[1:]).swapaxes(1, 2)
    sheet = np.ascontiguousarray(sheet.reshape(sheet.shape[0] * sheet.shape[1], -1, *pictures.shape[3:]))
    data, folder = io.BytesIO(), Path(folder)
    is_grey = sheet.ndim == 2
    Image.fromarray(sheet).save(data, "WEBP", lossless=is_grey, quality=100 if is_grey else QUALITY, method=6)
    labels = "".join(map(str, images.train_labels[:count].tolist()))
    card = {"name": images.name, "sha256": images.hash, "note": images.note, "labels": labels}
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{images.name}.webp"
    write_atomically(path, lambda temporary: temporary.write_bytes(data.getvalue()))
    text = json.dumps(card, ensure_ascii=False) + "\n"
    write_atomically(folder / f"{images.name}.json", lambda temporary: temporary.write_text(text, encoding="utf-8"))
    return path


def training_samples(folder: Path | str = ASSETS / FOLDER) -> list[str]:
    """Names of the image sets of which training images ship."""
    return [name for name in CLASS_NAMES if (Path(folder) / f"{name}.json").is_file()]


def read_training_sample(name: str, folder: Path | str = ASSETS / FOLDER) -> SampleImages:
    """The training images that ship of an image set.

    Raises:
        DataError: If there are none, or their files are damaged.
    """
    from PIL import Image

    if name not in training_samples(folder):
        raise DataError(f"Expected training images of {name} in {folder}, got none; {REMEDY}.")
    card = read_json(Path(folder) / f"{name}.json", DataError, remedy=REMEDY)
    path = Path(folder) / f"{name}.webp"
    with reading(path, DataError, remedy=REMEDY):
        labels = np.array([int(digit) for digit in card["labels"]])
        height, width, *rgb = IMAGE_SHAPES[name]
        sheet = np.asarray(Image.open(path).convert("RGB" if rgb else "L"))
        rows = len(labels) // COLUMNS
        expected = (rows * height, COLUMNS * width, *rgb)
        if sheet.shape != expected or len(labels) % COLUMNS:
            raise DataError(f"Expected a picture of shape {expected} in {path}, got {sheet.shape}; {REMEDY}.")
        images = sheet.reshape(rows, height, COLUMNS, width, *rgb).swapaxes(1, 2).reshape(-1, height, width, *rgb)
    return SampleImages(name, torch.from_numpy(images.copy()), torch.from_numpy(labels).long())
