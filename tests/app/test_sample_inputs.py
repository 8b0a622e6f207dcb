"""Inputs for networks: pictures from formulas and from strangers' files."""

import io

import numpy as np
import pytest


@pytest.mark.parametrize("name", ["Stripes", "Gradient", "Disc", "Checks", "Noise"])
def test_every_picture_has_the_asked_shape_and_range(name):
    from app.sample_inputs import picture

    made = picture(name, (3, 8, 12))
    assert made.shape == (3, 8, 12) and made.dtype == np.float32
    assert np.abs(made).max() <= 1 and np.ptp(made) > 0.5


def test_an_image_file_becomes_an_input_of_the_right_size():
    from PIL import Image

    from app.drawing import picture_from_file

    file = io.BytesIO()
    Image.new("RGB", (40, 20), (255, 0, 0)).save(file, format="PNG")
    made = picture_from_file(file.getvalue(), (3, 8, 8))
    assert made.shape == (3, 8, 8)
    assert made[0].min() == 1 and made[1:].max() == -1


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n and nothing more", b"x" * 100])
def test_what_is_no_image_is_refused_in_words(data):
    from app.drawing import picture_from_file
    from ngcore.errors import DataError

    with pytest.raises(DataError, match="Expected a PNG or JPEG image"):
        picture_from_file(data, (1, 8, 8))


def test_random_inputs_are_as_many_as_fit_into_memory():
    from app.sample_inputs import random_inputs
    from ngcore.networks import Conv2d, GlobalAveragePool, chain, mlp

    huge = chain((1, 2048, 2048), (Conv2d(1, 1, (3, 3), (4, 4), (1, 1)), GlobalAveragePool()))
    assert random_inputs(mlp((2, 3, 1)))[0].shape == (64, 2)
    assert random_inputs(huge)[0].shape == (5, 1, 2048, 2048)
