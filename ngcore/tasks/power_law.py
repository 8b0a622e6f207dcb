"""How heavy the tails of weight spectra are: power laws of eigenvalues, without any data (Martin & Mahoney 2021).

A layer's weights, as a matrix W (out × everything else), have the spectrum of W Wᵀ. Its tail is taken for a power law
p(λ) ∝ λ^(−α), whose exponent falls as layers learn correlations. The small networks here have 10 to 64 eigenvalues a
layer, with 10 of which α has a standard error of a third of α − 1: read it as a rough statistic.
"""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ngcore.networks import Network

MIN_TAIL = 3
"""Fewest eigenvalues that a tail is fitted to."""

MAX_EXPONENT = 50.0
"""Where the eigenvalues of a tail are nearly equal, the exponent has no limit; this is the highest given."""

_ZERO = 1e-10  # an eigenvalue this many times the largest is none


def fit_power_law(values: Float[np.ndarray, "samples n"]) -> tuple[np.ndarray, np.ndarray]:
    """Fit the tail of each sample by a power law, as Clauset, Shalizi & Newman (2009) do for continuous data.

    For every possible start x_min the exponent is the most likely one, α = 1 + m / Σ ln(xᵢ / x_min) over the m values
    from x_min on (their equation 3.1); of all starts the one is taken at which the distribution function of the fit
    stays nearest to that of the data, by the largest distance between the two (Kolmogorov–Smirnov).

    Args:
        values: One sample per row; NaN and what is not above 0 is no value.

    Returns:
        α and x_min of each sample, at most `MAX_EXPONENT`; NaN where there are fewer than `MIN_TAIL` values.
    """
    ordered = np.sort(np.where(values > 0, values, np.nan), axis=1)  # NaN come last
    counts = np.isfinite(ordered).sum(axis=1)
    best = np.full((3, len(values)), np.nan)  # distance, α, x_min
    best[0] = np.inf
    for start in range(max(0, values.shape[1] - MIN_TAIL + 1)):
        tail = ordered[:, start:]
        with np.errstate(invalid="ignore", divide="ignore"):
            logs = np.log(tail / tail[:, :1])
            exponents = 1 + (counts - start) / np.nansum(logs, axis=1)
        exponents = np.minimum(exponents, MAX_EXPONENT)
        distances = _largest_distance(logs, exponents, counts - start)
        is_better = (counts - start >= MIN_TAIL) & (distances < best[0])
        best[:, is_better] = np.stack([distances, exponents, tail[:, 0]])[:, is_better]
    return best[1], best[2]


def _largest_distance(logs: np.ndarray, exponents: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Between the steps of an empirical distribution function and 1 − (x / x_min)^(1 − α), for ln(x / x_min)."""
    fitted = 1 - np.exp((1 - exponents)[:, None] * logs)
    steps = np.arange(logs.shape[1])[None]
    size = np.maximum(counts, 1)[:, None]
    distances = np.maximum(np.abs(fitted - steps / size), np.abs(fitted - (steps + 1) / size))
    return np.where(np.isfinite(logs), distances, 0).max(axis=1)


def weight_spectra(network: Network) -> dict[str, Float[Tensor, "networks eigenvalues"]]:
    """Eigenvalues of W Wᵀ (or Wᵀ W, where that is smaller) of each weight matrix, ascending, in float64; by its name.

    The kernels of a convolution are one matrix, (out channels, in channels · positions of the kernel).
    """
    spectra = {}
    for name, tensor in network.parameters.items():
        if tensor.dim() > 2 and name.rpartition(".")[2].startswith("weight"):  # the first axis is that of networks
            values = torch.linalg.svdvals(tensor.flatten(2).double()).square()
            spectra[name] = values.flip(1)
    return spectra


def spectral_features(network: Network) -> tuple[Float[np.ndarray, "networks layers"], np.ndarray]:
    """The exponent α and log₁₀ of the largest eigenvalue of each weight matrix, both (networks, matrices).

    NaN where a matrix has too few eigenvalues above 0.
    """
    exponents, largest = [], []
    for spectrum in weight_spectra(network).values():
        values = spectrum.numpy()
        values = np.where(values > _ZERO * values[:, -1:], values, np.nan)
        exponents.append(fit_power_law(values)[0])
        largest.append(np.log10(values[:, -1]))
    return np.stack(exponents, axis=1), np.stack(largest, axis=1)


def mean_exponent(exponents: Float[np.ndarray, "networks layers"]) -> Float[np.ndarray, " networks"]:
    """Mean α over layers; NaN where no layer has one."""
    return _mean(exponents)


def weighted_exponent(exponents: np.ndarray, largest: np.ndarray) -> Float[np.ndarray, " networks"]:
    """α-hat: the mean over layers of α · log₁₀ λ_max (Martin, Peng & Mahoney 2021)."""
    return _mean(exponents * largest)


def _mean(values: np.ndarray) -> np.ndarray:
    counts = np.isfinite(values).sum(axis=1)
    return np.where(counts > 0, np.nansum(values, axis=1) / np.maximum(counts, 1), np.nan)
