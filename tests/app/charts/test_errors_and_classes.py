"""Charts of the studio: errors of many networks, and classes before and after."""

import numpy as np

from app.charts.error_histogram import draw_error_histogram
from app.charts.probabilities import draw_before_and_after
from app.charts.theme import LIGHT, scale_key


def test_both_histograms_count_every_finite_error_in_the_same_bins():
    spec = draw_error_histogram(np.array([1.0, 2.0, np.nan]), np.array([0.0, 0.5, 0.5]))
    before, after = (series["data"] for series in spec["series"])
    assert (sum(before), sum(after)) == (2, 3) and len(before) == len(after) == len(spec["xAxis"]["data"])
    assert after[0] == 1 and before[-1] == 1


def test_classes_have_a_column_before_and_one_after():
    spec = draw_before_and_after(["six", "nine"], [0.9, 0.1], [0.2, 0.8])
    assert spec["xAxis"]["data"] == ["six", "nine"]
    assert [series["data"] for series in spec["series"]] == [[90.0, 10.0], [20.0, 80.0]]


def test_a_key_reaches_as_far_below_zero_as_above_it():
    key = scale_key("change", 2.0, LIGHT)
    assert "<span>−2</span>" in key and "<span>+2</span>" in key
