"""Training images as one picture: grey ones come back exactly, colour ones nearly, and what ships can be read."""

import json

import numpy as np
import pytest
import torch

from ngcore.errors import DataError
from ngcore.zoo import CLASS_NAMES, ImageSet, read_training_sample, training_samples, write_training_sample
from ngcore.zoo.images import IMAGE_SHAPES


def images(name, count=300):
    generator = np.random.default_rng(0)
    coarse = generator.integers(0, 256, (count, 4, 4, *IMAGE_SHAPES[name][2:]), dtype=np.uint8)
    pictures = coarse.repeat(IMAGE_SHAPES[name][0] // 4, axis=1).repeat(IMAGE_SHAPES[name][0] // 4, axis=2)
    labels = generator.integers(0, 10, count)
    return ImageSet(name, pictures, labels, pictures[:5], labels[:5], CLASS_NAMES[name])


@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_images_come_back_in_their_order(name, tmp_path):
    whole = images(name)
    write_training_sample(whole, tmp_path, 200)
    assert training_samples(tmp_path) == [name]
    found = read_training_sample(name, tmp_path)
    assert (
        found.images.shape == (200, *IMAGE_SHAPES[name]) and found.labels.tolist() == whole.train_labels[:200].tolist()
    )
    error = (found.images.float() - torch.from_numpy(whole.train_images[:200].astype(np.float32))).abs().mean()
    assert error == 0 if name == "mnist" else error < 25  # random blocks of colour are the worst case of the coding


def test_what_is_damaged_or_missing_is_said(tmp_path):
    with pytest.raises(DataError, match=r"Expected training images of mnist in .*, got none"):
        read_training_sample("mnist", tmp_path)
    with pytest.raises(DataError, match="Expected a multiple of 100 images, at most 300 as mnist has, got 250"):
        write_training_sample(images("mnist"), tmp_path, 250)
    path = write_training_sample(images("mnist"), tmp_path, 100)
    card = json.loads((tmp_path / "mnist.json").read_text())
    (tmp_path / "mnist.json").write_text(json.dumps({**card, "labels": card["labels"] * 2}))
    with pytest.raises(DataError, match="Expected a picture of shape"):
        read_training_sample("mnist", tmp_path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DataError, match="damaged"):
        read_training_sample("mnist", tmp_path)


def test_what_ships_is_read():
    assert training_samples() == ["fashion-mnist", "cifar10"]
    for name in training_samples():
        sample = read_training_sample(name)
        assert len(sample.labels) == len(sample.images) == 8_000
        assert set(sample.labels.tolist()) == set(range(10)) and sample.images.float().std() > 30
