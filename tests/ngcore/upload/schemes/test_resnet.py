"""Residual networks of torchvision and for small images are read whole from their state dicts."""

import pytest
import torch
from scheme_modules.resnets import ResNet

from ngcore.errors import UnsupportedNetworkError
from ngcore.networks import to_state_dict
from ngcore.upload import read_network

VARIANTS = {
    "basic": (ResNet([4, 6, 8, 8], [2, 1, 1, 2]), (18, 22)),
    "bottleneck": (ResNet([8, 12, 16, 16], [1, 2, 1, 1], inner=4), (20, 20)),
    "groups as in ResNeXt": (ResNet([8, 12], [1, 1], inner=6, groups=3), (16, 16)),
    "small images": (ResNet([4, 6, 8], [1, 2, 1], is_large=False, head="linear", shortcut="shortcut"), (9, 8)),
    "features alone": (ResNet([4, 6], [1, 1], head=""), (16, 16)),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_a_residual_network_is_read_whole(name, assert_rebuilt):
    module, size = VARIANTS[name]
    image = torch.randn(2, 3, *size, dtype=torch.float64)
    _, asked = assert_rebuilt(module, image, input_size=size)
    assert set(asked) <= {"stem"}


def test_the_size_of_the_image_is_asked_for_with_a_suggestion(read_with_suggestions, file_of_module):
    _, asked = read_with_suggestions(file_of_module(ResNet([4, 6], [1, 1], is_large=False)))
    assert asked["input_size"].suggestion == (32, 32)
    assert asked["stem"].suggestion == "stride_1"


def test_a_tensor_that_has_no_place_is_named(file_of_state):
    state = ResNet([4, 6], [1, 1]).state_dict() | {"layer1.0.conv4.weight": torch.zeros(4, 4, 1, 1)}
    with pytest.raises(UnsupportedNetworkError, match=r"^It looks like a ResNet, but 'layer1.0.conv4.weight' has no"):
        read_network(file_of_state(state))


def test_a_tensor_that_is_missing_is_named(file_of_state):
    state = ResNet([4, 6], [1, 1]).state_dict()
    del state["layer2.0.bn2.running_var"]
    with pytest.raises(UnsupportedNetworkError, match=r"but there is no 'layer2.0.bn2.running_var'"):
        read_network(file_of_state(state))


def test_a_shortcut_without_weights_between_other_widths_is_no_resnet(file_of_state):
    state = {k: v for k, v in ResNet([4, 6], [1, 1]).state_dict().items() if "downsample" not in k}
    with pytest.raises(UnsupportedNetworkError, match=r"has no weights for its shortcut from \(4, 56, 56\)"):
        read_network(file_of_state(state))


def test_half_precision_goes_back_as_half_precision(file_of_state, read_with_suggestions):
    state = {
        name: tensor.half() if tensor.is_floating_point() else tensor
        for name, tensor in ResNet([4, 6], [1, 1]).state_dict().items()
    }
    upload, _ = read_with_suggestions(file_of_state(state))
    back = to_state_dict(upload.network)
    assert back.keys() == state.keys()
    assert all(torch.equal(back[name], tensor) and back[name].dtype == tensor.dtype for name, tensor in state.items())
