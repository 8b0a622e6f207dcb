"""Pictures of weights: nothing is lost, and zero is in the middle of the colours."""

import numpy as np
import pytest


def test_a_heatmap_shows_every_entry_about_zero():
    from app.charts.theme import LIGHT
    from app.charts.weights import draw_heatmap

    matrix = np.array([[1.0, -3.0], [0.0, 2.0]])
    heatmap = draw_heatmap(matrix, theme=LIGHT, x_title="input", y_title="output").data[0]
    assert np.array_equal(heatmap.z, matrix)
    assert (heatmap.zmin, heatmap.zmax) == (-3, 3)


def test_a_huge_matrix_is_averaged_over_blocks(monkeypatch):
    from app.charts import weights
    from app.charts.theme import LIGHT

    monkeypatch.setattr(weights, "MAX_SIDE", 2)
    matrix = np.arange(10.0).reshape(5, 2)
    assert weights.block_size(matrix) == (3, 1)
    heatmap = weights.draw_heatmap(matrix, theme=LIGHT, x_title="", y_title="").data[0]
    assert np.array_equal(heatmap.z, [[2, 3], [7, 8]])


def test_a_histogram_counts_every_weight():
    from app.charts.theme import LIGHT
    from app.charts.weights import draw_histogram

    values = np.random.default_rng(0).normal(size=1000)
    assert sum(draw_histogram(values, theme=LIGHT).data[0].y) == 1000


def test_weights_that_are_all_zero_have_a_histogram_too():
    from app.charts.theme import LIGHT
    from app.charts.weights import draw_histogram

    assert sum(draw_histogram(np.zeros(5), theme=LIGHT).data[0].y) == 5


def test_the_sheet_of_kernels_holds_them_with_gaps_between():
    from app.charts.theme import LIGHT
    from app.charts.weights import draw_kernels

    kernels = np.arange(2 * 3 * 2 * 2, dtype=float).reshape(2, 3, 2, 2)
    sheet = np.asarray(draw_kernels(kernels, theme=LIGHT).data[0].z)
    assert sheet.shape == (5, 8)
    assert np.array_equal(sheet[3:, 6:], kernels[1, 2])
    assert np.isnan(sheet[2]).all()


@pytest.mark.parametrize(
    ("value", "expected"), [(-1.0, "negative"), (0.0, "zero"), (1.0, "positive"), (9.0, "positive")]
)
def test_the_diverging_scale_has_its_ends_and_its_middle(value, expected):
    from app.charts.theme import DARK, diverging

    assert diverging(np.array([value]), 1.0, DARK) == [getattr(DARK, expected)]


def test_names_in_a_key_are_escaped():
    from app.charts.theme import LIGHT, category_key, scale_key

    assert "<b>" not in category_key(["<b>"]) + scale_key("<b>", 1.0, LIGHT)
