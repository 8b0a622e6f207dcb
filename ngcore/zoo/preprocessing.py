"""From image sets as they are stored to what classifiers are trained on."""

from collections.abc import Callable

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from ngcore.zoo.cnn_training import ImageSplits
from ngcore.zoo.images import ImageSet

_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


def to_grey_splits(image_set: ImageSet) -> ImageSplits:
    """The image set as grey images (num, 1, height, width) in [-1, 1]: luma / 127.5 - 1, ITU-R BT.601 luma."""
    return _splits(image_set, to_grey)


def to_colour_splits(image_set: ImageSet) -> ImageSplits:
    """The image set as colour images (num, 3, height, width) in [-1, 1]: value / 127.5 - 1."""
    return _splits(image_set, to_colour)


def _splits(image_set: ImageSet, prepare: Callable[[Tensor], Tensor]) -> ImageSplits:
    return ImageSplits(
        train_images=prepare(torch.as_tensor(image_set.train_images)),
        train_labels=torch.as_tensor(image_set.train_labels).long(),
        test_images=prepare(torch.as_tensor(image_set.test_images)),
        test_labels=torch.as_tensor(image_set.test_labels).long(),
    )


def to_grey(images: UInt8[Tensor, "num height width *rgb"]) -> Float[Tensor, "num 1 height width"]:
    """Luma (ITU-R BT.601) in [-1, 1]; of grey images the pixels."""
    if images.dim() == 3:
        return (images.float() / 127.5 - 1)[:, None]
    grey = sum(weight * images[..., channel] for channel, weight in enumerate(_LUMA))
    return (torch.as_tensor(grey) / 127.5 - 1)[:, None]


def to_colour(images: UInt8[Tensor, "num height width rgb"]) -> Float[Tensor, "num rgb height width"]:
    """The three colours in [-1, 1]."""
    return (images.float() / 127.5 - 1).movedim(3, 1).contiguous()


PREPROCESSINGS: dict[str, Callable[[ImageSet], ImageSplits]] = {
    "ITU-R BT.601 luma / 127.5 - 1": to_grey_splits,
    "RGB / 127.5 - 1": to_colour_splits,
}
