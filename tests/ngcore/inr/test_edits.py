"""Edits of images, and of the weights of networks that are images."""

import pytest
import torch

from ngcore.errors import ArchitectureError, UnknownNameError
from ngcore.inr import IMAGE_EDITS, edit_images, edit_weights, find_image_edit, initial_siren, render
from ngcore.networks import Network, draw_permutation, mlp, permute_hidden, siren

SIDE = 9
EXACT = [name for name, edit in IMAGE_EDITS.items() if edit.is_exact]
OF_VALUES = ["contrast", "brighten", "invert", "desaturate"]


def inrs(channels=1):
    """Three random INRs, in float64, with images that are not flat."""
    network = initial_siren(siren((2, 12, 12, channels)), 0, 3, seed=1).to(dtype=torch.float64)
    return network.map(lambda tensor: 2 * tensor)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", IMAGE_EDITS)
def test_no_strength_leaves_images_and_networks_as_they_are(name, channels):
    network = inrs(channels)
    images = render(network, (SIDE, SIDE)).clamp(0, 1)
    torch.testing.assert_close(edit_images(images, name, 0.0), images, rtol=0, atol=1e-12)
    if find_image_edit(name).is_exact:
        torch.testing.assert_close(edit_weights(network, name, 0.0).flatten(), network.flatten(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("strength", [0.3, 1.0, 1.7])
@pytest.mark.parametrize("name", OF_VALUES)
def test_edits_of_values_do_to_a_network_what_they_do_to_its_image(name, strength, channels):
    network = inrs(channels)
    expected = edit_images(render(network, (SIDE, SIDE)), name, strength)
    actual = render(edit_weights(network, name, strength), (SIDE, SIDE))
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "strength", "on_pixels"),
    [
        ("rotate", 1.0, lambda image: image.rot90(-1, dims=(1, 2))),
        ("rotate", 2.0, lambda image: image.rot90(2, dims=(1, 2))),
        ("mirror", 1.0, lambda image: image.flip(2)),
        ("enlarge", 1.0, None),
        ("mirror", 0.5, lambda image: image[:, :, SIDE // 2, None].expand_as(image)),
    ],
)
def test_edits_of_places_move_pixels(name, strength, on_pixels):
    network = inrs()
    image = render(network, (SIDE, SIDE))
    actual = render(edit_weights(network, name, strength), (SIDE, SIDE))
    if on_pixels is None:  # twice as large: every second pixel is one of the middle of the image
        torch.testing.assert_close(actual[:, ::2, ::2], image[:, 2:7, 2:7], rtol=0, atol=1e-12)
        torch.testing.assert_close(edit_images(image, name, strength)[:, ::2, ::2], image[:, 2:7, 2:7])
        return
    torch.testing.assert_close(actual, on_pixels(image), rtol=0, atol=1e-9)
    torch.testing.assert_close(edit_images(image, name, strength), on_pixels(image), rtol=0, atol=1e-9)


def test_a_thing_grows_shrinks_and_gets_an_outline():
    image = torch.zeros(1, 7, 7)
    image[0, 2:5, 2:5] = 1.0
    grown, shrunk = torch.zeros(1, 7, 7), torch.zeros(1, 7, 7)
    grown[0, 1:6, 1:6], shrunk[0, 3, 3] = 1.0, 1.0
    assert torch.equal(edit_images(image, "dilate"), grown)
    assert torch.equal(edit_images(image, "erode"), shrunk)
    assert torch.equal(edit_images(image, "outline"), grown - shrunk)
    assert torch.equal(edit_images(image, "dilate", 0.5), (image + grown) / 2)
    assert torch.equal(edit_images(image, "dilate", 2.0), grown)  # nothing is brighter than white


def test_the_brighter_of_two_neighbours_wins_a_dilation_and_corners_are_no_special_case():
    image = torch.zeros(1, 4, 5)
    image[0, 2, 2], image[0, 0, 0] = 0.5, 1.0
    expected = [[1.0, 1.0, 0.0, 0.0, 0.0], [1.0, 1.0, 0.5, 0.5, 0.0], *[[0.0, 0.5, 0.5, 0.5, 0.0]] * 2]
    assert edit_images(image, "dilate")[0].tolist() == expected


def test_a_blur_keeps_the_light_and_spreads_it():
    image = torch.zeros(1, 9, 9)
    image[0, 4, 4] = 1.0
    blurred = edit_images(image, "blur")
    assert float(blurred.sum()) == pytest.approx(1.0)
    assert float(blurred[0, 4, 4]) == pytest.approx((6 / 16) ** 2)
    assert float(blurred[0, 2, 3]) == pytest.approx(4 / 256)
    assert torch.equal(edit_images(torch.ones(1, 5, 5), "blur"), torch.ones(1, 5, 5))


def test_grey_images_have_no_colour_to_lose_and_colours_become_equally_bright_grey():
    grey, colour = torch.rand(2, 5, 5), torch.rand(2, 5, 5, 3)
    assert torch.equal(edit_images(grey, "desaturate"), grey)
    grey_now = edit_images(colour, "desaturate")
    torch.testing.assert_close(grey_now[..., 0], colour @ torch.tensor([0.299, 0.587, 0.114]))
    assert torch.equal(grey_now[..., 0], grey_now[..., 2])


@pytest.mark.parametrize("name", EXACT)
def test_exact_edits_do_not_care_for_the_order_of_hidden_neurons(name):
    network = inrs()
    order = draw_permutation(network, torch.Generator().manual_seed(0))
    edited_then_shuffled = permute_hidden(edit_weights(network, name, 0.7), order)
    shuffled_then_edited = edit_weights(permute_hidden(network, order), name, 0.7)
    assert not shuffled_then_edited.equals(edit_weights(network, name, 0.7))
    torch.testing.assert_close(shuffled_then_edited.flatten(), edited_then_shuffled.flatten())


def test_what_cannot_be_done_is_refused_with_the_choices():
    with pytest.raises(UnknownNameError, match="rotate"):
        edit_weights(inrs(), "dilate")
    with pytest.raises(UnknownNameError, match="sharpen"):
        edit_images(torch.zeros(1, 3, 3), "sharpen")
    classifier = mlp((3, 4, 2))
    stack = Network.unflatten(classifier, torch.zeros(1, classifier.num_parameters))
    with pytest.raises(ArchitectureError, match="Expected INRs"):
        edit_weights(stack, "invert")
