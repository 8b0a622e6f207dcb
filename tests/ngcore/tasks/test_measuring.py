"""Measured accuracy: the share of images whose largest output is their class, of stacks and of large networks."""

import pytest
import torch

from ngcore.errors import DataError, ShapeMismatchError
from ngcore.networks import Network, mlp, small_cnn
from ngcore.tasks import measurable_on, measure_accuracy, measure_on_images, measuring
from ngcore.testing import random_network
from ngcore.zoo import sample_images


def test_accuracy_is_the_share_of_images_whose_largest_output_is_their_class():
    inputs = torch.eye(4).repeat(300, 1)
    labels = torch.arange(4).repeat(300)
    right = torch.eye(4)
    shifted = right.roll(1, dims=0)
    half = torch.stack([right[0], right[1], shifted[2], shifted[3]])
    broken = torch.full((4, 4), float("nan"))
    weights = torch.stack([right, shifted, half, broken])
    network = Network(mlp((4, 4)), {"0.weight": weights, "0.bias": torch.zeros(4, 4)})
    # half: classes 0 and 1 are right; 2 and 3 are seen by neurons 3 and 2, unless a tie at 0 comes first.
    assert measure_accuracy(network, inputs, labels).tolist() == [1.0, 0.0, 0.5, 0.0]
    with pytest.raises(ShapeMismatchError):
        measure_accuracy(network, inputs[:0], labels[:0])
    with pytest.raises(ShapeMismatchError):
        measure_accuracy(network, inputs, labels[:-1])


def test_a_large_network_is_measured_on_fewer_images_and_a_huge_one_on_none(monkeypatch):
    architecture = small_cnn((1, 4), image_size=(32, 32))
    network = random_network(architecture, 1, dtype=torch.float32)
    images = sample_images("cifar10")
    assert measurable_on(architecture) == ["cifar10"]
    assert measure_on_images(network, images).num_images == 1_000
    monkeypatch.setattr(measuring, "MAX_MULTIPLY_ADDS", 150 * 20_000)  # an image takes about 14,000
    found = measure_on_images(network, images)
    assert 100 <= found.num_images < 1_000 and found.image_set == "cifar10"
    inputs = images.inputs(architecture)[: found.num_images]
    expected = measure_accuracy(network, inputs, images.labels[: found.num_images])
    assert found.accuracy == float(expected[0])
    monkeypatch.setattr(measuring, "MAX_MULTIPLY_ADDS", 1_000)
    assert measurable_on(architecture) == []


def test_images_of_another_size_are_refused():
    with pytest.raises(DataError):
        measure_on_images(random_network(mlp((5, 10)), 1, dtype=torch.float32), sample_images("mnist"))
