"""Charts leave gaps where numbers are not finite."""

import json
import math

import numpy as np
import pytest


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, np.float32("nan"), np.float64("inf")])
def test_what_is_not_finite_is_a_gap(value):
    from app.charts.fit_curve import draw_fit_curve
    from app.charts.gaps import gap
    from app.charts.layer_changes import draw_layer_changes
    from app.charts.walks import draw_walks

    assert gap(value, 2) is None and gap(1.234, 2) == 1.23
    options = [
        draw_fit_curve([(1, value)], 1),
        draw_layer_changes(["a"], [value]),
        draw_walks(np.array([0.5]), {"one": np.array([value])} | {"two": np.array([1.0])}),
    ]
    for option in options:
        json.dumps(option, allow_nan=False)
