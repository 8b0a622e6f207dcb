"""Statistics and thumbnails of tensors, against NumPy on the whole."""

import math

import numpy as np
import pytest

from ngcore.upload.weights import WeightTensor, first_kernels, thumbnail
from ngcore.upload.weights import tensor as tensor_module


def tensor_of(values):
    return WeightTensor("a", values.shape, str(values.dtype), lambda: values)


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(tensor_module, "BLOCK", 7)


@pytest.mark.parametrize("is_transposed", [False, True])
def test_statistics_in_blocks_are_those_of_the_whole(is_transposed, small_blocks):
    values = np.random.default_rng(0).normal(size=(13, 11)).astype(np.float32)
    values[2:4] = 0
    summary = tensor_of(values.T if is_transposed else values).summary
    assert math.isclose(summary.mean, values.mean(dtype=float), rel_tol=1e-9)
    assert math.isclose(summary.std, values.std(dtype=float), rel_tol=1e-9)
    assert (summary.min, summary.max) == (values.min(), values.max())
    assert summary.zeros == 22 / 143
    assert sum(summary.counts) == 143 and len(summary.edges) == len(summary.counts) + 1


def test_numbers_that_are_not_finite_are_counted_and_left_out():
    summary = tensor_of(np.array([1.0, np.nan, np.inf, -np.inf, 3.0], np.float32)).summary
    assert (summary.num_nan, summary.num_infinite, summary.mean, summary.largest) == (1, 2, 2.0, 3.0)
    assert not summary.is_finite


@pytest.mark.parametrize(
    "values",
    [np.full(3, np.nan), np.array([1e308, -1e308, 1e308]), np.zeros(4), np.full(2, 5e-324), np.array(2.5)],
)
def test_odd_numbers_have_a_summary(values):
    summary = tensor_of(values.astype(np.float64)).summary
    assert summary.size == values.size
    assert sum(summary.counts) == np.isfinite(values).sum()


def test_a_thumbnail_is_the_mean_of_blocks():
    values = np.arange(48.0).reshape(6, 8)
    expected = values.reshape(3, 2, 2, 4).mean(axis=(1, 3))
    assert np.allclose(thumbnail(tensor_of(values), max_side=2), values.reshape(2, 3, 2, 4).mean(axis=(1, 3)))
    assert expected.shape == (3, 2)


def test_a_small_tensor_is_its_own_thumbnail():
    values = np.arange(6.0).reshape(2, 3)
    assert np.array_equal(thumbnail(tensor_of(values)), values)


@pytest.mark.parametrize("shape", [(), (5,), (3, 2, 4), (200, 3, 3, 3), (1, 1, 1, 1, 1)])
def test_tensors_of_any_axes_have_a_thumbnail(shape):
    small = thumbnail(tensor_of(np.ones(shape, np.float32)), max_side=16)
    assert max(small.shape) <= 16 and np.all(small == 1)


def test_a_thumbnail_leaves_out_what_is_not_finite():
    values = np.array([[1.0, np.nan], [np.nan, np.nan]])
    assert np.array_equal(thumbnail(tensor_of(values)), values, equal_nan=True)


def test_only_the_first_kernels_are_taken():
    values = np.random.default_rng(0).normal(size=(40, 30, 3, 3)).astype(np.float32)
    assert np.array_equal(first_kernels(tensor_of(values), max_kernels=8), values[:8, :8])
