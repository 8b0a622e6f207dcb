"""What a predicted accuracy is worth: the number of labelled images that would measure it as closely.

A network that is right about a share a of all images, run on k labelled ones drawn at random, is right about a
binomial number of them. The mean absolute error of that measurement, averaged over the networks of a zoo, falls with
k; the prediction is worth the k at which it falls to the model's own mean absolute error.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from torch import Tensor

from ngcore.errors import ShapeMismatchError

MAX_IMAGES = 1_000_000
"""No prediction is said to be worth more: accuracies are measured on 10,000 images themselves."""


def measurement_error(accuracies: Sequence[float] | np.ndarray | Float[Tensor, " networks"], num_images: int) -> float:
    """Mean absolute error of accuracies that are measured on k images drawn at random.

    E|X/k − a| = 2 m (1 − a) P(X = m) / k with X ~ Binomial(k, a) and m = ⌊k a⌋ + 1 (de Moivre 1730), about
    √(2 a (1 − a) / (π k)).

    Args:
        accuracies: True ones, in [0, 1]; the error is the mean over them.
        num_images: k.

    Raises:
        ShapeMismatchError: If there are no accuracies.
    """
    from scipy.stats import binom

    shares = np.asarray(accuracies, dtype=float).ravel()
    if not shares.size:
        raise ShapeMismatchError("Expected the accuracy of at least one network, got none.")
    shares = shares.clip(0, 1)
    above = np.floor(num_images * shares) + 1
    errors = 2 * above * (1 - shares) * binom.pmf(above, num_images, shares) / num_images
    return float(errors.mean())


def images_worth(
    mean_absolute_error: float, accuracies: Sequence[float] | np.ndarray | Float[Tensor, " networks"]
) -> int:
    """The least number of labelled images that measure networks as closely as a model predicts them.

    Args:
        mean_absolute_error: Of the model's predictions.
        accuracies: True ones of the networks that it was measured on, in [0, 1].

    Returns:
        0 if one image measures them better already; `MAX_IMAGES` if that many do not.

    Raises:
        ShapeMismatchError: If there are no accuracies.
    """
    if measurement_error(accuracies, 1) < mean_absolute_error:
        return 0
    low, high = 1, MAX_IMAGES  # the error never rises with k: a mean of k images is a mean of means of k − 1
    while low < high:
        middle = (low + high) // 2
        if measurement_error(accuracies, middle) <= mean_absolute_error:
            high = middle
        else:
            low = middle + 1
    return low


def images_worth_of(
    card: Mapping[str, Any], accuracies: Sequence[float] | np.ndarray | Float[Tensor, " networks"] = ()
) -> int | None:
    """How many labelled images a prediction of a model is worth, by its error on validation networks.

    Args:
        card: Of the model.
        accuracies: Of networks of its zoo, for cards that don't hold the figure; none if the zoo is not available.

    Returns:
        None if it cannot be known.
    """
    measured = card["metrics"].get("validation", {})
    if "images_worth" in measured:
        return int(measured["images_worth"])
    known = np.asarray(accuracies, dtype=float)
    known = known[np.isfinite(known)]
    error = measured.get("mean_absolute_error")
    return images_worth(error, known) if error is not None and known.size else None


def describe_images(count: int) -> str:
    """A number of labelled images in words, two digits of it: "about 390 labelled images"."""
    if count >= MAX_IMAGES:
        return f"more than {MAX_IMAGES:,} labelled images"
    if count < 1:
        return "less than one labelled image"
    return f"about {rounded(count):,} labelled image{'s' if count > 1 else ''}"


def rounded(count: int) -> int:
    """Two digits of a number of images; the rest would claim too much."""
    return round(count, 2 - len(str(count)))
