"""Learned descent: Adam's steps where it is told so, symmetric, differentiable to the end, and nearer to the edit."""

import pytest
import torch
from tiny_models import tiny_model

from ngcore.errors import ArchitectureError, NeuralGraphError
from ngcore.inr import FitConfig, edit_images, fit_sirens, image_coordinates, render, render_at
from ngcore.models import LearnedDescent
from ngcore.models.descent import START, UNIT
from ngcore.networks import Network, flip_signs, mlp, siren
from ngcore.testing import assert_equivariant, random_network

SIDE = 12
COLOURS = pytest.mark.parametrize("channels", [1, 3])


@pytest.fixture(scope="module")
def discs():
    """Three SIRENs that show a bright disc each, at different places."""
    centres = torch.tensor([[[-0.3, 0.0]], [[0.2, 0.3]], [[0.0, -0.2]]])
    distance = (image_coordinates(SIDE, SIDE) - centres).norm(dim=-1)
    images = torch.sigmoid(12 * (0.4 - distance)).unflatten(1, (SIDE, SIDE))
    return fit_sirens(images, FitConfig(steps=300, learning_rate=1e-3), architecture=siren((2, 16, 16, 1))).network


def descent_of(num_steps, edit="dilate", num_entries=3):
    return LearnedDescent(num_steps=num_steps, edit=edit, image_side=SIDE, num_entries=num_entries).double().eval()


def errors(network, targets):
    return (render(network, (SIDE, SIDE)) - targets).square().mean(dim=(1, 2))


def test_untrained_steps_are_those_of_adam(discs, monkeypatch):
    monkeypatch.setattr("ngcore.models.descent.RELATIVE_FLOOR", 0.0)
    network, start = discs.to(dtype=torch.float64)[:1], random_network(discs.architecture, 1, seed=3)
    start = network.plus(start, 0.01)
    end = descent_of(5)(network, start)

    parameters = {name: tensor.clone().requires_grad_() for name, tensor in start.parameters.items()}
    adam = torch.optim.Adam(parameters.values(), lr=START * UNIT, betas=(0.9, 0.9), eps=0)
    target = edit_images(render(network, (SIDE, SIDE)).clamp(0, 1), "dilate")
    places = image_coordinates(SIDE, SIDE).view(SIDE, SIDE, 2)
    for top, left in ((0, 0), (1, 1), (0, 1), (1, 0), (0, 0)):
        adam.zero_grad()
        shown = render_at(Network(start.architecture, parameters), places[top::2, left::2].flatten(0, 1))
        (shown.flatten() - target[0, top::2, left::2].flatten()).square().mean().backward()
        adam.step()
    for name, tensor in parameters.items():
        assert torch.allclose(end.parameters[name], tensor, rtol=0, atol=1e-5 * START * UNIT), name


@pytest.mark.parametrize("edit", ["dilate", "erode", "blur", "rotate"])
def test_steps_come_nearer_to_the_edit_of_what_is_shown(discs, edit):
    network = discs.to(dtype=torch.float64)
    targets = edit_images(render(network, (SIDE, SIDE)).clamp(0, 1), edit)
    assert (errors(descent_of(10, edit)(network, network), targets) < 0.8 * errors(network, targets)).all()


@COLOURS
def test_changes_move_with_the_neurons_and_with_their_signs(channels, generator):
    network = random_network(siren((2, 6, 5, channels)), 3)
    model = tiny_model("ng-sweep-edit-descent", [network.architecture], num_steps=2, image_side=SIDE)
    assert_equivariant(model, network)
    with torch.no_grad():
        change = model(network)
        flipped = flip_signs(network, generator)
        signs = {name: flipped.parameters[name] / network.parameters[name] for name in network.parameters}
        again = model(flipped)
    for name, tensor in again.parameters.items():
        assert torch.allclose(tensor, change.parameters[name] * signs[name], rtol=1e-6, atol=1e-9), name


def test_each_network_descends_as_if_it_were_alone(discs):
    network = discs.to(dtype=torch.float64)
    together = descent_of(4)(network, network)
    assert torch.allclose(together[1].flatten(), descent_of(4)(network[1], network[1]).flatten(), atol=1e-12)


def test_what_is_learned_about_sizes_is_the_slope_of_the_last_error(discs):
    """Through the second derivatives: against finite differences, at the first and the last step."""
    network, descent = discs.to(dtype=torch.float64), descent_of(3).train()
    targets = torch.rand(3, SIDE, SIDE, generator=torch.Generator().manual_seed(0)).double()
    errors(descent(network, network), targets).sum().backward()
    for place in ((0, 0, 0, 3), (0, 1, 1, 0), (2, 2, 0, 1)):
        values = []
        for shift in (1e-4, -1e-4):
            moved = descent_of(3)
            with torch.no_grad():
                moved.coefficients[place] += shift
                values.append(errors(moved(network, network), targets).sum().item())
        slope = (values[0] - values[1]) / 2e-4
        assert descent.coefficients.grad[place].item() == pytest.approx(slope, rel=1e-3), place


def test_a_start_learns_from_what_the_steps_reach(discs):
    network = discs.to(dtype=torch.float64)
    start = network.map(lambda tensor: tensor.clone().requires_grad_())
    errors(descent_of(2).train()(network, start), torch.zeros(3, SIDE, SIDE)).sum().backward()
    assert all(tensor.grad is not None and tensor.grad.abs().max() > 0 for tensor in start.parameters.values())


def test_nothing_of_the_networks_is_kept_where_nothing_is_learned(discs):
    with torch.no_grad():
        end = descent_of(2)(discs.to(dtype=torch.float64), discs.to(dtype=torch.float64))
    assert not any(tensor.requires_grad for tensor in end.parameters.values())


def test_networks_that_show_nothing_get_a_finite_change_and_gradient():
    network = random_network(siren((2, 6, 5, 1)), 2, dtype=torch.float32).map(torch.zeros_like)
    model = tiny_model("ng-sweep-edit-descent", [network.architecture], num_steps=3, image_side=SIDE).float().train()
    change = model(network)
    sum(tensor.square().sum() for tensor in change.parameters.values()).backward()
    assert all(tensor.isfinite().all() for tensor in change.parameters.values())
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


def test_networks_that_show_no_image_and_odd_pictures_are_refused():
    other = random_network(mlp((3, 4, 1)), 1)
    with pytest.raises(ArchitectureError, match="Expected an INR with 2 inputs"):
        descent_of(1)(other, other)
    with pytest.raises(NeuralGraphError, match="Expected an even number of pixels to take quarters of, got 27"):
        LearnedDescent(num_steps=1, edit="dilate", image_side=27, num_entries=3)
