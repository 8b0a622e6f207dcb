"""Labelled images and the accuracy that they measure: the exact error, and the number of images for an error."""

import math

import numpy as np
import pytest

from ngcore.errors import ShapeMismatchError
from ngcore.tasks.images_worth import MAX_IMAGES, describe_images, images_worth, images_worth_of, measurement_error


@pytest.mark.parametrize(("share", "count", "error"), [(0.5, 1, 0.5), (0.25, 1, 0.375), (0.5, 2, 0.25), (1.0, 7, 0.0)])
def test_the_error_of_few_images_is_that_worked_out_by_hand(share, count, error):
    # One image at a = 1/4: |1 − 1/4| · 1/4 + |0 − 1/4| · 3/4 = 3/8. Two at 1/2: 0, 1/2 and 1 with 1/4, 1/2, 1/4.
    assert measurement_error([share], count) == pytest.approx(error, abs=1e-15)


@pytest.mark.parametrize("share", [0.0, 0.03, 0.1, 1 / 3, 0.5, 0.77, 0.999, 1.0])
@pytest.mark.parametrize("count", [1, 2, 3, 10, 37])
def test_the_error_is_the_sum_over_all_outcomes(share, count):
    outcomes = range(count + 1)
    chances = [math.comb(count, hits) * share**hits * (1 - share) ** (count - hits) for hits in outcomes]
    expected = sum(chance * abs(hits / count - share) for hits, chance in zip(outcomes, chances, strict=True))
    assert measurement_error([share], count) == pytest.approx(expected, abs=1e-12)


def test_more_images_never_measure_worse():
    accuracies = np.linspace(0.05, 0.95, 19)
    errors = [measurement_error(accuracies, count) for count in range(1, 200)]
    assert (np.diff(errors) < 1e-12).all()


def test_the_error_of_many_images_is_that_of_the_normal_distribution():
    assert measurement_error([0.3], 5_000) == pytest.approx(math.sqrt(2 * 0.3 * 0.7 / (math.pi * 5_000)), rel=1e-3)


def test_a_prediction_is_worth_the_least_number_of_images_that_measure_as_well():
    assert images_worth(0.5, [0.5]) == 1
    assert images_worth(0.25, [0.5]) == 2
    assert images_worth(0.6, [0.5]) == 0
    count = images_worth(0.016, [0.1, 0.2, 0.5])
    assert measurement_error([0.1, 0.2, 0.5], count) <= 0.016 < measurement_error([0.1, 0.2, 0.5], count - 1)
    assert images_worth(0.0, [0.5]) == MAX_IMAGES


def test_no_networks_are_refused():
    with pytest.raises(ShapeMismatchError):
        images_worth(0.1, [])


def test_a_card_that_holds_the_figure_is_believed_and_another_is_worked_out_from_its_zoo():
    assert images_worth_of({"metrics": {"validation": {"images_worth": 64}}}) == 64
    card = {"metrics": {"validation": {"mean_absolute_error": 0.25}}}
    assert images_worth_of(card, [0.5, float("nan")]) == 2
    assert images_worth_of(card) is None
    assert images_worth_of({"metrics": {}}, [0.5]) is None


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "less than one labelled image"),
        (1, "about 1 labelled image"),
        (64, "about 64 labelled images"),
        (385, "about 380 labelled images"),
        (1_449, "about 1,400 labelled images"),
        (MAX_IMAGES, "more than 1,000,000 labelled images"),
    ],
)
def test_numbers_of_images_are_said_in_two_digits(count, words):
    assert describe_images(count) == words
