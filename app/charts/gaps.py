"""Numbers that are not finite have no place in a chart: they become gaps."""

import math


def gap(value: float, digits: int) -> float | None:
    """A rounded number for a chart; None, which charts leave out, where it is infinite or NaN."""
    return round(float(value), digits) if math.isfinite(value) else None
