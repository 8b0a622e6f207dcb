"""Drawings and strangers' pictures: what a browser may send, and how they become small images."""

import contextlib
import io
import struct
import zlib

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


def encoded(image, form="PNG", **options):
    file = io.BytesIO()
    image.save(file, format=form, **options)
    return file.getvalue()


def test_16_bits_a_pixel_keep_their_range():
    from app.drawing import image_from_file

    ramp = np.linspace(0, 65535, 28).astype(np.uint16)
    read = image_from_file(image_file(np.tile(ramp, (28, 1))))
    assert np.allclose(read, ramp / 65535, atol=1 / 255)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_is_white(mode):
    from PIL import Image

    from app.drawing import image_from_file

    ink = Image.new("LA", (56, 56), (0, 0))
    ink.paste((0, 255), (14, 14, 42, 42))
    options = {} if mode != "P" else {"transparency": 1}
    if mode == "P":
        ink = Image.new("P", (56, 56), 1)
        ink.putpalette([0, 0, 0, 0, 0, 0])
        ink.paste(0, (14, 14, 42, 42))
    read = image_from_file(encoded(ink if mode == "P" else ink.convert(mode), **options))
    assert read[14, 14] == 0 and read[0, 0] == 1


def test_a_photograph_stands_upright_as_its_camera_held_it():
    from PIL import Image

    from app.drawing import image_from_file

    exif = Image.Exif()
    exif[0x0112] = 6  # turn by a quarter clockwise
    bright_left = np.zeros((56, 56), dtype=np.uint8)
    bright_left[:, :28] = 255
    read = image_from_file(encoded(Image.fromarray(bright_left), "JPEG", exif=exif))
    assert read[2].mean() > 0.9 and read[-2].mean() < 0.1


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "CMYK", "YCbCr"])
def test_pictures_of_every_mode_are_read(mode):
    from PIL import Image

    from app.drawing import image_from_file

    white = Image.new("RGB", (40, 40), "white").convert(mode)
    read = image_from_file(encoded(white, "JPEG" if mode in ("CMYK", "YCbCr") else "PNG"))
    assert read.min() > 0.98


def png(width, height, *chunks, colour_type=0):
    """A PNG file of one bit a pixel with the given chunks between its header and its end."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 1, colour_type, 0, 0, 0)
    body = b"".join(chunk(*pair) for pair in ((b"IHDR", header), *chunks, (b"IEND", b"")))
    return b"\x89PNG\r\n\x1a\n" + body


EVEN = zlib.compress(bytes(5) * 32)
DAMAGED = {
    "nothing": b"",
    "text": b"no image at all",
    "a header alone": b"\x89PNG\r\n\x1a\n",
    "no pixels": png(32, 32),
    "pixels cut off": png(32, 32, (b"IDAT", EVEN[:4])),
    "a palette that is missing": png(32, 32, (b"tRNS", b"\0"), (b"IDAT", EVEN), colour_type=3),
    "a jpeg cut off": b"\xff\xd8\xff\xe0\0\x10JFIF",
}


@pytest.mark.parametrize("name", DAMAGED)
@pytest.mark.parametrize("colour", [False, True])
def test_damaged_pictures_are_refused_in_words(name, colour):
    from app.drawing import image_from_file
    from ngcore.errors import DataError

    with pytest.raises(DataError, match="Expected a PNG or JPEG image, got something else or a damaged file"):
        image_from_file(DAMAGED[name], colour=colour)


@pytest.mark.parametrize("side", [4_097, 12_000, 30_000])
def test_pictures_that_would_fill_the_memory_are_refused_in_words(side):
    from app.drawing import image_from_file
    from ngcore.errors import DataError

    with pytest.raises(DataError, match="at most 4096 pixels a side"):
        image_from_file(png(side, side, (b"IDAT", EVEN)))


def test_bytes_changed_at_random_never_raise_anything_else():
    from PIL import Image

    from app.drawing import picture_from_file
    from ngcore.errors import DataError

    random = np.random.default_rng(0)
    image = Image.fromarray(random.integers(0, 255, (24, 24, 4), dtype=np.uint8), "RGBA").quantize(16)
    good = encoded(image, transparency=3)
    for _ in range(400):
        data = bytearray(good)
        for place in random.integers(0, len(data), 4):
            data[place] = random.integers(0, 256)
        with contextlib.suppress(DataError):
            assert np.isfinite(picture_from_file(bytes(data), (3, 8, 8))).all()
