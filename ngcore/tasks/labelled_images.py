"""The baseline that anyone has: running a network on k labelled test images, and what a prediction is worth in them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from ngcore.errors import NeuralGraphError
from ngcore.tasks.accuracy_figures import Figures, accuracy_figures, final_checkpoints
from ngcore.tasks.images_worth import measurement_error
from ngcore.zoo.storage import Zoo

NUM_IMAGES = (4, 8, 16, 32, 64, 128, 256, 512, 1_024, 2_048, 4_096)
REPEATS = 8
_TINY = 1e-12


def draw_measurements(
    accuracies: Float[np.ndarray, " networks"], num_images: int, generator: np.random.Generator
) -> Float[np.ndarray, " networks"]:
    """Accuracies measured on k images that are drawn at random for each network alone: binomial counts / k."""
    return generator.binomial(num_images, accuracies) / num_images


def measure_by_images(
    zoo: Zoo, rows: np.ndarray, num_images: int, *, repeats: int | None = None, seed: int = 0
) -> Figures:
    """What `accuracy_figures` says of accuracies that are measured on k images: means over repeated draws.

    Errors of all and of final networks are exact (`measurement_error`).

    Args:
        zoo: Where the networks come from.
        rows: Their positions in its metadata.
        num_images: k.
        repeats: Draws for each network; None: `REPEATS`.
        seed: Of the draws.
    """
    accuracies = zoo.metadata["accuracy"].to_numpy()[rows]
    targets = torch.tensor(accuracies)
    drawn = []
    for repeat in range(repeats or REPEATS):
        measured = draw_measurements(accuracies, num_images, np.random.default_rng((seed, num_images, repeat)))
        drawn.append(accuracy_figures(torch.from_numpy(measured), targets, zoo, rows))
    final = final_checkpoints(zoo)[rows]
    figures = mean_figures(drawn)
    del figures["images_worth"]  # of the first draw, not a mean
    figures["mean_absolute_error"] = measurement_error(accuracies, num_images)
    if final.any():
        figures["final"]["mean_absolute_error"] = measurement_error(accuracies[final], num_images)
    return figures


def mean_figures(figures: Sequence[Any]) -> Any:
    """Means of figures that are nested alike; counts stay whole, and what does not exist somewhere is None."""
    first = figures[0]
    if isinstance(first, Mapping):
        return {name: mean_figures([one[name] for one in figures]) for name in first}
    if any(one is None for one in figures):
        return None
    return first if isinstance(first, int) else float(np.mean(figures))


def equal_images(curve: Mapping[int, float], value: float, *, is_error: bool) -> float | None:
    """The number of images at which a figure of measurements equals a model's, between the k of a curve.

    Args:
        curve: The figure by k; errors fall with it, others rise. Between two k it runs straight over log k, errors as
            logarithms, too.
        value: The model's.
        is_error: Whether less is better.

    Returns:
        0 where fewer images than the least k of the curve do as well; None where its most do not.

    Raises:
        NeuralGraphError: If the curve has fewer than two points.
    """
    if len(curve) < 2:
        raise NeuralGraphError(f"Expected a curve of at least two numbers of images, got {len(curve)}.")
    counts = np.array(sorted(curve))
    heights = np.array([curve[k] for k in counts], dtype=float)
    if is_error:
        heights, value = -np.log(np.maximum(heights, _TINY)), -float(np.log(max(value, _TINY)))
    heights = np.maximum.accumulate(heights)  # draws leave some noise
    if value < heights[0]:
        return 0.0
    return None if value > heights[-1] else float(np.exp(np.interp(value, heights, np.log(counts))))
