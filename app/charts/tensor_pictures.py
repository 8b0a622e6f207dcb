"""Tensors of weights as small pictures that can be laid side by side: matrices and histograms of one scale."""

import numpy as np

from app.charts.signed_image import draw_signed_image
from app.charts.theme import Theme

NUM_BINS = 32


def as_matrix(tensor: np.ndarray) -> np.ndarray:
    """A tensor as a matrix: its first axis as rows, kernels and all else side by side in the columns."""
    return tensor.reshape(1, -1) if tensor.ndim < 2 else tensor.reshape(len(tensor), -1)


def matrix_picture(tensor: np.ndarray, limit: float, *, theme: Theme, side: int) -> np.ndarray:
    """A tensor as colours about zero, float (side, side, 3) in [0, 1], stretched to a square without smoothing.

    Args:
        tensor: Of any shape.
        limit: |Entry| at which the colour is full.
        theme: Colours.
        side: Pixels.
    """
    matrix = as_matrix(tensor)
    rows, columns = (np.arange(side) * length // side for length in matrix.shape)
    return draw_signed_image(matrix[rows][:, columns], limit, theme=theme) / 255


def histogram_picture(tensor: np.ndarray, limit: float, *, theme: Theme, side: int) -> np.ndarray:
    """How often which weight occurs, float (side, side, 3) in [0, 1], the most frequent one as high as the picture.

    Args:
        tensor: Of any shape.
        limit: |Entry| at both ends of the picture.
        theme: Colours; bars below zero are of another colour than those above.
        side: Pixels.
    """
    counts, edges = np.histogram(np.nan_to_num(tensor), bins=NUM_BINS, range=(-limit, limit))
    heights = counts / max(counts.max(), 1)
    bins = np.arange(side) * NUM_BINS // side
    is_bar = (side - np.arange(side))[:, None] <= heights[bins] * side
    middles = (edges[1:] + edges[:-1]) / 2
    colours = draw_signed_image(np.sign(middles)[None], 1.0, theme=theme)[0]
    ground = draw_signed_image(np.zeros((1, 1)), 1.0, theme=theme)[0, 0]
    return np.where(is_bar[..., None], colours[bins][None], ground) / 255
