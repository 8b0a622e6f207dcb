"""Accuracies measured on k labelled images: exact errors, draws, and what a figure is worth in images."""

import numpy as np
import pytest
from accuracy_zoos import write_runs

from ngcore.errors import NeuralGraphError
from ngcore.tasks.images_worth import measurement_error
from ngcore.tasks.labelled_images import (
    draw_measurements,
    equal_images,
    mean_figures,
    measure_by_images,
)


def test_draws_have_the_measurement_error():
    accuracies = np.linspace(0.1, 0.9, 20_000)
    drawn = draw_measurements(accuracies, 64, np.random.default_rng(0))
    assert np.abs(drawn - accuracies).mean() == pytest.approx(measurement_error(accuracies, 64), rel=0.02)


def test_more_images_rank_better_and_err_less_and_the_same_seed_says_the_same(tmp_path):
    zoo = write_runs(tmp_path / "runs")
    rows = zoo.rows(split="test")
    few, many = (measure_by_images(zoo, rows, k, repeats=4) for k in (16, 1_024))
    assert few["final"]["kendall_tau"] < many["final"]["kendall_tau"] < 1
    assert few["mean_absolute_error"] > 4 * many["mean_absolute_error"]
    accuracies = zoo.metadata["accuracy"].to_numpy()[rows]
    assert few["mean_absolute_error"] == pytest.approx(measurement_error(accuracies, 16))
    final = (zoo.metadata["step"].to_numpy() == 3)[rows]
    assert few["final"]["mean_absolute_error"] == pytest.approx(measurement_error(accuracies[final], 16))
    assert (few["n"], few["final"]["n"]) == (len(rows), 16)
    assert measure_by_images(zoo, rows, 16, repeats=4) == few


def test_means_of_nested_figures_keep_counts_and_leave_out_what_is_not_defined():
    first = {"n": 4, "tau": 0.5, "final": {"n": 2, "tau": 1.0, "r_squared": None}}
    second = {"n": 4, "tau": 0.7, "final": {"n": 2, "tau": 0.0, "r_squared": 0.5}}
    assert mean_figures([first, second]) == {
        "n": 4,
        "tau": pytest.approx(0.6),
        "final": {"n": 2, "tau": 0.5, "r_squared": None},
    }


def test_what_a_figure_is_worth_lies_between_the_images_of_a_curve():
    """Errors fall as 1 / √k, so that half of that of 64 images is that of 256; ranks rise straight over log k."""
    errors = {16: 0.1, 64: 0.05, 1024: 0.0125}
    assert equal_images(errors, 0.05, is_error=True) == pytest.approx(64)
    assert equal_images(errors, 0.025, is_error=True) == pytest.approx(256)
    assert equal_images({16: 0.5, 64: 0.7}, 0.6, is_error=False) == pytest.approx(32)
    assert equal_images(errors, 0.2, is_error=True) == 0
    assert equal_images(errors, 0.001, is_error=True) is None
    assert equal_images({16: 0.5, 64: 0.7}, 0.9, is_error=False) is None
    with pytest.raises(NeuralGraphError, match="at least two numbers of images, got 1"):
        equal_images({16: 0.5}, 0.5, is_error=False)
