"""Rendering: the network's own values at any size, offset included."""

import importlib

import pytest
import torch

from ngcore.errors import ArchitectureError
from ngcore.inr import SIREN_OUTPUT_OFFSET, image_coordinates, is_inr, psnr, render
from ngcore.networks import Network, mlp, siren, small_cnn, to_module
from ngcore.testing import random_network

GREY, RGB = random_network(siren((2, 6, 5, 1)), 3), random_network(siren((2, 6, 3)), 3)


@pytest.mark.parametrize(("network", "channels"), [(GREY, ()), (RGB, (3,))], ids=["grey", "rgb"])
@pytest.mark.parametrize("size", [(28, 28), (5, 9), (1, 4)])
def test_images_equal_those_of_torchs_own_modules(network, channels, size):
    images = render(network, size)
    assert images.shape == (3, *size, *channels)
    for i in range(3):
        values = to_module(network[i])(image_coordinates(*size).double()) + SIREN_OUTPUT_OFFSET
        torch.testing.assert_close(images[i].flatten(0, 1), values.squeeze(1) if not channels else values)


@pytest.mark.parametrize("network", [GREY, RGB], ids=["grey", "rgb"])
def test_images_do_not_depend_on_how_many_pixels_are_evaluated_at_once(network, monkeypatch):
    whole = render(network, (6, 7))
    monkeypatch.setattr(importlib.import_module("ngcore.inr.rendering"), "PIXELS_AT_ONCE", 15)
    torch.testing.assert_close(render(network, (6, 7)), whole, atol=1e-12, rtol=1e-12)


def test_a_network_of_zeros_is_mid_grey_and_the_offset_can_be_left_out():
    zeros = GREY.map(torch.zeros_like)
    assert (render(zeros) == 0.5).all()
    assert not render(zeros, offset=0.0).any()


def test_corners_are_the_same_at_every_resolution():
    small, large = render(GREY, (3, 3)), render(GREY, (33, 17))
    torch.testing.assert_close(small[:, ::2, ::2], large[:, ::32, ::16])
    torch.testing.assert_close(small[:, 1, 1], large[:, 16, 8])


def test_gradients_flow_into_the_network():
    network = GREY.map(lambda tensor: tensor.clone().requires_grad_())
    render(network, (4, 4)).square().sum().backward()
    assert all(tensor.grad.abs().sum() > 0 for tensor in network.parameters.values())


def test_rendering_can_be_asked_to_happen_on_a_device():
    assert torch.equal(render(GREY, (4, 4), device="cpu"), render(GREY, (4, 4)))


def test_networks_of_two_inputs_and_one_or_three_outputs_are_inrs():
    assert is_inr(siren((2, 4, 1)))
    assert is_inr(mlp((2, 4, 3)))
    assert not is_inr(siren((2, 4, 2)))
    assert not is_inr(siren((3, 4, 1)))
    assert not is_inr(small_cnn())


def test_networks_that_are_no_inrs_are_refused():
    with pytest.raises(
        ArchitectureError,
        match=r"^Expected an INR with 2 inputs and 1 or 3 outputs to render, got 3-4-1 relu\.$",
    ):
        render(random_network(mlp((3, 4, 1))))


def test_psnr_by_hand():
    """An error of 0.1 everywhere is an MSE of 0.01: 20 dB. A black pixel for white among four: 1/4, 6.02 dB."""
    targets = torch.ones(2, 2, 2).double()
    images = targets.clone()
    images[0] -= 0.1
    images[1, 0, 0] = 0
    torch.testing.assert_close(psnr(images, targets), torch.tensor([20.0, 6.0206]).double(), atol=1e-4, rtol=0)


def test_psnr_of_a_perfect_image_is_infinite():
    assert psnr(torch.ones(1, 2, 2), torch.ones(1, 2, 2)).item() == float("inf")


def test_images_are_rendered_in_full_precision_inside_a_model_that_is_not():
    network = random_network(siren((2, 8, 8, 1)), 2, dtype=torch.float32)
    expected = render(network, (5, 5))
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(render(network, (5, 5)), expected)


def test_wide_networks_are_evaluated_in_parts_that_fit_into_memory(monkeypatch):
    wide, sizes = random_network(siren((2, 512, 512, 1)), dtype=torch.float32), []
    call = Network.__call__
    monkeypatch.setattr(
        Network, "__call__", lambda self, x: sizes.append(len(x)) or call(self, x[:1]).expand(-1, len(x), -1)
    )
    render(wide, (500, 500))
    assert max(sizes) == 2**30 // (4 * (2 + 4 * 512 + 1 + 2 * 512))  # all values, and two more of the largest
