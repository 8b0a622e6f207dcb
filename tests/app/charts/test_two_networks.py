"""Charts of two networks, of tensors in one scale, and of the curve of a run: they show the numbers they are given."""

import numpy as np

from app.charts.run_curve import draw_run_curve
from app.charts.tensor_pictures import as_matrix, histogram_picture, matrix_picture
from app.charts.theme import LIGHT
from app.charts.two_networks import draw_neuron_differences, draw_two_histograms


def rgb(colour):
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255


def test_both_histograms_count_all_finite_weights_in_the_same_bins():
    values = [np.array([[-2.0, 0, 1], [1, np.nan, np.inf]]), np.linspace(-1, 1, 100)]
    first, second = draw_two_histograms(values, ("one", "two"), is_log=False)["series"]
    assert sum(count for _, count in first["data"]) == 4 and sum(count for _, count in second["data"]) == 100
    assert [x for x, _ in first["data"]] == [x for x, _ in second["data"]]
    gaps = [count for _, count in draw_two_histograms(values, ("one", "two"))["series"][0]["data"]]
    assert None in gaps and 0 not in gaps


def test_aligned_differences_stand_in_front_of_those_as_given():
    given, aligned = draw_neuron_differences(np.array([2.0, np.nan]), np.array([0.5, 0.25]))["series"]
    assert given["data"] == [200, None] and aligned["data"] == [50, 25]
    assert len(draw_neuron_differences(np.ones(3))["series"]) == 1


def test_a_tensor_is_shown_in_the_scale_that_is_asked_for():
    tensor = np.array([[1.0, -1], [0, 0.5]])
    picture = matrix_picture(tensor, 1.0, theme=LIGHT, side=4)
    assert picture.shape == (4, 4, 3)
    for (row, column), colour in {(0, 0): LIGHT.positive, (0, 3): LIGHT.negative, (3, 0): LIGHT.zero}.items():
        assert np.allclose(picture[row, column], rgb(colour))
    assert not np.allclose(matrix_picture(tensor, 2.0, theme=LIGHT, side=4)[0, 0], picture[0, 0])
    assert as_matrix(np.zeros((2, 3, 5, 5))).shape == (2, 75) and as_matrix(np.zeros(4)).shape == (1, 4)
    assert as_matrix(np.float32(3)).shape == (1, 1)


def test_the_most_frequent_weight_reaches_the_top_of_its_histogram():
    picture = histogram_picture(np.array([0.5] * 9 + [-0.5]), 1.0, theme=LIGHT, side=32)
    is_bar = (picture != rgb(LIGHT.zero)).any(axis=2)
    assert is_bar[0].sum() == 1 and np.allclose(picture[0, 24], rgb(LIGHT.positive))
    assert np.allclose(picture[31, 8], rgb(LIGHT.negative)) and not is_bar[:16, 8].any()


def test_the_shown_checkpoint_is_marked_on_the_curve():
    (series,) = draw_run_curve([1, 5], [0.25, float("nan")], 1)["series"]
    assert [point["value"] for point in series["data"]] == [[1, 25], [5, None]]
    assert series["data"][1]["symbolSize"] > series["data"][0]["symbolSize"]
