"""The test images that ship, as inputs of any classifier; the accuracies of shipped CNNs come out again."""

import numpy as np
import pytest
import torch

from ngcore.errors import DataError, UnknownNameError
from ngcore.networks import Architecture, GlobalAveragePool, Linear, PositionPool, Step, chain, mlp, small_cnn
from ngcore.tasks import measure_accuracy
from ngcore.zoo import SampleImages, Zoo, find_zoo, fitting_image_sets, sample_images


def of_steps(shape, *, classes=10, orders=()):
    """A classifier of a value (channels, positions): mean over the positions, then a Linear."""
    steps = (Step(PositionPool("mean", (1,)), (0,), "0"), Step(Linear(shape[0], classes), (1,), "1"))
    return Architecture((shape,), steps, (2,), orders)


@pytest.mark.parametrize(
    ("name", "shape"), [("mnist", (28, 28)), ("fashion-mnist", (28, 28)), ("cifar10", (32, 32, 3))]
)
def test_a_thousand_images_of_every_set_ship(name, shape):
    images = sample_images(name)
    assert images.images.shape == (1_000, *shape) and images.images.dtype == torch.uint8
    assert images.labels.bincount(minlength=10).min() >= 70


@pytest.mark.parametrize(
    ("architecture", "sets"),
    [
        (small_cnn((1, 4), image_size=(32, 32)), ["cifar10"]),
        (small_cnn((3, 4), image_size=(32, 32)), ["cifar10"]),
        (small_cnn((1, 4), image_size=(28, 28)), ["mnist", "fashion-mnist"]),
        (small_cnn((3, 4), image_size=(28, 28)), []),
        (small_cnn((1, 4), num_classes=3, image_size=(28, 28)), []),
        (mlp((784, 8, 10)), ["mnist", "fashion-mnist"]),
        (mlp((3072, 8, 10)), ["cifar10"]),
        (mlp((2, 8, 10)), []),
        (of_steps((28, 28)), ["mnist", "fashion-mnist"]),
        (of_steps((15, 49)), []),
    ],
    ids=str,
)
def test_images_fit_by_the_sizes_of_inputs_and_the_number_of_classes(architecture, sets):
    assert fitting_image_sets(architecture) == sets
    for name in sets:
        assert sample_images(name).inputs(architecture).shape == (1_000, *architecture.given_shapes[0])


@pytest.fixture
def numbered():
    """Two images 28 × 28 whose pixels are all different within a row and a column."""
    pixels = torch.arange(784).remainder(251).to(torch.uint8).view(1, 28, 28)
    return SampleImages("mnist", torch.cat([pixels, 255 - pixels]), torch.tensor([0, 1]))


def test_pixels_lie_between_minus_one_and_one_and_grey_is_luma():
    colours = torch.tensor([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]], dtype=torch.uint8)
    images = SampleImages("cifar10", colours[:, None, None].expand(-1, 32, 32, -1), torch.arange(4))
    grey = images.inputs(small_cnn((1, 4), image_size=(32, 32)))[:, 0, 0, 0]
    torch.testing.assert_close(grey, 2 * torch.tensor([0.299, 0.587, 0.114, 1.0]) - 1)
    assert images.inputs(small_cnn((3, 4), image_size=(32, 32)))[0, :, 0, 0].tolist() == [1, -1, -1]


def test_rows_are_steps_in_whatever_order_of_axes_the_network_takes_them(numbered):
    maps = numbered.images.float() / 127.5 - 1
    rows = numbered.inputs(of_steps((28, 28)))
    assert torch.equal(rows[0, :, 3], maps[0, 3])  # step 3 is row 3
    turned = numbered.inputs(of_steps((28, 28), orders=((1, 0),)))
    assert torch.equal(turned, rows.mT)


def test_images_that_do_not_fit_and_unknown_sets_are_refused(numbered):
    with pytest.raises(DataError, match="mnist"):
        numbered.inputs(chain((2, 5, 5), (GlobalAveragePool(), Linear(2, 10))))
    with pytest.raises(UnknownNameError):
        sample_images("imagenet")


def test_shipped_cnns_are_as_accurate_on_the_images_that_ship_as_on_all():
    zoo = Zoo.open(find_zoo("cifar10-gs-cnns"))
    images = sample_images("cifar10")
    rows = np.argsort(zoo.metadata["accuracy"].to_numpy())[-3:]
    for row in rows:
        network = zoo.networks([row])
        measured = float(measure_accuracy(network, images.inputs(network.architecture), images.labels)[0])
        assert measured == pytest.approx(zoo.metadata["accuracy"].iloc[row], abs=0.05)  # 3 standard errors
