"""The questions as training problems: targets, losses, metrics, and changes of input networks."""

import pytest
import torch
from torch import nn

from ngcore.inr import edit_images, initial_siren, render
from ngcore.networks import Network, mlp, siren
from ngcore.tasks.corpus import Corpus
from ngcore.tasks.problems import PROBLEMS, VIEWS, Augmentation, edit_in_view, find_problem

CPU = torch.device("cpu")


class FirstNumbers(nn.Module):
    """A model whose answer is the first three parameters of a network."""

    def forward(self, networks):
        stacks = [networks] if isinstance(networks, Network) else networks
        return torch.cat([stack.flatten()[:, :3] for stack in stacks])


class ShiftOutput(nn.Module):
    """A model that adds to the output bias of an INR, and so to all its pixels."""

    def __init__(self, shift, output_bias="4.bias"):
        super().__init__()
        self.shift, self.output_bias = shift, output_bias

    def forward(self, networks):
        if not isinstance(networks, Network):
            return [self(network) for network in networks]
        change = networks.map(torch.zeros_like)
        change.parameters[self.output_bias] += self.shift
        return change


@pytest.mark.parametrize("edit", ["dilate", "outline", None])
def test_the_target_of_an_edit_is_the_edited_original(inrs, edit):
    import numpy as np

    corpus = Corpus.load(inrs, "test")
    originals = torch.from_numpy(np.load(inrs.folder / "images.npy")[8:12]).float() / 255
    assert torch.equal(find_problem("edit", edit).targets(corpus), edit_images(originals, edit or "dilate"))


def test_an_edit_is_measured_on_the_pixels_beside_the_unedited_inrs(inrs):
    corpus, problem = Corpus.load(inrs, "test"), PROBLEMS["edit"]
    targets = problem.targets(corpus)
    rendered = render(inrs.networks(corpus.rows), (6, 6))
    with torch.no_grad():
        measured = problem.measure(ShiftOutput(0.25), corpus, targets, CPU)
        loss = problem.loss(
            ShiftOutput(0.25),
            [inrs.networks(rows) for rows in (corpus.rows[:1], corpus.rows[1:])],
            targets,
            torch.Generator(),
        )
    assert measured["mse"] == pytest.approx((rendered + 0.25 - targets).square().mean().item(), rel=1e-5)
    assert measured["mse_unedited"] == pytest.approx((rendered - targets).square().mean().item(), rel=1e-5)
    assert loss.item() == pytest.approx(measured["mse"], rel=1e-5)


def test_a_training_step_of_an_edit_looks_at_some_pixels_which_the_generator_chooses(inrs, monkeypatch):
    monkeypatch.setattr("ngcore.tasks.problems.PIXELS_PER_STEP", 5)
    corpus, problem = Corpus.load(inrs, "test"), PROBLEMS["edit"]
    targets = problem.targets(corpus)
    errors = (render(inrs.networks(corpus.rows), (6, 6)) - targets).square().mean(dim=0).flatten()
    chosen = torch.randperm(36, generator=torch.Generator().manual_seed(3))[:5]
    still = ShiftOutput(0.0)
    loss = problem.loss(still, [inrs.networks(corpus.rows)], targets, torch.Generator().manual_seed(3))
    assert loss.item() == pytest.approx(errors[chosen].mean().item(), rel=1e-5)


@pytest.mark.parametrize("view", VIEWS)
def test_an_edit_of_values_does_not_notice_the_view_in_which_it_is_done(inrs, view):
    """Adding to the output bias is the same whatever the place, so moving there and back must leave nothing behind."""
    network = inrs.networks([0, 1]).to(dtype=torch.float64)
    edited = edit_in_view(ShiftOutput(0.25), network, *view)
    torch.testing.assert_close(render(edited, (6, 6)), render(network, (6, 6)) + 0.25, atol=1e-9, rtol=0)


def test_the_mean_of_views_is_measured_on_their_mean_render(inrs):
    corpus, problem = Corpus.load(inrs, "test"), PROBLEMS["edit"]
    targets = problem.targets(corpus)
    with torch.no_grad():
        single = problem.measure(ShiftOutput(0.25), corpus, targets, CPU)
        measured = problem.measure_fully(ShiftOutput(0.25), corpus, targets, CPU)
    assert measured == {**single, "mse_mean_of_8": pytest.approx(single["mse"], rel=1e-4)}


def test_classes_are_measured_item_by_item(inrs):
    corpus, problem = Corpus.load(inrs, "test"), PROBLEMS["classify"]
    targets = problem.targets(corpus)
    assert (problem.d_out(inrs), targets.tolist()) == (3, [2, 0, 1, 2])
    logits = inrs.networks(corpus.rows).flatten()[:, :3]
    measured = problem.measure(FirstNumbers(), corpus, targets, CPU)
    loss = problem.loss(FirstNumbers(), [inrs.networks(corpus.rows)], targets, torch.Generator())
    assert measured["accuracy"] == (logits.argmax(dim=1) == targets).float().mean().item()
    assert measured["cross_entropy"] == pytest.approx(loss.item())


def test_accuracies_are_measured_in_the_order_of_the_zoo_over_several_architectures(mixed):
    """Held against the model's own answers about one network after another, in the place of accuracies."""
    corpus, problem = Corpus.load(mixed, "train"), PROBLEMS["predict"]
    alone = torch.cat([mixed.networks([row]).flatten()[:, 0] for row in corpus.rows]).sigmoid()
    measured = problem.measure(FirstNumbers(), corpus, alone, CPU)
    exact = {"kendall_tau": 1.0, "r_squared": 1.0, "mean_absolute_error": 0.0}
    assert measured == pytest.approx(exact, abs=1e-6)


def test_edits_are_measured_in_the_order_of_the_zoo_over_several_architectures(mixed):
    corpus, problem = Corpus.load(mixed, "train"), PROBLEMS["edit"]
    alone = torch.cat([render(mixed.networks([row]), (6, 6)) for row in corpus.rows])
    with torch.no_grad():
        measured = problem.measure(ShiftOutput(0.5, "2.bias"), corpus, alone, CPU)
        unchanged = problem.measure_fully(ShiftOutput(0.0, "2.bias"), corpus, alone, CPU)
    assert measured == pytest.approx({"mse": 0.25, "mse_unedited": 0.0}, abs=1e-6)
    assert unchanged == pytest.approx({"mse": 0.0, "mse_unedited": 0.0, "mse_mean_of_8": 0.0}, abs=1e-6)


def test_every_problem_says_which_metric_selects_the_weights():
    assert {name: (problem.task, problem.monitor, problem.mode) for name, problem in PROBLEMS.items()} == {
        "classify": ("classify", "accuracy", "max"),
        "predict": ("predict", "kendall_tau", "max"),
        "edit": ("edit", "mse", "min"),
    }


@pytest.fixture
def twins():
    """Two equal networks in a stack."""
    architecture = mlp((2, 8, 1))
    flat = torch.randn(1, architecture.num_parameters, generator=torch.Generator().manual_seed(1))
    return Network.unflatten(architecture, flat.repeat(2, 1))


def test_noise_differs_from_network_to_network_and_depends_on_the_generator_alone(twins):
    augment = Augmentation(noise=0.1)
    first, again, other = (augment(twins, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
    assert first.equals(again)
    assert not first.equals(other)
    assert not first[0].equals(first[1])


def test_noise_is_as_large_as_said_in_units_of_the_layers_own_spread():
    architecture = mlp((50, 50, 1))
    flat = torch.randn(8, architecture.num_parameters, generator=torch.Generator().manual_seed(0))
    network = Network.unflatten(architecture, 3 * flat)
    noisy = Augmentation(noise=0.1)(network, torch.Generator().manual_seed(0))
    weight, changed = network.parameters["0.weight"], noisy.parameters["0.weight"]
    assert ((changed - weight).std() / weight.std()).item() == pytest.approx(0.1, rel=0.02)


def test_dropped_weights_are_zero_and_the_others_as_they_were():
    architecture = mlp((50, 50, 1))
    network = Network.unflatten(architecture, torch.ones(8, architecture.num_parameters))
    dropped = Augmentation(weight_dropout=0.25)(network, torch.Generator().manual_seed(0)).flatten()
    assert set(dropped.unique().tolist()) == {0.0, 1.0}
    assert dropped.mean().item() == pytest.approx(0.75, abs=0.01)


def test_noise_on_a_single_network_with_a_single_bias_stays_finite():
    architecture = mlp((2, 3, 1))
    network = Network.unflatten(architecture, torch.ones(1, architecture.num_parameters))
    noisy = Augmentation(noise=0.1)(network, torch.Generator().manual_seed(0))
    assert noisy.flatten().isfinite().all()


def test_no_augmentation_gives_the_very_same_network(twins):
    assert Augmentation()(twins, torch.Generator()) is twins


def test_moved_images_stay_within_what_was_asked_for(twins):
    moved = Augmentation(rotation=10.0, scaling=0.1, shift=0.2)(twins, torch.Generator().manual_seed(0))
    before, after = (network.parameters["0.weight"] for network in (twins, moved))
    stretch = after.norm(dim=(1, 2)) / before.norm(dim=(1, 2))  # a turn and a scaling by s divide it by s
    assert ((stretch >= 1 / 1.1 - 1e-6) & (stretch <= 1 / 0.9 + 1e-6)).all()
    assert stretch[0] != stretch[1]
    shift = torch.linalg.lstsq(before, (moved.parameters["0.bias"] - twins.parameters["0.bias"])[..., None]).solution
    assert (shift.abs() <= 0.2 + 1e-5).all() and (shift.abs() > 1e-4).all()
    assert torch.equal(moved.parameters["2.weight"], twins.parameters["2.weight"])


def test_about_half_of_the_images_are_mirrored_exactly():
    network = initial_siren(siren((2, 8, 1)), 0, 200, seed=0)
    mirrored = render(Augmentation(mirror=True)(network, torch.Generator().manual_seed(0)), (9, 9))
    before = render(network, (9, 9))
    as_before, turned = ((mirrored - one).abs().amax(dim=(1, 2)) < 1e-5 for one in (before, before.flip(2)))
    assert torch.equal(as_before, ~turned) and 0.4 < float(turned.double().mean()) < 0.6
