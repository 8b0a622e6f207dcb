"""Convolutional networks of torchvision and timm are read whole from their state dicts."""

import pytest
import torch
from scheme_modules.image_networks import (
    AlexNet,
    DenseNet,
    TimmConvNext,
    Vgg,
    convnext,
    efficient_net,
    mobile_net_v2,
    mobile_net_v3,
)
from torch import nn

from ngcore.errors import UnsupportedNetworkError
from ngcore.upload import Hints, read_network
from ngcore.upload.schemes import recognise

VGG = [3, "M", 4, "M", 4, 5, "M", 4, "M", 4, "M"]
VARIANTS = {
    "VGG": (lambda: Vgg(VGG), 32),
    "VGG with batch norms": (lambda: Vgg(VGG, is_normed=True), 33),
    "VGG for small images": (lambda: Vgg(VGG, is_normed=True, is_small=True), 32),
    "AlexNet": (AlexNet, 64),
    "MobileNetV2": (mobile_net_v2, 40),
    "MobileNetV3 large": (lambda: mobile_net_v3("large"), 40),
    "MobileNetV3 small": (lambda: mobile_net_v3("small"), 40),
    "EfficientNet": (efficient_net, 40),
    "EfficientNetV2": (lambda: efficient_net(2), 40),
    "DenseNet": (DenseNet, 24),
    "ConvNeXt of torchvision": (convnext, 32),
    "ConvNeXt of timm": (TimmConvNext, 16),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_a_convolutional_network_is_read_whole(name, assert_rebuilt):
    make, side = VARIANTS[name]
    image = torch.randn(2, 3, side, side + 4 * ("small images" not in name), dtype=torch.float64)
    _, asked = assert_rebuilt(make(), image, input_size=tuple(image.shape[2:]))
    assert not asked


def test_a_mobile_net_of_another_depth_is_refused_as_its_strides_are_not_known(file_of_module):
    with pytest.raises(UnsupportedNetworkError, match="MobileNetV2 of torchvision, but it has 16 blocks instead of 17"):
        read_network(file_of_module(mobile_net_v2(16)))


@pytest.mark.parametrize("is_small", [False, True])
def test_a_vgg_of_fewer_pools_may_still_be_a_chain(is_small):
    module = Vgg([3, "M", 4, 4, "M", 4, "M", 4, "M"], is_small=is_small)
    found = recognise({name: tuple(tensor.shape) for name, tensor in module.state_dict().items()})
    assert found.structure is None
    assert found.is_chain
    assert "but the numbers of its layers leave room for 4 pools instead of 5" in found.near_misses[-1]


def test_a_plain_chain_that_looks_like_none_is_read_as_before(file_of_module):
    features = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.ReLU(), nn.Conv2d(4, 4, 3, 2, 1), nn.ReLU())
    module = nn.ModuleDict({"features": features, "classifier": nn.Linear(4, 2)})
    hints = Hints(activation="relu", input_size=(16, 16), stride=2, padding=1)
    assert read_network(file_of_module(module), hints=hints).network.architecture.is_sequential
