"""Tensors as small blocks of HTML: a picture of the matrix, a histogram, numbers; and arcs between them."""

import base64
import dataclasses
import io
from collections.abc import Sequence
from html import escape

import numpy as np
from PIL import Image

from app.charts.gaps import full_colour
from app.charts.signed_image import draw_signed_image
from app.charts.theme import Theme

ROW_HEIGHT = 38  # pixels of a row of the drawing of connections
ARC_WIDTH = 132
STYLE = """<style>
.loose-cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(230px,1fr));gap:12px;margin:2px 0 10px}
.loose-card{border:1px solid color-mix(in srgb,currentColor 18%,transparent);border-radius:8px;padding:10px;min-width:0}
.loose-matrix{image-rendering:pixelated;object-fit:fill}
.loose-card .loose-matrix{width:100%;height:112px;border-radius:4px;display:block}
.loose-card .loose-vector{height:26px}
.loose-card .loose-kernels{height:150px;object-fit:contain;object-position:left top}
.loose-card .loose-bars{width:100%;height:34px;display:block;margin-top:6px}
.loose-name{font-weight:600;font-size:.88rem;overflow-wrap:anywhere;line-height:1.25}
.loose-small{font-size:.76rem;opacity:.8;line-height:1.45;font-variant-numeric:tabular-nums}
.loose-mark{font-size:.74rem;border:1px dashed currentColor;border-radius:999px;padding:0 7px;opacity:.75;
display:inline-block;margin-top:5px;overflow-wrap:anywhere}
.loose-mark.said{border-style:solid}
.loose-group{font-size:.82rem;opacity:.75;margin:10px 0 4px;overflow-wrap:anywhere}
.loose-rows{position:relative;padding-left:132px}
.loose-rows>img{position:absolute;left:0;top:0;width:132px;max-width:none}
.loose-row{height:38px;display:flex;align-items:center;gap:10px;white-space:nowrap;overflow:hidden}
.loose-row .loose-matrix{width:30px;height:30px;flex:none;border-radius:3px}
.loose-row b{font-weight:600;font-size:.86rem;overflow:hidden;text-overflow:ellipsis}
@media(max-width:640px){.loose-rows{padding-left:64px}.loose-rows>img{width:64px}}
</style>"""


@dataclasses.dataclass(frozen=True)
class Card:
    """What the block of one tensor shows.

    Attributes:
        name: Its name; a stranger's text.
        facts: A line on its shape, type and size.
        numbers: A line on its statistics.
        warning: What is odd about its numbers; empty if nothing is.
        mark: What it is connected to; empty for none.
        is_said: Whether the mark is no guess.
        thumbnail: A small matrix, NaN where nothing is finite.
        counts: Counts of a histogram.
        is_kernels: Whether the thumbnail is a sheet of kernels, which must not be stretched.
        zero_bin: Which of its bins holds zero, as a fraction of all; below 0 or above 1 if none does.
    """

    name: str
    facts: str
    numbers: str
    warning: str
    mark: str
    is_said: bool
    thumbnail: np.ndarray
    is_kernels: bool
    counts: tuple[int, ...]
    zero_bin: float


def card_html(card: Card, theme: Theme) -> str:
    """The block of a tensor, every stranger's text escaped."""
    warning = f"<div class='loose-small' style='color:{theme.positive}'>⚠ {escape(card.warning)}</div>"
    said = " said" if card.is_said else ""
    return (
        f"<div class='loose-card'><div class='loose-name'>{escape(card.name)}</div>"
        f"<div class='loose-small' style='margin-bottom:6px'>{escape(card.facts)}</div>"
        f"{picture_html(card.thumbnail, card.name, theme, is_kernels=card.is_kernels)}{_histogram(card, theme)}"
        f"<div class='loose-small'>{escape(card.numbers)}</div>{warning if card.warning else ''}"
        + (f"<div class='loose-mark{said}'>{escape(card.mark)}</div>" if card.mark else "")
        + "</div>"
    )


def picture_html(matrix: np.ndarray, name: str, theme: Theme, *, is_kernels: bool = False) -> str:
    """A small matrix as a picture of as many pixels, in colours about zero; NaN is a hole."""
    if not matrix.size:
        return ""
    pixels = draw_signed_image(matrix, full_colour(matrix, 0.99), theme=theme)
    pixels = np.dstack([pixels, np.where(np.isfinite(matrix), 255, 0).astype(np.uint8)])
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    encoded = base64.b64encode(buffer.getvalue()).decode()
    alt = f"Values of {escape(name, quote=True)}"
    kind = "loose-matrix" + (" loose-kernels" if is_kernels else " loose-vector" if len(matrix) == 1 else "")
    return f"<img class='{kind}' src='data:image/png;base64,{encoded}' alt='{alt}'>"


def kernel_sheet(kernels: np.ndarray) -> np.ndarray:
    """Kernels (outputs, inputs, height, width) side by side as a matrix, with gaps of NaN between them."""
    outputs, inputs, height, width = kernels.shape
    padded = np.full((outputs, inputs, height + 1, width + 1), np.nan)
    padded[:, :, :height, :width] = kernels
    sheet = padded.swapaxes(1, 2).reshape(outputs * (height + 1), inputs * (width + 1))
    return sheet[:-1, :-1]


def _svg(width: int, height: int, content: str, *, kind: str, alt: str) -> str:
    """A drawing as an image, as Streamlit takes drawings out of HTML."""
    drawing = (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{height}' viewBox='0 0 {width} {height}' "
        f"preserveAspectRatio='none'>{content}</svg>"
    )
    encoded = base64.b64encode(drawing.encode()).decode()
    return f"<img class='{kind}' src='data:image/svg+xml;base64,{encoded}' style='height:{height}px' alt='{alt}'>"


def _histogram(card: Card, theme: Theme) -> str:
    """Bars as high as the roots of the counts, so that rare values show."""
    if len(card.counts) < 2:
        return ""
    heights = np.sqrt(np.asarray(card.counts, dtype=float))
    heights = heights / heights.max() * 34
    width = 240 / len(heights)
    bars = "".join(
        f"<rect x='{i * width:.1f}' y='{34 - height:.1f}' width='{max(width - 0.6, 0.6):.1f}' height='{height:.1f}' "
        f"fill='{theme.negative if (i + 0.5) / len(heights) < card.zero_bin else theme.positive}'/>"
        for i, height in enumerate(heights)
        if height > 0
    )
    return _svg(240, 34, bars, kind="loose-bars", alt="Histogram")


@dataclasses.dataclass(frozen=True)
class Row:
    """A tensor in the drawing of connections."""

    name: str
    facts: str
    thumbnail: np.ndarray


def connections_html(rows: Sequence[Row], arcs: Sequence[tuple[int, int, bool]], theme: Theme) -> str:
    """Tensors below each other, with arcs at their left from one to the next.

    Args:
        rows: The tensors in the order of the file.
        arcs: From which row to which, and whether it is a guess, which is dashed.
        theme: Colours.
    """
    lines = "".join(
        f"<div class='loose-row'>{picture_html(row.thumbnail, row.name, theme)}<b>{escape(row.name)}</b>"
        f"<span class='loose-small'>{escape(row.facts)}</span></div>"
        for row in rows
    )
    paths = "".join(_arc(first, second, is_guess, theme) for first, second, is_guess in arcs)
    picture = _svg(ARC_WIDTH, ROW_HEIGHT * len(rows), paths, kind="loose-arcs", alt=arcs_in_words(rows, arcs))
    return f"<div class='loose-rows'>{picture}{lines}</div>"


def arcs_in_words(rows: Sequence[Row], arcs: Sequence[tuple[int, int, bool]]) -> str:
    """What the drawing says, for those who cannot see it, escaped."""
    words = [f"{rows[a].name} to {rows[b].name}{' (guess)' if is_guess else ''}" for a, b, is_guess in arcs]
    return escape("Connections: " + ("; ".join(words) or "none"), quote=True)


def _arc(first: int, second: int, is_guess: bool, theme: Theme) -> str:
    """A curve that reaches farther to the left the more rows it passes, with a dot where it ends."""
    start, end = ROW_HEIGHT * (first + 0.5), ROW_HEIGHT * (second + 0.5)
    edge = ARC_WIDTH - 10
    reach = min(18 + 9 * abs(second - first), edge - 4) * 1.25
    colour = theme.muted if is_guess else theme.accent
    dash = " stroke-dasharray='5 4'" if is_guess else ""
    return (
        f"<path d='M{edge} {start:.0f}C{edge - reach:.0f} {start:.0f} {edge - reach:.0f} {end:.0f} {edge} {end:.0f}' "
        f"fill='none' stroke='{colour}' stroke-width='1.8'{dash}/>"
        f"<circle cx='{edge}' cy='{end:.0f}' r='3.4' fill='{colour}'/>"
    )
