"""Numbers that are not finite have no place in a chart: they become gaps, and take no part in its scales."""

import math

import numpy as np


def gap(value: float | None, digits: int | None = None) -> float | None:
    """A number for a chart, rounded if asked; None, which charts leave out, where it is missing, infinite or NaN."""
    if value is None or not math.isfinite(value):
        return None
    return float(value) if digits is None else round(float(value), digits)


def full_colour(values: np.ndarray, share: float) -> float:
    """The |value| at which a colour is full: above 0 and finite, whatever the values are.

    Args:
        values: Of any shape; those that are not finite are left out.
        share: Quantile of the |values|, so that outliers do not pale the rest; the largest where that is 0.
    """
    sizes = np.abs(np.asarray(values, dtype=float))
    sizes = sizes[np.isfinite(sizes)]
    return (float(np.quantile(sizes, share)) or float(sizes.max()) or 1.0) if sizes.size else 1.0


def bin_edges(values: np.ndarray, count: int) -> np.ndarray:
    """The (count + 1) edges of equally wide bins over finite values; 0 to 1 without any.

    Values that are too close together for that number of bins get a wider range around them.
    """
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    least = max(abs(low), abs(high)) * 1e-12 * count
    if high - low <= least:
        low, high = low - max(least, 0.5), high + max(least, 0.5)
    return np.linspace(low, high, count + 1)
