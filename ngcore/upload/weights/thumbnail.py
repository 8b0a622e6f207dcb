"""Small pictures of large tensors: a matrix as means of its blocks, and the first kernels of a convolution."""

import itertools
import math

import numpy as np

from ngcore.upload.weights.tensor import BLOCK, WeightTensor, decode

MAX_SIDE = 64  # cells of a side of a thumbnail
MAX_KERNELS = 16  # channels of a side of a picture of kernels


def thumbnail(tensor: WeightTensor, *, max_side: int = MAX_SIDE) -> np.ndarray:
    """A tensor as a small matrix, each cell the mean of a block of entries.

    A vector is one row; the axes behind the first of a tensor of three or more are laid side by side. Entries that are
    not finite do not count; a cell without any other is NaN. No more than some rows are in memory at a time.

    Returns:
        At most `max_side` × `max_side` cells; none for a tensor without numbers.
    """
    rows, columns = as_matrix(tensor.shape)
    if not rows * columns:
        return np.empty((0, 0))
    height, width = min(rows, max_side), min(columns, max_side)
    tops = np.linspace(0, rows, height + 1).astype(int)
    lefts = np.linspace(0, columns, width + 1).astype(int)[:-1]
    sums, counts = np.zeros((height, width)), np.zeros((height, width))
    stored = tensor.read()
    stored = stored.reshape(1, -1) if len(tensor.shape) < 2 else stored
    step = max(1, BLOCK // columns)
    for cell, (top, bottom) in enumerate(itertools.pairwise(tops)):
        for start in range(top, bottom, step):
            block = decode(stored[start : min(start + step, bottom)], tensor.dtype).reshape(-1, columns)
            is_finite = np.isfinite(block)
            with np.errstate(over="ignore", invalid="ignore"):
                summed = np.where(is_finite, block, 0).sum(axis=0, dtype=np.float64)
            sums[cell] += np.add.reduceat(summed, lefts)
            counts[cell] += np.add.reduceat(is_finite.sum(axis=0), lefts)
    return np.divide(sums, counts, out=np.full_like(sums, math.nan), where=counts > 0)


def as_matrix(shape: tuple[int, ...]) -> tuple[int, int]:
    """Rows and columns of a tensor that is laid out as a matrix."""
    if len(shape) < 2:
        return 1, math.prod(shape)
    return shape[0], math.prod(shape[1:])


def first_kernels(tensor: WeightTensor, *, max_kernels: int = MAX_KERNELS) -> np.ndarray:
    """The kernels of the first channels of a tensor of four axes.

    Returns:
        Shape (at most max_kernels, at most max_kernels, kernel height, kernel width), float32.
    """
    stored = tensor.read()[:max_kernels, :max_kernels]
    with np.errstate(over="ignore"):
        return decode(stored, tensor.dtype).astype(np.float32)
