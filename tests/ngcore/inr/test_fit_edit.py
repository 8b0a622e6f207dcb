"""Editing by fitting on: nearer to the edited picture, untouched at strength 0, whatever stands beside."""

import pytest
import torch

from ngcore.errors import ArchitectureError, ShapeMismatchError, UnknownNameError
from ngcore.inr import FitConfig, edit_by_fitting, edit_images, fit_sirens, image_coordinates, is_siren, render
from ngcore.inr.fit_edit import FIT_ON_FROM_EDITED
from ngcore.networks import mlp, siren
from ngcore.testing import random_network

SIZE = (12, 12)
CONFIG = FitConfig(sampling="full", steps=60, learning_rate=1e-3)


@pytest.fixture(scope="module")
def discs():
    """Three SIRENs that show a bright disc each, at different places."""
    centres = torch.tensor([[[-0.3, 0.0]], [[0.2, 0.3]], [[0.0, -0.2]]])
    distance = (image_coordinates(*SIZE) - centres).norm(dim=-1)
    images = torch.sigmoid(12 * (0.4 - distance)).unflatten(1, SIZE)
    return fit_sirens(images, FitConfig(steps=300, learning_rate=1e-3), architecture=siren((2, 16, 16, 1))).network


def errors(network, targets):
    return (render(network, SIZE) - targets).square().mean(dim=(1, 2))


@pytest.mark.parametrize(("edit", "strength"), [("dilate", 1.0), ("erode", 0.5), ("blur", 2.0), ("rotate", 1.0)])
def test_it_comes_nearer_to_the_edit_of_what_was_shown(discs, edit, strength):
    targets = edit_images(render(discs, SIZE).clamp(0, 1), edit, strength)
    edited = edit_by_fitting(discs, edit, strength, size=SIZE, config=CONFIG)
    assert (errors(edited, targets) < 0.5 * errors(discs, targets)).all()


def test_it_goes_on_from_an_editors_answer_in_fewer_steps(discs):
    targets = edit_images(render(discs, SIZE).clamp(0, 1), "dilate")
    start = edit_by_fitting(discs, "dilate", size=SIZE, config=CONFIG)
    edited = edit_by_fitting(discs, "dilate", size=SIZE, start=start)
    expected = fit_sirens(targets, FIT_ON_FROM_EDITED, architecture=discs.architecture, start=start).network
    assert edited.equals(expected)
    assert (errors(edited, targets) < errors(discs, targets)).all()


def test_strength_0_leaves_the_networks_as_they_are(discs):
    assert edit_by_fitting(discs, "dilate", 0.0, size=SIZE).equals(discs)


def test_each_network_is_edited_as_if_it_were_alone(discs):
    together = edit_by_fitting(discs, "dilate", size=SIZE, config=CONFIG)
    alone = edit_by_fitting(discs[1], "dilate", size=SIZE, config=CONFIG)
    assert torch.allclose(together[1].flatten(), alone.flatten(), atol=1e-5)


def test_the_order_of_hidden_neurons_does_not_matter(discs):
    """Adam treats every parameter alike: editing and reordering commute."""
    order = torch.randperm(16, generator=torch.Generator().manual_seed(0))

    def reordered(network):
        moved = dict(network.parameters)
        moved["2.weight"], moved["2.bias"] = moved["2.weight"][:, order], moved["2.bias"][:, order]
        moved["4.weight"] = moved["4.weight"][:, :, order]
        return type(network)(network.architecture, moved)

    few = FitConfig(sampling="full", steps=5, learning_rate=1e-3)  # rounding grows with the steps
    first = reordered(edit_by_fitting(discs, "dilate", size=SIZE, config=few))
    assert torch.allclose(
        first.flatten(), edit_by_fitting(reordered(discs), "dilate", size=SIZE, config=few).flatten(), atol=1e-4
    )


def test_networks_that_are_no_sirens_and_edits_that_do_not_exist_are_refused(discs):
    assert is_siren(discs.architecture) and not is_siren(mlp((2, 8, 1)))
    with pytest.raises(ArchitectureError, match="Expected a SIREN"):
        edit_by_fitting(random_network(mlp((2, 8, 1)), 1, dtype=torch.float32), "dilate", size=SIZE)
    with pytest.raises(UnknownNameError, match="sharpen"):
        edit_by_fitting(discs, "sharpen", size=SIZE)


def test_as_many_networks_as_images_are_needed_to_go_on_from(discs):
    images = torch.rand(2, *SIZE)
    with pytest.raises(ShapeMismatchError, match="Expected 2 networks"):
        fit_sirens(images, CONFIG, architecture=discs.architecture, start=discs)
