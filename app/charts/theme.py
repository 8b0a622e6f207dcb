"""Colours of all charts: told apart by colour-blind eyes, in light and in dark, and the keys that explain them."""

from dataclasses import dataclass
from html import escape

import numpy as np

from app.charts.colours import CATEGORIES, NEGATIVE, POSITIVE


@dataclass(frozen=True)
class Theme:
    """Colours for one background.

    Attributes:
        text: Of labels.
        muted: Of what stands back, such as axes and unselected points.
        background: Of the page.
        accent: Of what is selected.
        negative: End of the diverging scale for numbers below zero.
        zero: Its middle.
        positive: Its end for numbers above zero.
    """

    text: str
    muted: str
    background: str
    accent: str
    negative: str
    zero: str
    positive: str


LIGHT = Theme("#1c2730", "#8d9aa3", "#ffffff", "#0f766e", NEGATIVE, "#e9edef", POSITIVE)
DARK = Theme("#e4ebef", "#6b7a85", "#10171d", "#2bb3a3", "#5aaef0", "#2a353e", "#f5a04a")


def theme_for(base: str | None) -> Theme:
    """The theme for "light" or "dark"; light where the browser has not said yet."""
    return DARK if base == "dark" else LIGHT


def diverging(values: np.ndarray, limit: float, theme: Theme) -> list[str]:
    """Colours of numbers about zero: `theme.negative` at −limit, `theme.zero` at 0, `theme.positive` at +limit."""
    share = np.clip(np.nan_to_num(np.asarray(values, dtype=float)) / (limit or 1.0), -1, 1)[:, None]
    zero, low, high = _rgb(theme.zero), _rgb(theme.negative), _rgb(theme.positive)
    ends = np.where(share < 0, low, high)
    mixed = np.rint(zero + np.abs(share) * (ends - zero)).astype(int)
    return [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in mixed.tolist()]


def diverging_scale(theme: Theme) -> list[list[float | str]]:
    """The same scale for plotly, symmetric about zero."""
    return [[0.0, theme.negative], [0.5, theme.zero], [1.0, theme.positive]]


def _rgb(colour: str) -> np.ndarray:
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], dtype=float)


def scale_key(title: str, limit: float, theme: Theme, *, lines: bool = False) -> str:
    """A key of the diverging scale as HTML: a bar from −limit to +limit, as a wedge where width shows size.

    Args:
        title: What the colours stand for.
        limit: The number at which they are full.
        theme: Colours.
        lines: Whether lines have them, which are thicker where they are stronger.
    """
    shape = "clip-path:polygon(0 0,50% 45%,100% 0,100% 100%,50% 55%,0 100%);" if lines else ""
    colours = ",".join([theme.negative, theme.muted if lines else theme.zero, theme.positive])
    bar = (
        f"<span style='display:inline-block;width:100px;height:11px;border-radius:2px;{shape}"
        f"background:linear-gradient(90deg,{colours})'></span>"
    )
    return (
        f"<span style='display:inline-flex;align-items:center;gap:6px;margin-right:18px'><span>{escape(title)}</span>"
        f"<span>−{limit:.3g}</span>{bar}<span>+{limit:.3g}</span></span>"
    )


def category_key(names: list[str]) -> str:
    """A key of categories as HTML: a dot and a name for each."""
    dots = (
        f"<span style='display:inline-flex;align-items:center;gap:5px;margin-right:12px'><span style='width:10px;"
        f"height:10px;border-radius:50%;background:{CATEGORIES[i % len(CATEGORIES)]}'></span>{escape(name)}</span>"
        for i, name in enumerate(names)
    )
    return "".join(dots)


def key_line(*keys: str) -> str:
    """Keys side by side, in the small text of captions."""
    return f"<div style='font-size:0.8rem;opacity:0.85;display:flex;flex-wrap:wrap;row-gap:2px'>{''.join(keys)}</div>"
