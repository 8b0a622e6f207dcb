"""Differences of pictures as colours about zero."""

import numpy as np

from app.charts.theme import Theme


def draw_signed_image(values: np.ndarray, limit: float, *, theme: Theme) -> np.ndarray:
    """Numbers about zero as a picture.

    Args:
        values: (height, width), or (height, width, 3), of which the mean over colours is shown.
        limit: The number at which the colour is full.
        theme: Colours.

    Returns:
        uint8 (height, width, 3): `theme.negative` at −limit, `theme.zero` at 0, `theme.positive` at +limit.
    """
    plane = values.mean(axis=2) if values.ndim == 3 else values
    share = np.clip(np.nan_to_num(plane) / (limit or 1.0), -1, 1)[..., None]
    zero, negative, positive = (_rgb(colour) for colour in (theme.zero, theme.negative, theme.positive))
    ends = np.where(share < 0, negative, positive)
    return np.rint(zero + np.abs(share) * (ends - zero)).astype(np.uint8)


def _rgb(colour: str) -> np.ndarray:
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], dtype=float)
