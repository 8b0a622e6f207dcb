"""Metrics against cases worked by hand, with the arithmetic in the docstrings."""

import math

import pytest
import torch

from ngcore.errors import ShapeMismatchError
from ngcore.training import (
    accuracy,
    confusion_matrix,
    kendall_tau,
    mean_absolute_error,
    mean_squared_error,
    r_squared,
)


def test_accuracy_counts_the_largest_logits_that_are_the_label():
    """The largest logits are at 1, 0, 1; the labels are 1, 0, 0: two of three."""
    logits = torch.tensor([[0.0, 2.0], [1.0, -1.0], [3.0, 4.0]])
    assert accuracy(logits, torch.tensor([1, 0, 0])) == pytest.approx(2 / 3)


def test_the_confusion_matrix_has_true_classes_in_rows():
    """True 0 was seen as 0 and as 2, true 1 as 1, true 2 as 0; so row 0 is 1 0 1, row 1 is 0 1 0, row 2 is 1 0 0."""
    matrix = confusion_matrix(torch.tensor([0, 2, 1, 0]), torch.tensor([0, 0, 1, 2]), num_classes=3)
    assert matrix.tolist() == [[1, 0, 1], [0, 1, 0], [1, 0, 0]]


def test_a_class_out_of_range_is_refused():
    with pytest.raises(ShapeMismatchError, match="Expected classes 0 to 1, got classes from 0 to 3"):
        confusion_matrix(torch.tensor([0, 3]), torch.tensor([0, 1]), num_classes=2)


def test_kendalls_tau_is_concordant_less_discordant_pairs():
    """Of the six pairs of (1, 2, 3, 4) and (1, 3, 2, 4) one is discordant: (5 - 1) / 6."""
    assert kendall_tau(torch.tensor([1.0, 2, 3, 4]), torch.tensor([1.0, 3, 2, 4])) == pytest.approx(4 / 6)


def test_kendalls_tau_is_corrected_for_ties():
    """(1, 1, 2) against (1, 2, 3): 2 concordant pairs, 1 tied in x; 2 / √(2 · 3)."""
    assert kendall_tau(torch.tensor([1.0, 1, 2]), torch.tensor([1.0, 2, 3])) == pytest.approx(2 / math.sqrt(6))


def test_a_constant_prediction_has_no_rank_agreement():
    assert math.isnan(kendall_tau(torch.ones(4), torch.arange(4.0)))


def test_r_squared_is_the_share_of_variance_explained():
    """Targets 1, 2, 3 with mean 2: total 2; residuals 0, 0, 1: 1 - 1/2."""
    assert r_squared(torch.tensor([1.0, 2, 4]), torch.tensor([1.0, 2, 3])) == pytest.approx(0.5)


def test_r_squared_of_constant_targets_is_undefined():
    assert math.isnan(r_squared(torch.arange(3.0), torch.ones(3)))


def test_errors_are_means_over_all_entries():
    """Differences 0, 1, 2, -3: squares sum to 14, absolute values to 6, over 4 entries."""
    predicted, targets = torch.tensor([[1.0, 2], [3, 0]]), torch.tensor([[1.0, 1], [1, 3]])
    assert mean_squared_error(predicted, targets) == pytest.approx(14 / 4)
    assert mean_absolute_error(predicted, targets) == pytest.approx(6 / 4)


@pytest.mark.parametrize("metric", [kendall_tau, r_squared])
def test_different_numbers_of_networks_are_refused(metric):
    with pytest.raises(ShapeMismatchError, match="at least one target, got 3 predictions and 2 targets"):
        metric(torch.zeros(3), torch.zeros(2))
    with pytest.raises(ShapeMismatchError, match="at least one target, got 0 predictions and 0 targets"):
        metric(torch.zeros(0), torch.zeros(0))


@pytest.mark.parametrize("metric", [mean_squared_error, mean_absolute_error])
def test_shapes_that_would_broadcast_are_refused(metric):
    with pytest.raises(ShapeMismatchError, match=r"of one shape, with at least one entry, got \[3, 1\] and \[3\]"):
        metric(torch.zeros(3, 1), torch.zeros(3))
