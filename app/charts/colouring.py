"""What the colours of a chart say: a value per network, its colour by number, and a key in the value's own units."""

import dataclasses
import itertools
import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Literal

import numpy as np

from app.charts.colours import CATEGORIES, SEQUENTIAL
from app.charts.theme import LIGHT, Theme

NO_COLOUR = 255
LEVELS = 255  # colours of a scale for numbers
MOST_TICKS = 6
STEPS = (1, 2, 2.5, 5, 10)


@dataclasses.dataclass(frozen=True)
class Colouring:
    """What the colours of a chart say.

    Attributes:
        title: What is shown, with its unit.
        values: One value per network: the name of a category, or a number; None or NaN where there is none.
        kind: "category", "sequential" (from low to high) or "diverging" (about zero).
        categories: All categories in order, for kind "category".
        percent: Whether numbers are shares.
        is_log: Whether colours follow the logarithm of the numbers.
    """

    title: str
    values: Sequence[Any]
    kind: Literal["category", "sequential", "diverging"] = "sequential"
    categories: tuple[str, ...] = ()
    percent: bool = False
    is_log: bool = False

    @cached_property
    def codes(self) -> np.ndarray:
        """The colour of each network by its number in `palette_of`, uint8; `NO_COLOUR` where there is no value."""
        if self.kind == "category":
            number = {name: i for i, name in enumerate(self.categories[:NO_COLOUR])}
            return np.array([number.get(value, NO_COLOUR) for value in self.values], dtype=np.uint8)
        values = _scaled(self, self.numbers)
        low, high = _scaled(self, np.array(range_of(self)))
        codes = np.full(len(values), NO_COLOUR, dtype=np.uint8)
        is_known = np.isfinite(values)
        codes[is_known] = np.rint((values[is_known] - low) / (high - low) * (LEVELS - 1)).clip(0, LEVELS - 1)
        return codes

    @cached_property
    def numbers(self) -> np.ndarray:
        """The values of a colouring by numbers, float64; NaN where there is none."""
        return np.array([math.nan if value is None else float(value) for value in self.values])

    def text(self, row: int) -> str:
        """The value of a network in words: shares in percent, other numbers with three digits; "" for none."""
        value = self.values[row]
        if value is None or value != value:
            return ""
        return value if isinstance(value, str) else _text(float(value), percent=self.percent)


def palette_of(colouring: Colouring, theme: Theme = LIGHT) -> list[str]:
    """The colours as #rrggbb: one per category, or `LEVELS` from the lowest number to the highest."""
    if colouring.kind == "category":
        return list(itertools.islice(itertools.cycle(CATEGORIES), min(len(colouring.categories), NO_COLOUR)))
    ends = (theme.negative, theme.muted, theme.positive) if colouring.kind == "diverging" else SEQUENTIAL
    channels = np.array([[int(end[i : i + 2], 16) for i in (1, 3, 5)] for end in ends], dtype=float)
    at, known = np.linspace(0, 1, LEVELS), np.linspace(0, 1, len(ends))
    mixed = np.stack([np.interp(at, known, channel) for channel in channels.T], axis=1)
    return [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in np.rint(mixed).astype(int).tolist()]


def ticks_of(colouring: Colouring) -> list[tuple[float, str]]:
    """Places on the scale of numbers, as shares of its length, with what is written there: round numbers."""
    low, high = range_of(colouring)
    ticks = _log_ticks(low, high) if colouring.is_log else _ticks(low, high)
    first, last = _scaled(colouring, np.array([low, high]))
    shares = (_scaled(colouring, np.array(ticks)) - first) / (last - first)
    return [(round(float(s), 4), _text(t, percent=colouring.percent)) for s, t in zip(shares, ticks, strict=True)]


def range_of(colouring: Colouring) -> tuple[float, float]:
    """The lowest and the highest number; of equal size where they are shown about zero, and never the same."""
    numbers = colouring.numbers
    numbers = numbers[np.isfinite(_scaled(colouring, numbers))]
    low, high = (float(numbers.min()), float(numbers.max())) if len(numbers) else (1.0, 2.0)
    if colouring.kind == "diverging":
        high = max(abs(low), abs(high))
        low = -high
    return (low, high) if low < high else (low, low + (abs(low) or 1.0))


def _scaled(colouring: Colouring, numbers: np.ndarray) -> np.ndarray:
    """Numbers on the axis along which colours change; what has no logarithm is not a number."""
    if not colouring.is_log:
        return np.where(np.isfinite(numbers), numbers, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        logarithms = np.log10(numbers)
    return np.where(np.isfinite(logarithms), logarithms, np.nan)


def _ticks(low: float, high: float) -> list[float]:
    size = 10.0 ** math.floor(math.log10((high - low) / MOST_TICKS))
    step = next(factor * size for factor in STEPS if (high - low) / (factor * size) <= MOST_TICKS)
    first = math.ceil(low / step - 1e-9)
    return [round(i * step, 12) for i in range(first, math.floor(high / step + 1e-9) + 1)]


def _log_ticks(low: float, high: float) -> list[float]:
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1, 2, 5), (1, 3), (1,)):
        ticks = [factor * 10.0**power for power in powers for factor in factors]
        ticks = [tick for tick in ticks if low * (1 - 1e-9) <= tick <= high * (1 + 1e-9)]
        if len(ticks) <= MOST_TICKS + 2:
            break
    return ticks or [low, high]


def _text(value: float, *, percent: bool) -> str:
    if percent:
        return f"{100 * value:.3g}\u2009%"
    if value == round(value) and abs(value) < 1e7:
        return f"{value:,.0f}"
    return f"{value:.3g}"
