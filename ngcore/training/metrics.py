"""Measures of how well a model answers: for classes, for ranks and for real numbers."""

import torch
from jaxtyping import Float, Int, Int64
from torch import Tensor

from ngcore.errors import ShapeMismatchError


def accuracy(logits: Float[Tensor, "predictions classes"], labels: Int[Tensor, " targets"]) -> float:
    """Return the share of networks whose largest logit is that of their label, in [0, 1].

    Args:
        logits: one score per network and class; probabilities work too.
        labels: the true class of each network.

    Raises:
        ShapeMismatchError: when the numbers of networks differ, or there are none.
    """
    _expect_pairs(len(logits), len(labels))
    return (logits.argmax(dim=1) == labels).double().mean().item()


def confusion_matrix(
    predicted: Int[Tensor, " predictions"], labels: Int[Tensor, " targets"], *, num_classes: int
) -> Int64[Tensor, "classes classes"]:
    """Count the networks of each true class (row) that were given each predicted class (column).

    Raises:
        ShapeMismatchError: when the numbers of networks differ, there are none, or a class is out of range.
    """
    _expect_pairs(len(predicted), len(labels))
    low = int(min(predicted.min(), labels.min()))
    high = int(max(predicted.max(), labels.max()))
    if low < 0 or high >= num_classes:
        raise ShapeMismatchError(f"Expected classes 0 to {num_classes - 1}, got classes from {low} to {high}.")
    cells = labels.long() * num_classes + predicted.long()
    return torch.bincount(cells, minlength=num_classes**2).reshape(num_classes, num_classes)


def kendall_tau(predicted: Float[Tensor, " predictions"], targets: Float[Tensor, " targets"]) -> float:
    """Return Kendall's τ (τ-b, corrected for ties), the agreement of two rankings in [-1, 1].

    NaN when either side is constant and there is no ranking.

    Raises:
        ShapeMismatchError: when the numbers of networks differ, or there are none.
    """
    from scipy.stats import kendalltau

    _expect_pairs(len(predicted), len(targets))
    return float(kendalltau(_to_double(predicted).numpy(), _to_double(targets).numpy()).statistic)


def r_squared(predicted: Float[Tensor, " predictions"], targets: Float[Tensor, " targets"]) -> float:
    """Return R² = 1 - Σ(target - predicted)² / Σ(target - mean target)²; NaN when the targets are constant.

    Raises:
        ShapeMismatchError: when the numbers of networks differ, or there are none.
    """
    _expect_pairs(len(predicted), len(targets))
    expected = _to_double(targets)
    residual = (expected - _to_double(predicted)).square().sum()
    total = (expected - expected.mean()).square().sum()
    return float("nan") if total == 0 else (1 - residual / total).item()


def mean_squared_error(predicted: Float[Tensor, "*shape"], targets: Float[Tensor, "*other"]) -> float:
    """Return the mean of (predicted - target)² over all entries of two tensors of the same shape.

    Raises:
        ShapeMismatchError: when the shapes differ, or the tensors are empty.
    """
    return _difference(predicted, targets).square().mean().item()


def mean_absolute_error(predicted: Float[Tensor, "*shape"], targets: Float[Tensor, "*other"]) -> float:
    """Return the mean of |predicted - target| over all entries of two tensors of the same shape.

    Raises:
        ShapeMismatchError: when the shapes differ, or the tensors are empty.
    """
    return _difference(predicted, targets).abs().mean().item()


def _difference(predicted: Tensor, targets: Tensor) -> Tensor:
    if predicted.shape != targets.shape or predicted.numel() == 0:
        raise ShapeMismatchError(
            "Expected predictions and targets of one shape, with at least one entry, "
            f"got {list(predicted.shape)} and {list(targets.shape)}."
        )
    return _to_double(predicted) - _to_double(targets)


def _to_double(values: Tensor) -> Tensor:
    return values.detach().cpu().double()  # not every device has float64


def _expect_pairs(num_predictions: int, num_targets: int) -> None:
    if num_predictions != num_targets or num_targets == 0:
        raise ShapeMismatchError(
            "Expected one prediction for each target, and at least one target, "
            f"got {num_predictions} predictions and {num_targets} targets."
        )
