"""Many small images in one picture, each with a line of text below it."""

import base64
import io
import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from app.charts.theme import LIGHT, Theme

GAP = 6
TEXT_HEIGHT = 15


def to_image(pixels: np.ndarray, size: int | None = None) -> Image.Image:
    """Pixels in [0, 1], (height, width) or (height, width, 3), as a picture; enlarged without smoothing to `size`."""
    image = Image.fromarray((np.clip(np.nan_to_num(pixels), 0, 1) * 255).round().astype(np.uint8))
    if size is None:
        return image
    height, width = pixels.shape[:2]
    scale = size / max(height, width)
    return image.resize((max(1, round(width * scale)), max(1, round(height * scale))), Image.Resampling.NEAREST)


def to_png(pixels: np.ndarray, size: int | None = None) -> bytes:
    """`to_image` as the bytes of a PNG."""
    buffer = io.BytesIO()
    to_image(pixels, size).save(buffer, "PNG")
    return buffer.getvalue()


def data_address(pixels: np.ndarray) -> str:
    """Pixels in [0, 1] as an address that holds the picture itself."""
    return "data:image/png;base64," + base64.b64encode(to_png(pixels)).decode()


def draw_image_grid(
    images: np.ndarray, texts: Sequence[str], *, columns: int = 12, size: int = 72, theme: Theme = LIGHT
) -> Image.Image:
    """A grid of images (networks, height, width[, 3]), `columns` in a row, each `size` pixels wide.

    Args:
        images: Values in [0, 1].
        texts: A short line for each image.
        columns: Images in a row.
        size: Pixels of the longer side of an image.
        theme: Colours of the ground and of what is on it.
    """
    rows = math.ceil(len(images) / columns)
    high = _height(images, size)
    step_x, step_y = size + GAP, high + TEXT_HEIGHT + GAP
    grid = Image.new("RGBA", (min(columns, max(len(images), 1)) * step_x - GAP, max(rows, 1) * step_y))
    draw, font = ImageDraw.Draw(grid), ImageFont.load_default(size=11)
    colour = theme.text
    for i, (pixels, text) in enumerate(zip(images, texts, strict=True)):
        x, y = i % columns * step_x, i // columns * step_y
        grid.paste(to_image(pixels, size).convert("RGBA"), (x, y))
        printable = "".join(letter if letter.isprintable() else " " for letter in text)
        draw.text((x, y + high + 1), _shortened(printable, font, size), fill=colour, font=font)
    return grid


def _height(images: np.ndarray, size: int) -> int:
    """Pixels that images are high whose longer side has `size`."""
    height, width = images.shape[1:3]
    return max(1, round(size * height / max(height, width)))


def _shortened(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    """As much of the text as fits."""
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(f"{text}…") > width:
        text = text[:-1]
    return f"{text}…"
