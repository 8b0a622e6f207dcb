"""Tiny image sets and zoos for the tests of zoos."""

import numpy as np
import pytest


@pytest.fixture
def tiny_images():
    """40 + 8 random grey images of 6 × 6 pixels that call themselves MNIST."""
    from ngcore.zoo import ImageSet

    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (48, 6, 6), dtype=np.uint8)
    labels = np.arange(48) % 10
    return ImageSet("mnist", pixels[:40], labels[:40], pixels[40:], labels[40:], tuple("0123456789"))


@pytest.fixture
def two_stacks():
    """Ten SIRENs of the test split and four perceptrons of the training split, with rows of metadata."""
    from ngcore.networks import mlp, siren
    from ngcore.testing import random_network

    sirens, perceptrons = random_network(siren((2, 4, 1)), 10), random_network(mlp((3, 2)), 4)
    rows = [{"id": f"tiny/{i:03d}", "split": "test", "label": i, "rate": 0.1 * i} for i in range(14)]
    return [(sirens, rows[:10]), (perceptrons, [{**row, "split": "train"} for row in rows[10:]])]


@pytest.fixture
def tiny_zoo(tmp_path, two_stacks):
    """The two stacks as a zoo on disk."""
    from ngcore.zoo import ZooWriter

    writer = ZooWriter(tmp_path / "tiny", name="tiny", recipe={"seed": 0})
    writer.write_part("all", two_stacks)
    return writer.finish(["all"], {"class_names": tuple("abcdefghij")})
