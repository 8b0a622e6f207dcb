"""Fitting: written-out gradients and Adam against torch's own, progress, and independence of the chunking."""

import pytest
import torch

from ngcore.errors import ArchitectureError, ShapeMismatchError
from ngcore.inr import BLOCK_SIZE, FitConfig, fit, fit_sirens, image_coordinates, initial_siren, psnr, render
from ngcore.inr.fit import _pixel_choices, adam_step, siren_gradients
from ngcore.networks import Activation, Linear, Network, Skip, chain, mlp, siren
from ngcore.testing import random_network

TINY = siren((2, 4, 4, 1))
SIRENS = {
    "grey": siren((2, 6, 5, 1)),
    "rgb": siren((2, 6, 5, 3)),
    "deep": siren((2, 4, 5, 6, 4, 1), omega_0=10.0),
    "shallow": siren((2, 7, 3)),
    "thin": siren((2, 2, 3, 1)),
}


def sample_images(count, size=(6, 7), seed=0):
    """Smooth images: a bright disc at a random place."""
    centres = torch.rand(count, 1, 2, generator=torch.Generator().manual_seed(seed)) - 0.5
    distance = (image_coordinates(*size) - centres).norm(dim=-1)
    return torch.sigmoid(6 * (0.6 - distance)).unflatten(1, size)


def squared_error(network, coordinates, targets):
    """Sum over the networks of each one's mean squared error; targets are (networks, channels, pixels)."""
    return (network(coordinates).mT + 0.5 - targets).square().mean(dim=(1, 2)).sum()


def random_problem(architecture, generator):
    network = random_network(architecture, 3).map(lambda tensor: 0.3 * tensor)
    coordinates = torch.rand(11, 2, generator=generator, dtype=torch.float64)
    targets = torch.rand(3, *architecture.output_shape, 11, generator=generator, dtype=torch.float64)
    return network, coordinates, targets


def omega_0(architecture):
    return architecture.layers[1].omega_0


@pytest.mark.parametrize("architecture", SIRENS.values(), ids=SIRENS)
def test_written_out_gradients_equal_those_of_autograd(architecture, generator):
    network, coordinates, targets = random_problem(architecture, generator)
    leaves = network.map(lambda tensor: tensor.requires_grad_())
    expected = torch.autograd.grad(squared_error(leaves, coordinates, targets), list(leaves.parameters.values()))
    with torch.no_grad():
        gradients = siren_gradients(list(network.parameters.values()), coordinates.mT, targets, omega_0(architecture))
    torch.testing.assert_close(gradients, list(expected), atol=1e-10, rtol=1e-9)


@pytest.mark.parametrize("architecture", SIRENS.values(), ids=SIRENS)
def test_steps_equal_those_of_torchs_adam(architecture, generator):
    network, coordinates, targets = random_problem(architecture, generator)
    leaves = network.map(lambda tensor: tensor.clone().requires_grad_())
    adam = torch.optim.Adam(leaves.parameters.values(), lr=5e-3)
    parameters = list(network.parameters.values())
    moments = [[torch.zeros_like(tensor) for tensor in parameters] for _ in range(2)]
    for t in range(1, 7):
        adam.zero_grad()
        squared_error(leaves, coordinates, targets).backward()
        adam.step()
        rates = torch.tensor((5e-3, 1 - 0.9**t, 1 - 0.999**t), dtype=torch.float64)
        parameters, *moments = adam_step(parameters, *moments, coordinates.mT, targets, omega_0(architecture), rates)
    expected = [tensor.detach() for tensor in leaves.parameters.values()]
    torch.testing.assert_close(parameters, expected, atol=1e-8, rtol=1e-6)


@pytest.mark.parametrize("sampling", ["full", "uniform", "cells", "quarters"])
def test_fitting_improves_the_image(sampling):
    images, architecture = sample_images(2, (10, 10)), siren((2, 16, 16, 1))
    start = initial_siren(architecture, 0, 2, seed=0)
    config = FitConfig(steps=80, learning_rate=2e-3, sampling=sampling, pixels=40)
    result = fit_sirens(images, config, architecture=architecture, device="cpu")
    assert (result.psnr > psnr(render(start, (10, 10)), images) + 6).all()
    torch.testing.assert_close(result.psnr, psnr(render(result.network, (10, 10)), images))


def test_colour_images_are_fitted_too():
    images = torch.stack([sample_images(2, seed=seed) for seed in range(3)], dim=-1)
    result = fit_sirens(images, FitConfig(steps=60, learning_rate=5e-3), device="cpu")
    assert result.network.architecture == siren((2, 32, 32, 3))
    assert (result.psnr > 18).all()


@pytest.mark.parametrize("sampling", ["full", "uniform", "cells", "quarters"])
def test_a_network_does_not_depend_on_how_its_corpus_is_cut(sampling):
    images = sample_images(BLOCK_SIZE + 5)
    config = FitConfig(steps=4, sampling=sampling, pixels=20)
    options = {"architecture": TINY, "device": "cpu", "seed": 3}
    whole = fit_sirens(images, config, **options).network
    first = fit_sirens(images[:BLOCK_SIZE], config, **options).network
    rest = fit_sirens(images[BLOCK_SIZE:], config, first_index=BLOCK_SIZE, **options).network
    few = fit_sirens(images[BLOCK_SIZE:][:2], config, first_index=BLOCK_SIZE, **options).network
    assert Network.cat([first, rest]).equals(whole)
    assert few.equals(whole[BLOCK_SIZE : BLOCK_SIZE + 2])


def test_the_seed_decides_the_start_and_the_pixels():
    images, options = sample_images(2), {"architecture": TINY, "device": "cpu"}
    config = FitConfig(steps=3, sampling="uniform", pixels=10)
    first, same, other = (fit_sirens(images, config, seed=seed, **options).network for seed in (0, 0, 1))
    assert first.equals(same)
    assert not first.equals(other)


def test_the_full_blocks_of_the_compiled_step_give_the_same_networks(monkeypatch):
    """Compiled steps work on blocks of one size, so a smaller one is filled up; the eager step stands in for them."""
    images, options = sample_images(2), {"architecture": TINY, "device": "cpu"}
    eager = fit_sirens(images, FitConfig(steps=3), **options)
    monkeypatch.setattr(fit, "_compiled_step", lambda: adam_step)
    filled_up = fit_sirens(images, FitConfig(steps=3), compiled=True, **options)
    assert filled_up.network.equals(eager.network)
    assert torch.equal(filled_up.psnr, eager.psnr)


def test_cells_give_one_pixel_of_every_two_by_two_cell():
    (chosen,) = _pixel_choices((5, 6), FitConfig(steps=1, sampling="cells"), seed=0)
    rows, columns = chosen // 6, chosen % 6
    assert list(zip((rows // 2).tolist(), (columns // 2).tolist(), strict=True)) == [
        (row, column) for row in range(3) for column in range(3)
    ]


def test_four_quarters_show_every_pixel_once():
    size = (6, 8)
    chosen = list(_pixel_choices(size, FitConfig(steps=8, sampling="quarters"), seed=0))
    for round_ in (chosen[:4], chosen[4:]):
        assert sorted(torch.cat(round_).tolist()) == list(range(48))
    assert not torch.equal(chosen[0], chosen[4])


def test_uniform_pixels_are_distinct_and_change_from_step_to_step():
    first, second = _pixel_choices((5, 6), FitConfig(steps=2, sampling="uniform", pixels=12), seed=0)
    assert len(first.unique()) == len(first) == 12
    assert not torch.equal(first.sort().values, second.sort().values)


def test_progress_is_reported_after_every_step_and_can_stop_the_fit():
    seen = []

    def watch(step, network):
        seen.append((step, len(network)))
        if step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit_sirens(sample_images(2), FitConfig(steps=10), architecture=TINY, device="cpu", on_step=watch)
    assert seen == [(1, 2), (2, 2), (3, 2)]


def test_the_last_report_is_the_result():
    reports = []
    result = fit_sirens(
        sample_images(2), FitConfig(steps=3), architecture=TINY, device="cpu", on_step=lambda _, n: reports.append(n)
    )
    assert reports[-1].equals(result.network)


@pytest.mark.parametrize("changes", [{"steps": 0}, {"learning_rate": 0.0}, {"pixels": 0}])
def test_recipes_without_work_are_refused(changes):
    with pytest.raises(ArchitectureError, match=r"^Expected positive steps, learning rate and pixels, got FitConfig\("):
        FitConfig(**changes)


@pytest.mark.parametrize(
    "architecture",
    [
        siren((3, 4, 1)),
        siren((2, 4, 3)),
        mlp((2, 4, 1), "relu"),
        chain((2,), (Linear(2, 4), Activation("sine", 30.0), Linear(4, 4), Activation("sine", 1.0), Linear(4, 1))),
        chain((2,), (Linear(2, 4), Linear(4, 1))),
        chain((2,), (Linear(2, 4, bias=False), Activation("sine", 30.0), Linear(4, 1))),
        chain((2,), siren((2, 4, 4, 1)).layers, (Skip(2, 4),)),
    ],
    ids=["three inputs", "three outputs", "no sine", "two frequencies", "no activation", "no bias", "a skip"],
)
def test_architectures_that_are_no_sirens_are_refused(architecture):
    with pytest.raises(
        ArchitectureError,
        match=r"^Expected a SIREN of 2 inputs, 1 outputs, biases, no skips, "
        r"and .* after every Linear but the last, got .*\.$",
    ):
        fit_sirens(sample_images(1), FitConfig(steps=1), architecture=architecture, device="cpu")


def test_an_empty_stack_of_images_is_refused():
    with pytest.raises(
        ShapeMismatchError,
        match=r"^Expected images of shape \(networks, height, width\[, channels\]\), got \(0, 4, 4\)\.$",
    ):
        fit_sirens(torch.zeros(0, 4, 4), FitConfig(steps=1), device="cpu")
