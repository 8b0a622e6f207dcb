"""Inputs to run a network on: places of an image for INRs, small pictures for CNNs, numbers for other networks."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ngcore.networks import Architecture

PICTURES = ("Stripes", "Gradient", "Disc", "Checks", "Noise")
PICTURE_MAX_SIDE = 4_096


def picture(name: str, shape: tuple[int, ...], *, seed: int = 0) -> np.ndarray:
    """A picture made from a formula, float32 (channels, height, width) in [−1, 1].

    Args:
        name: One of `PICTURES`.
        shape: (channels, height, width).
        seed: Of the noise.
    """
    channels, height, width = shape
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    formulas = {
        "Stripes": np.sin(6 * np.pi * x),
        "Gradient": (x + y) / 2,
        "Disc": np.where(x**2 + y**2 < 0.4, 1.0, -1.0),
        "Checks": np.sign(np.sin(4 * np.pi * x) * np.sin(4 * np.pi * y)),
    }
    if name == "Noise":
        return np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)
    return np.broadcast_to(formulas[name], (channels, height, width)).astype(np.float32).copy()


def picture_from_file(data: bytes, shape: tuple[int, ...]) -> np.ndarray:
    """An image file as an input, float32 (channels, height, width) in [−1, 1], cut to a square or what is asked for.

    Raises:
        DataError: If it is no PNG or JPEG image of a reasonable size.
    """
    import io

    from PIL import Image, ImageOps, UnidentifiedImageError

    from ngcore.errors import DataError

    channels, height, width = shape
    if channels not in (1, 3):
        raise DataError(f"Expected a network that reads grey or colour images, got one of {channels} channels.")
    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG")) as opened:
            if max(opened.size) > PICTURE_MAX_SIDE:
                raise DataError(f"Expected an image of at most {PICTURE_MAX_SIDE} pixels a side, got {opened.size}.")
            image = ImageOps.fit(opened.convert("L" if channels == 1 else "RGB"), (width, height))
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError("Expected a PNG or JPEG image, got something else.") from error
    pixels = np.asarray(image, dtype=np.float32).reshape(height, width, channels) / 127.5 - 1
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))


def random_inputs(architecture: "Architecture", *, count: int = 64, seed: int = 0) -> np.ndarray:
    """Random inputs to compare networks on, float32 (count, *input shape) in [−1, 1]."""
    return np.random.default_rng(seed).uniform(-1, 1, (count, *architecture.input_shape)).astype(np.float32)
