"""Networks as points for the map in the browser: places, colours, facts and pictures, packed into text."""

import base64
import hashlib
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from app.charts.colouring import NO_COLOUR, Colouring, palette_of, ticks_of
from app.charts.colours import PLACED
from app.charts.theme import Theme
from ngcore.text import clean_text

if TYPE_CHECKING:
    import pandas

MAX_TEXT = 80  # letters of anything that a file or a table says
MAX_FACTS = 6
MAX_NAMES = 65_535
GRID = 24  # cells a side, by which the densest place of a class is found
FEWEST_LABELLED = 3
MAX_CORNERS = 2_000


@dataclass(frozen=True)
class Mark:
    """Points that are ringed or added to a map.

    Attributes:
        kind: "selected" is a large ring, "neighbour" a small one, "placed" a diamond.
        points: Their coordinates.
        texts: Written beside each point; empty for none.
        keys: What the browser sends when a point is clicked; empty for points that cannot be clicked.
    """

    kind: Literal["selected", "neighbour", "placed"]
    points: Sequence[tuple[float, float]]
    texts: Sequence[str] = ()
    keys: Sequence[str] = ()


def packed(values: np.ndarray) -> str:
    """The bytes of an array as text."""
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode()


def point_fields(points: np.ndarray) -> dict[str, str]:
    """Places (networks, 2), and a digest by which the browser knows them again; what is not finite becomes 0."""
    values = np.nan_to_num(points.astype("<f4"), nan=0.0, posinf=0.0, neginf=0.0)
    return {"values": packed(values), "fingerprint": hashlib.sha256(values.tobytes()).hexdigest()[:16]}


def colour_fields(
    colouring: Colouring, theme: Theme, *, hidden: Sequence[int] = (), limits: tuple[int, int] | None = None
) -> dict[str, Any]:
    """The colours with their key, and which of them are hidden.

    Args:
        colouring: A value per network.
        theme: Colours of the page.
        hidden: Categories that stand back, by their numbers.
        limits: The lowest and the highest number that stand out, by the numbers of their colours; None for all.
    """
    is_category = colouring.kind == "category"
    return {
        "title": short(colouring.title),
        "codes": packed(colouring.codes),
        "palette": palette_of(colouring, theme),
        "categories": [short(name) for name in colouring.categories[:NO_COLOUR]] if is_category else None,
        "ticks": [] if is_category else ticks_of(colouring),
        "hidden": list(hidden),
        "range": list(limits) if limits else None,
    }


def fact_fields(table: "pandas.DataFrame", columns: Iterable[str], percent: frozenset[str]) -> list[dict[str, Any]]:
    """Columns of a table as facts about each point.

    Args:
        table: One row per network.
        columns: Which columns, in order; the first `MAX_FACTS` are taken.
        percent: Columns that hold shares.
    """
    return [_fact(table, name, name in percent) for name in list(columns)[:MAX_FACTS]]


def _fact(table: "pandas.DataFrame", name: str, is_share: bool) -> dict[str, Any]:
    column = table[name]
    if column.dtype.kind in "iuf":
        values = column.to_numpy(dtype=float)
        is_whole = bool((values[np.isfinite(values)] % 1 == 0).all()) and not is_share
        numbers = packed(values.astype("<f4"))
        return {"title": short(name), "kind": "number", "values": numbers, "percent": is_share, "whole": is_whole}
    texts = [None if text is None or text != text else short(str(text)) for text in column]
    names = list(dict.fromkeys(text for text in texts if text is not None))[:MAX_NAMES]
    number = {text: i for i, text in enumerate(names)}
    absent = len(names)
    codes = np.array([absent if text is None else number.get(text, absent) for text in texts], dtype="<u2")
    return {"title": short(name), "kind": "category", "values": packed(codes), "names": names}


def short(text: str) -> str:
    """A text of a file or a table as one line without what cannot be printed, and not too long."""
    return clean_text(text, length=MAX_TEXT)


def picture_fields(images: np.ndarray, rows: np.ndarray, num_points: int) -> dict[str, Any]:
    """Pictures (networks, height, width[, 3]) in [0, 1] of the points `rows`, side by side in one image."""
    count, height, width = images.shape[:3]
    columns = math.ceil(math.sqrt(count))
    lines = math.ceil(count / columns)
    pixels = (255 * np.nan_to_num(images).clip(0, 1)).round().astype(np.uint8)
    sheet = np.zeros((lines * columns, *pixels.shape[1:]), dtype=np.uint8)
    sheet[:count] = pixels
    sheet = sheet.reshape(lines, columns, *pixels.shape[1:]).swapaxes(1, 2)
    buffer = io.BytesIO()
    Image.fromarray(sheet.reshape(lines * height, columns * width, *pixels.shape[3:])).save(buffer, "WEBP", quality=80)
    numbers = np.full(num_points, -1, dtype="<i4")
    numbers[rows] = np.arange(count)
    content = buffer.getvalue()
    return {
        "address": "data:image/webp;base64," + base64.b64encode(content).decode(),
        "fingerprint": hashlib.sha256(content + numbers.tobytes()).hexdigest()[:16],
        "rows": packed(numbers),
        "width": width,
        "height": height,
        "columns": columns,
    }


def label_fields(colouring: Colouring, points: np.ndarray) -> list[dict[str, Any]]:
    """Names of the categories, each where its points lie densest, the largest categories first; none for numbers."""
    if colouring.kind != "category" or not len(points):
        return []
    codes = colouring.codes
    low, high = points.min(axis=0), points.max(axis=0)
    span = np.where(high > low, high - low, 1.0)
    labels = []
    for code, name in enumerate(colouring.categories[:NO_COLOUR]):
        own = points[codes == code]
        if len(own) >= FEWEST_LABELLED:
            place = _densest(own, low, span).tolist()
            labels.append({"text": short(name), "code": code, "place": place, "count": len(own)})
    return sorted(labels, key=lambda label: -label["count"])


def _densest(points: np.ndarray, low: np.ndarray, span: np.ndarray) -> np.ndarray:
    """The middle of the points about the cell in which most of them lie."""
    cells = np.minimum(((points - low) / span * GRID).astype(int), GRID - 1)
    counts = np.zeros((GRID, GRID))
    np.add.at(counts, tuple(cells.T), 1.0)
    peak = np.array(np.unravel_index(gaussian_filter(counts, 1.2, mode="constant").argmax(), counts.shape))
    near = points[(np.abs(cells - peak) <= 2).all(axis=1)]
    return np.median(near if len(near) else points, axis=0)


def mark_fields(marks: Iterable[Mark]) -> list[dict[str, Any]]:
    """Marks for the browser; points that are not finite are left out."""
    fields = []
    for mark in marks:
        kept = [i for i, point in enumerate(mark.points) if all(map(math.isfinite, point))]
        fields.append(
            {
                "kind": mark.kind,
                "points": [list(mark.points[i]) for i in kept],
                "texts": [short(mark.texts[i]) if i < len(mark.texts) else "" for i in kept],
                "keys": [mark.keys[i] if i < len(mark.keys) else "" for i in kept],
            }
        )
    return fields


def path_fields(paths: Iterable[Sequence[int]]) -> str:
    """Rows to join by lines, each path ended by −1."""
    return packed(np.array([row for path in paths for row in (*path, -1)], dtype="<i4"))


def theme_fields(theme: Theme) -> dict[str, str]:
    """The colours of the page that the map takes over."""
    return {
        "text": theme.text,
        "muted": theme.muted,
        "background": theme.background,
        "accent": theme.accent,
        "placed": PLACED,
    }


def polygon_of(sent: Any) -> list[tuple[float, float]]:
    """The corners of a region that a browser sent; none of them if they make no sense."""
    if not isinstance(sent, Mapping) or not isinstance(sent.get("polygon"), list):
        return []
    corners = sent["polygon"][:MAX_CORNERS]
    if len(corners) < 3 or not all(isinstance(one, list) and len(one) == 2 for one in corners):
        return []
    values = [value for corner in corners for value in corner]
    if not all(isinstance(value, int | float) and math.isfinite(value) for value in values):
        return []
    return [(float(x), float(y)) for x, y in corners]


def rows_inside(points: np.ndarray, polygon: Sequence[tuple[float, float]]) -> list[int]:
    """Rows of points (networks, 2) inside a polygon: a ray to the right crosses its edges an odd number of times."""
    if len(polygon) < 3:
        return []
    x, y = points.T.astype(float)
    is_inside = np.zeros(len(points), dtype=bool)
    for (x0, y0), (x1, y1) in zip(polygon, [*polygon[1:], polygon[0]], strict=True):
        crosses = (y0 > y) != (y1 > y)
        if y0 != y1:
            is_inside ^= crosses & (x < x0 + (y - y0) * (x1 - x0) / (y1 - y0))
    return np.flatnonzero(is_inside).tolist()


def limits_of(sent: Any, colouring: Colouring) -> tuple[list[int], tuple[int, int] | None]:
    """What the key hides of a colouring, from what a browser sent: numbers of categories, and limits of colours."""
    if not isinstance(sent, Mapping) or sent.get("title") != short(colouring.title):
        return [], None
    numbers = range(min(len(colouring.categories), NO_COLOUR))
    hidden = sent.get("hidden")
    kept = [code for code in hidden if type(code) is int and code in numbers] if isinstance(hidden, list) else []
    limits = sent.get("range")
    if colouring.kind == "category" or not isinstance(limits, list):
        return sorted(set(kept)), None
    codes = [one for one in limits if type(one) is int]
    is_pair = len(limits) == len(codes) == 2
    return [], (max(0, min(codes)), min(NO_COLOUR - 1, max(codes))) if is_pair else None


def stand_out(colouring: Colouring, hidden: Sequence[int], limits: tuple[int, int] | None) -> np.ndarray:
    """Which networks the key leaves on the map, (networks,); those without a value stay."""
    codes = colouring.codes
    if limits is not None:
        return (codes == NO_COLOUR) | ((codes >= limits[0]) & (codes <= limits[1]))
    return ~np.isin(codes, np.array(hidden, dtype=np.uint8))
