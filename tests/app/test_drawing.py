"""Drawings and strangers' pictures: what a browser may send, and how they become small images."""

import io

import numpy as np
import pytest


def grey(*, length=784, value=0, **others):
    values = [value] * length
    for place, other in others.items():
        values[int(place.removeprefix("at"))] = other
    return values


def centre_of_mass(picture):
    rows, columns = np.indices(picture.shape)
    return [float((picture * (places + 0.5)).sum() / picture.sum()) for places in (rows, columns)]


def test_a_drawing_arrives_as_grey_values():
    from app.drawing import drawing_from

    drawing = drawing_from(grey(at30=255, at31=51))
    assert drawing.shape == (28, 28) and drawing.dtype == np.float32
    assert drawing[1, 2] == 1 and drawing[1, 3] == np.float32(0.2) and drawing.sum() == pytest.approx(1.2)


@pytest.mark.parametrize(
    "value",
    [
        "0" * 784,
        {},
        7,
        b"\0" * 784,
        [],
        grey(length=783),
        grey(length=785),
        grey(at3=256),
        grey(at3=-1),
        grey(at3=1.0),
        grey(at3=True),
        grey(at3="7"),
        grey(at3=None),
        grey(at3=float("nan")),
        grey(at3=[1]),
        grey(at3=10**400),
        [grey(length=28)] * 28,
    ],
)
def test_whatever_else_a_browser_sends_is_refused_in_words(value):
    from app.drawing import drawing_from
    from ngcore.errors import DataError

    with pytest.raises(DataError, match="Expected a drawing of"):
        drawing_from(value)


@pytest.mark.parametrize("shape", [(28, 28), (100, 60)])
def test_a_digit_becomes_20_pixels_high_about_its_centre_of_mass(shape):
    from app.drawing import as_mnist

    drawing = np.zeros(shape, dtype=np.float32)
    drawing[3:11, 2:4], drawing[3:5, 2:8] = 0.5, 0.5
    digit = as_mnist(drawing)
    assert digit.shape == (28, 28) and digit.dtype == np.float32 and digit.max() == 1 and digit.min() == 0
    rows, columns = np.flatnonzero(digit.any(axis=1)), np.flatnonzero(digit.any(axis=0))
    assert np.ptp(rows) + 1 == 20 and np.ptp(columns) + 1 == 15
    assert centre_of_mass(digit) == pytest.approx([14, 14], abs=1)


def test_a_digit_of_mnists_size_and_place_stays_as_it_is():
    from app.drawing import as_mnist

    drawing = np.zeros((28, 28), dtype=np.float32)
    drawing[4:24, 8:20] = 1
    assert np.array_equal(as_mnist(drawing), drawing)


def test_a_dot_fills_the_box_and_heavy_ends_stay_inside():
    from app.drawing import as_mnist

    dot = np.zeros((28, 28), dtype=np.float32)
    dot[27, 0] = 1
    assert as_mnist(dot)[4:24, 4:24].min() == 1 and as_mnist(dot).sum() == 400
    club = np.zeros((40, 40), dtype=np.float32)
    club[0:40, 20], club[34:40, 0:40] = 0.2, 1
    assert np.flatnonzero(as_mnist(club).any(axis=1)).tolist() == list(range(20))


@pytest.mark.parametrize("drawing", [np.zeros((28, 28)), np.full((28, 28), np.nan), np.zeros((0, 0))])
def test_an_empty_drawing_is_refused_in_words(drawing):
    from app.drawing import as_mnist
    from ngcore.errors import DataError

    with pytest.raises(DataError, match="some ink"):
        as_mnist(drawing)


def image_file(pixels):
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="PNG")
    return file.getvalue()


def test_an_image_file_is_read_in_grey_or_in_colour_and_inverted():
    from app.drawing import image_from_file

    red = np.zeros((50, 80, 3), dtype=np.uint8)
    red[..., 0] = 255
    assert image_from_file(image_file(red)).shape == (28, 28)
    colour = image_from_file(image_file(red), colour=True, invert=True)
    assert colour.shape == (32, 32, 3) and colour.dtype == np.float32
    assert colour[..., 0].max() == 0 and colour[..., 1:].min() == 1


def test_ink_on_paper_becomes_a_digit_in_the_middle():
    from app.drawing import image_from_file

    noise = np.random.default_rng(0).normal(200, 4, (300, 300))
    noise[40:120, 200:215] = 30
    digit = image_from_file(image_file(noise.clip(0, 255).astype(np.uint8)), invert=True, centre=True)
    assert np.flatnonzero(digit.max(axis=1) > 0.5).tolist() == list(range(4, 24))
    assert digit[:, :10].max() == 0 and digit[:, 18:].max() == 0


def test_an_even_image_has_nothing_to_centre():
    from app.drawing import image_from_file
    from ngcore.errors import DataError

    with pytest.raises(DataError, match="some ink"):
        image_from_file(image_file(np.full((40, 40), 90, dtype=np.uint8)), centre=True)
