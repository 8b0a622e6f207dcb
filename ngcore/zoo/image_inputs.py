"""Real test images as inputs of any network that could classify them: maps, vectors, rows as steps.

The images are those that ship with the sample zoos of INRs, so that nothing has to be fetched.
"""

import dataclasses

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from ngcore.errors import DataError, UnknownNameError
from ngcore.networks import Architecture
from ngcore.paths import ASSETS
from ngcore.zoo.images import CLASS_NAMES, IMAGE_SHAPES
from ngcore.zoo.preprocessing import to_colour, to_grey

NUM_IMAGES = 1_000


@dataclasses.dataclass(frozen=True)
class SampleImages:
    """Images of an image set that ship.

    Attributes:
        name: Key of `CLASS_NAMES`.
        images: As they are stored, (images, height, width) or (images, height, width, 3).
        labels: Their classes.
    """

    name: str
    images: UInt8[Tensor, "images height width *rgb"]
    labels: Int[Tensor, " images"]

    def __len__(self) -> int:
        return len(self.labels)

    def inputs(self, architecture: Architecture) -> Float[Tensor, " images *shape"]:
        """The images in [-1, 1] as networks of an architecture take them; see `fitting_image_sets`.

        Raises:
            DataError: If they do not fit.
        """
        found = _inputs(self.images, architecture)
        if found is None:
            raise DataError(f"Expected a network that reads images of {self.name}, got {architecture.name}.")
        return found


def sample_images(name: str) -> SampleImages:
    """The first 1,000 test images that ship of an image set, with their labels.

    Args:
        name: "mnist", "fashion-mnist" or "cifar10".

    Raises:
        UnknownNameError: If the name is none of these.
        ZooError, DataError: If they do not ship with this installation, or are damaged.
    """
    from ngcore.zoo.originals import original_images
    from ngcore.zoo.storage import Zoo

    if name not in CLASS_NAMES:
        raise UnknownNameError("image set", name, CLASS_NAMES)
    zoo = Zoo.open(ASSETS / "zoos" / f"{name}-inrs")
    rows = zoo.rows(split="test")[:NUM_IMAGES]
    images = torch.from_numpy(original_images(zoo, rows))
    labels = torch.from_numpy(zoo.metadata["label"].to_numpy()[rows].copy()).long()
    return SampleImages(name, images, labels)


def fitting_image_sets(architecture: Architecture) -> list[str]:
    """The image sets whose images a network could classify: as many classes, and inputs of their size."""
    fits = architecture.num_inputs == 1 and not architecture.token_values and len(architecture.outputs) == 1
    if not fits or len(architecture.output_shape) != 1:
        return []
    found = []
    for name, shape in IMAGE_SHAPES.items():
        blank = torch.zeros(1, *shape, dtype=torch.uint8)
        if architecture.output_shape[0] == len(CLASS_NAMES[name]) and _inputs(blank, architecture) is not None:
            found.append(name)
    return found


def _inputs(
    images: UInt8[Tensor, "images height width *rgb"], architecture: Architecture
) -> Float[Tensor, " images *shape"] | None:
    """Images as an architecture takes them; None where they do not fit."""
    wanted = architecture.input_shapes[0]
    maps = [to_grey(images), *([to_colour(images)] if images.dim() == 4 else [])]
    value = next((value for value in (_as_value(one, wanted) for one in maps) if value is not None), None)
    if value is None or not architecture.input_orders:
        return value
    order = architecture.input_orders[0]
    return value.permute(0, *(order.index(axis) + 1 for axis in range(len(order))))


def _as_value(maps: Float[Tensor, "images channels height width"], wanted: tuple[int, ...]) -> Tensor | None:
    """Maps as a value of the wanted shape (channels, *positions); None where they do not fit."""
    _, channels, height, width = maps.shape
    if wanted == tuple(maps.shape[1:]):
        return maps
    if wanted == (channels * height * width,):
        return maps.flatten(1)
    rows_are_steps = channels == 1 and wanted == (width, height)
    return maps[:, 0].mT if rows_are_steps else None
