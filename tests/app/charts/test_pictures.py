"""Pictures: grids of many, differences about zero, PNG files."""

import io

import numpy as np
from PIL import Image

from app.charts.image_grid import draw_image_grid, to_image, to_png
from app.charts.signed_image import draw_signed_image
from app.charts.theme import LIGHT


def test_a_png_has_the_pixels_of_the_array_and_clips_the_rest():
    pixels = np.array([[0.0, 1.0], [0.5, 7.0], [-1.0, np.nan]])
    read = np.asarray(Image.open(io.BytesIO(to_png(pixels))))
    assert read.tolist() == [[0, 255], [128, 255], [0, 0]]


def test_an_image_is_enlarged_without_smoothing():
    read = np.asarray(to_image(np.array([[0.0, 1.0], [1.0, 0.0]]), 6))
    assert read.shape == (6, 6) and set(np.unique(read)) == {0, 255}


def test_a_grid_has_a_cell_for_every_image_and_bears_any_text():
    images = np.random.default_rng(0).random((5, 4, 4, 3))
    grid = draw_image_grid(images, ["7", "", "a long caption that does not fit", "\x00\n", "τ"], columns=3, size=20)
    assert grid.size == (3 * 26 - 6, 2 * 41)
    assert draw_image_grid(images[:0], [], columns=3).size[0] > 0


def test_wide_images_leave_no_gap_above_their_text():
    assert draw_image_grid(np.zeros((2, 4, 8)), ["a", "b"], columns=1, size=20).size == (20, 2 * (10 + 15 + 6))


def test_a_difference_has_its_colours_at_the_limit_and_at_zero():
    image = draw_signed_image(np.array([[-2.0, 0.0, 1.0]]), 1.0, theme=LIGHT)
    colours = ["#" + "".join(f"{channel:02x}" for channel in pixel) for pixel in image[0]]
    assert colours == [LIGHT.negative, LIGHT.zero, LIGHT.positive]
    assert draw_signed_image(np.zeros((2, 2, 3)), 0.0, theme=LIGHT).shape == (2, 2, 3)
