"""Drawings and strangers' pictures as the small images that networks are fitted to."""

import io

import numpy as np
from PIL import Image, ImageOps

from ngcore.errors import DataError

SIDE, COLOUR_SIDE = 28, 32
MAX_SIDE = 4_096  # pixels of the longer side of an image file
MNIST_BOX = 20  # pixels of the longer side of an MNIST digit
FAINT = 0.1  # share of the brightest value below which a pixel is ground, not ink
FINE = 10  # an image file is first read this many times larger, so that a small digit in it stays sharp


def drawing_from(value: object) -> np.ndarray:
    """What a browser sent as a drawing: grey values in [0, 1], float32 (28, 28).

    Raises:
        DataError: If it is no list of 784 whole numbers from 0 to 255.
    """
    if not isinstance(value, list) or len(value) != SIDE * SIDE:
        got = f"a list of {len(value)}" if isinstance(value, list) else type(value).__name__
        raise DataError(f"Expected a drawing of {SIDE * SIDE} grey values, got {got}.")
    if not all(type(number) is int and 0 <= number <= 255 for number in value):
        raise DataError("Expected a drawing of whole numbers from 0 to 255, got other values.")
    return (np.array(value, dtype=np.float32) / 255).reshape(SIDE, SIDE)


def as_mnist(drawing: np.ndarray) -> np.ndarray:
    """A drawing placed as MNIST places its digits: 20 pixels long or high, its centre of mass in the middle.

    The brightest pixel becomes white. Ink that would lie outside is moved in as far as needed.

    Args:
        drawing: Ink in [0, 1] on a ground of 0, (height, width).

    Returns:
        float32 (28, 28).

    Raises:
        DataError: If nothing is drawn.
    """
    ink = np.where(drawing > FAINT * drawing.max(initial=0), drawing, 0).astype(np.float32)
    if not np.isfinite(ink).all() or ink.max(initial=0) <= 0:
        raise DataError("Expected a drawing with some ink, got an empty one.")
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    digit = _scaled(ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
    top, left = (_start(digit.sum(axis=1 - axis)) for axis in (0, 1))
    placed = np.zeros((SIDE, SIDE), dtype=np.float32)
    placed[top : top + digit.shape[0], left : left + digit.shape[1]] = digit
    return placed / placed.max()


def _scaled(digit: np.ndarray) -> np.ndarray:
    """The digit with `MNIST_BOX` pixels on its longer side."""
    scale = MNIST_BOX / max(digit.shape)
    height, width = (max(1, round(side * scale)) for side in digit.shape)
    image = Image.fromarray(digit).resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(image, dtype=np.float32).clip(0, 1)


def _start(mass: np.ndarray) -> int:
    """The first row (or column) of a digit whose centre of mass along that axis comes into the middle."""
    centre = float((mass * (np.arange(len(mass)) + 0.5)).sum() / mass.sum())
    return int(np.clip(round(SIDE / 2 - centre), 0, SIDE - len(mass)))


def picture_from_file(data: bytes, shape: tuple[int, ...]) -> np.ndarray:
    """An image file as an input, float32 (channels, height, width) in [−1, 1], cut to a square or what is asked for.

    The picture is upright as its camera held it, what is transparent is white, and 16 bits a pixel keep their range.

    Raises:
        DataError: If it is no PNG or JPEG image of a reasonable size.
    """
    channels, height, width = shape
    if channels not in (1, 3):
        raise DataError(f"Expected a network that reads grey or colour images, got one of {channels} channels.")
    image = ImageOps.fit(_opened(data).convert("L" if channels == 1 else "RGB"), (width, height))
    pixels = np.asarray(image, dtype=np.float32).reshape(height, width, channels) / 127.5 - 1
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))


def _opened(data: bytes) -> Image.Image:
    """The upright image of a file in mode L or RGB.

    Raises:
        DataError: If it is no PNG or JPEG image of a reasonable size.
    """
    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG")) as opened:
            if max(opened.size) > MAX_SIDE:
                raise Image.DecompressionBombError
            if opened.mode == "P" and opened.palette is None:
                raise ValueError("no palette")  # Pillow would read it as all transparent
            return _on_white(ImageOps.exif_transpose(opened))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DataError(f"Expected an image of at most {MAX_SIDE} pixels a side, got a larger one.") from error
    except Exception as error:  # Pillow's readers raise whatever a damaged file leads them to
        raise DataError("Expected a PNG or JPEG image, got something else or a damaged file.") from error


def _on_white(image: Image.Image) -> Image.Image:
    """An image of any mode in L or RGB: transparency laid on white, 16 bits scaled to 8."""
    if image.mode.startswith("I") or image.mode == "F":
        return Image.fromarray((np.asarray(image, dtype=np.float64) / 257).clip(0, 255).round().astype(np.uint8))
    if not image.has_transparency_data:
        return image if image.mode == "L" else image.convert("RGB")
    clear = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear).convert("RGB")


def image_from_file(data: bytes, *, colour: bool = False, invert: bool = False, centre: bool = False) -> np.ndarray:
    """An image file as an image to fit, float32 in [0, 1], cut to a square.

    Args:
        data: A PNG or JPEG file.
        colour: Read as colour, (32, 32, 3), instead of grey, (28, 28).
        invert: Swap dark and bright, as for ink on paper.
        centre: Place what stands out from the ground as MNIST places its digits; for grey images.

    Raises:
        DataError: If it is no PNG or JPEG image of a reasonable size, or nothing stands out from its ground.
    """
    side = COLOUR_SIDE if colour else SIDE * FINE if centre else SIDE
    pixels = (picture_from_file(data, (3 if colour else 1, side, side)).transpose(1, 2, 0) + 1) / 2
    pixels = (1 - pixels if invert else pixels).clip(0, 1).astype(np.float32)
    if colour:
        return pixels
    return as_mnist(_ink(pixels[..., 0])) if centre else pixels[..., 0]


def _ink(picture: np.ndarray) -> np.ndarray:
    """What is brighter than the ground, from 0 to 1; the ground is the median, with the spread of noise about it."""
    ground = np.median(picture)
    noise = 3 * np.median(np.abs(picture - ground))
    return ((picture - ground - noise) / max(float(picture.max() - ground - noise), 1e-3)).clip(0, 1)
