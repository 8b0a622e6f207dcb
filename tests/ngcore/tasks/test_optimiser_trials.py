"""Trials of optimisers: images, networks, and what is said of how they went."""

import math

import pytest
import torch

from ngcore.errors import DataError
from ngcore.tasks import optimiser_trials
from ngcore.tasks.optimisees import perceptron
from ngcore.tasks.optimiser_trials import Outcome, TrialImages, start_networks


def test_losses_are_smoothed_over_fifty_steps_and_networks_that_got_worse_have_diverged():
    losses = torch.cat([torch.ones(3, 30), torch.full((3, 90), 0.5)], dim=1)
    losses[1, -1], losses[2, 40:] = math.nan, 3.0
    networks = start_networks("x", perceptron(2, 1, (1, 2, 2)), [0, 1, 2])
    outcome = Outcome(networks, losses, 0.0, 0.0)
    assert outcome.smooth[0, [0, 29, 49, 79]].tolist() == pytest.approx([1.0, 1.0, 0.8, 0.5])
    assert outcome.diverged.tolist() == [False, True, True]


def test_the_sample_stands_in_where_all_images_cannot_be_had(monkeypatch):
    def fetch(name):
        raise DataError("no network")

    monkeypatch.setattr(optimiser_trials, "fetch_images", fetch)
    found = TrialImages.find("fashion-mnist")
    assert found.is_sample and len(found.digest) == 64
    sizes = [len(images) for images, _ in (found.images.train, found.images.validation, found.images.test)]
    assert sizes == [6_000, 1_000, 1_000]
    assert found.images.train[0].shape[1:] == (1, 28, 28)


def test_the_papers_networks_have_the_parameters_that_it_says():
    sizes = [optimiser_trials.trial_task(name).architecture().num_parameters for name in ("fashion-mnist", "cifar10")]
    assert sizes == [14_378, 56_970]
    for name in optimiser_trials.TRIAL_TASKS:
        wide = optimiser_trials.trial_task(name).architecture(2)
        assert wide.num_parameters > optimiser_trials.trial_task(name).architecture().num_parameters
