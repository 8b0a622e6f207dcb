"""Power laws of spectra: hand-worked fits, samples with a known exponent, and a plain loop beside the fast one."""

import math

import numpy as np
import pytest
import torch

from ngcore.networks import Network, small_cnn
from ngcore.tasks.power_law import (
    MAX_EXPONENT,
    fit_power_law,
    mean_exponent,
    spectral_features,
    weight_spectra,
    weighted_exponent,
)


def plain_fit(sample):
    """The same by the formulas, start by start, of a list."""
    ordered = sorted(sample)
    best = (math.inf, math.nan, math.nan)
    for start in range(len(ordered) - 2):
        tail = ordered[start:]
        alpha = 1 + len(tail) / sum(math.log(x / tail[0]) for x in tail)
        fitted = [1 - (x / tail[0]) ** (1 - alpha) for x in tail]
        distance = max(max(abs(f - i / len(tail)), abs(f - (i + 1) / len(tail))) for i, f in enumerate(fitted))
        best = min(best, (distance, alpha, tail[0]))
    return best[1:]


def test_three_values_have_one_tail_and_its_exponent_is_worked_by_hand():
    """Logarithms 0, 1 and 2 above the smallest: 1 + 3 / (0 + 1 + 2) = 2."""
    alpha, start = fit_power_law(np.array([[math.e**2, 1.0, math.e]]))
    assert (alpha.item(), start.item()) == (pytest.approx(2), 1)


@pytest.mark.parametrize("alpha", [1.8, 2.5, 4.0])
def test_the_exponent_of_a_pareto_sample_comes_out_within_its_standard_error(alpha):
    """A Pareto variable is (1 − u)^(−1 / (α − 1)); the error is (α − 1) / √n. Most of the sample is fitted."""
    u = np.random.default_rng(0).random((4, 1_000))
    fitted, start = fit_power_law((1 - u) ** (-1 / (alpha - 1)))
    assert np.abs(fitted - alpha).max() < 5 * (alpha - 1) / math.sqrt(1_000)
    assert (np.median(start) - 1) < 0.5


def test_the_start_of_the_tail_is_found_where_a_power_law_begins():
    """300 values spread evenly from 0 to 1, then a tail of 700 from 1 on with α = 2.5."""
    generator = np.random.default_rng(1)
    tail = (1 - generator.random(700)) ** (-1 / 1.5)
    alpha, start = fit_power_law(np.concatenate([generator.random(300), tail])[None])
    assert 0.8 < start.item() < 1.5
    assert alpha.item() == pytest.approx(2.5, abs=0.25)


def test_many_samples_at_once_are_fitted_as_one_after_another():
    samples = np.random.default_rng(2).lognormal(size=(20, 16))
    alphas, starts = fit_power_law(samples)
    for sample, alpha, start in zip(samples, alphas, starts, strict=True):
        assert (alpha, start) == pytest.approx(plain_fit(sample))


def test_missing_values_are_no_part_of_a_sample_and_too_few_have_no_exponent():
    full = np.random.default_rng(3).lognormal(size=(1, 6))
    gaps = np.concatenate([full[:, :3], [[np.nan, 0.0]], full[:, 3:]], axis=1)
    assert fit_power_law(gaps)[0].item() == pytest.approx(fit_power_law(full)[0].item())
    assert np.isnan(fit_power_law(np.array([[1.0, 2.0, 0.0]]))[0]).all()
    assert fit_power_law(np.ones((1, 5)))[0].item() == MAX_EXPONENT


def test_scaling_the_eigenvalues_leaves_the_exponent_as_it_is():
    samples = np.random.default_rng(4).lognormal(size=(5, 16))
    np.testing.assert_allclose(fit_power_law(samples)[0], fit_power_law(1000 * samples)[0])


def test_spectra_are_those_of_the_weight_matrices_and_biases_have_none():
    architecture = small_cnn((1, 4, 6), image_size=(8, 8))
    flat = torch.randn(3, architecture.num_parameters, generator=torch.Generator().manual_seed(0))
    network = Network.unflatten(architecture, flat)
    spectra = weight_spectra(network)
    assert [values.shape[1] for values in spectra.values()] == [4, 6, 6]
    kernels = network.parameters["2.weight"][1].double().flatten(1)
    expected = torch.linalg.eigvalsh(kernels @ kernels.T)
    torch.testing.assert_close(spectra["2.weight"][1], expected)
    exponents, largest = spectral_features(network)
    assert largest[1, 1] == pytest.approx(math.log10(expected[-1]))
    hat = weighted_exponent(exponents, largest)
    assert hat[1] == pytest.approx(np.mean([a * b for a, b in zip(exponents[1], largest[1], strict=True)]))
    assert mean_exponent(exponents)[1] == pytest.approx(exponents[1].mean())


def test_a_network_of_zeros_has_no_exponent():
    architecture = small_cnn((1, 4, 6), image_size=(8, 8))
    exponents, largest = spectral_features(Network.unflatten(architecture, torch.zeros(1, architecture.num_parameters)))
    assert np.isnan(exponents).all() and np.isnan(largest).all()
    assert np.isnan(mean_exponent(exponents)).all() and np.isnan(weighted_exponent(exponents, largest)).all()
