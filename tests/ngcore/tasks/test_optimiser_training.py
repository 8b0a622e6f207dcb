"""From a recipe to the checkpoint of an optimiser, and by its name to a training of a module."""

import copy
import dataclasses

import numpy as np
import pytest
import small_trainings
import torch
from torch import nn
from torch.nn import functional

from ngcore.errors import CheckpointError, UnknownNameError
from ngcore.optim import NeuralGraphOptimizer, RuleConfig, find_rules, load_rule
from ngcore.optim.passing import PASSINGS
from ngcore.paths import ASSETS
from ngcore.tasks import meta_trainer, optimisees, optimiser_training
from ngcore.tasks.meta_training import MetaConfig
from ngcore.tasks.optimisees import Optimisee, perceptron
from ngcore.training.checkpoint import read_card
from ngcore.zoo import ImageSet

NAME = "optimiser-tiny"


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    """A recipe that takes a moment, on random images."""
    task = Optimisee(architecture=perceptron(4, 1, (1, 14, 14)), images="mnist", side=14, total_steps=4, batch_size=8)
    numbers = MetaConfig(updates=4, window=4, num_networks=2, num_runs=2, validate_every=2)
    generator = np.random.default_rng(0)

    def fetch(name):
        pixels = generator.integers(0, 256, (40, 28, 28), dtype=np.uint8)
        labels = generator.integers(0, 10, 40)
        return ImageSet(name, pixels, labels, pixels[:9], labels[:9], tuple("abcdefghij"))

    monkeypatch.setenv("NGCORE_WORK", str(tmp_path))
    for module in (optimisees, optimiser_training):
        monkeypatch.setattr(module, "NUM_VALIDATION", 10)
    monkeypatch.setattr(meta_trainer, "validation_tasks", lambda: (task,))
    monkeypatch.setattr(optimiser_training, "fetch_images", fetch)
    recipe = (numbers, RuleConfig(d=4, num_layers=1, interval=2))
    monkeypatch.setitem(optimiser_training.OPTIMISER_RECIPES, NAME, recipe)


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize("kind", PASSINGS)
def test_a_trained_optimiser_is_found_by_its_name_and_trains_a_module(kind, tmp_path, monkeypatch):
    numbers, config = optimiser_training.OPTIMISER_RECIPES[NAME]
    recipe = (numbers, dataclasses.replace(config, kind=kind))
    monkeypatch.setitem(optimiser_training.OPTIMISER_RECIPES, NAME, recipe)
    card = optimiser_training.train_optimiser(NAME)
    (row,) = card["metrics"]["validation"]["tasks"]
    assert {"accuracy", "base_accuracy", "loss", "base_loss"} <= row.keys()
    assert find_rules()[NAME] == tmp_path / "optimisers" / NAME
    rule = load_rule(NAME)
    assert sum(parameter.numel() for parameter in rule.parameters()) == card["parameters"]
    assert rule.config == recipe[1]
    module, x = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)), torch.randn(6, 3)
    before = module[0].weight.detach().clone()
    optimizer = NeuralGraphOptimizer(module, x, rule=NAME, total_steps=4)
    functional.cross_entropy(module(x), torch.tensor([0, 1, 0, 1, 0, 1])).backward()
    optimizer.step()
    assert not torch.equal(module[0].weight, before)


@pytest.mark.usefixtures("tiny")
def test_what_is_no_optimiser_is_refused():
    with pytest.raises(UnknownNameError, match="trained optimiser"):
        load_rule("no-such-rule")
    with pytest.raises(CheckpointError, match=r"the rule of an optimiser in .*, got a model whose task is 'classify'"):
        load_rule("assets/checkpoints/mnist-statnn")
    with pytest.raises(UnknownNameError, match="recipe of an optimiser"):
        optimiser_training.train_optimiser("mnist-statnn")


def test_the_rules_that_ship_open_and_change_what_is_made_by_hand():
    folders = [folder for folder in find_rules().values() if ASSETS in folder.parents]
    assert folders
    for folder in folders:
        card, rule = read_card(folder), load_rule(folder)
        assert sum(parameter.numel() for parameter in rule.parameters()) == card["parameters"]
        assert card["name"] == folder.name and card["command"] == f"ngcore train {folder.name}"
        torch.manual_seed(0)
        start, x = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)), torch.randn(6, 3)
        trained = []
        for one in (None, rule):
            module = copy.deepcopy(start)
            optimizer = NeuralGraphOptimizer(module, x, rule=one, total_steps=4)
            functional.cross_entropy(module(x), torch.tensor([0, 1, 0, 1, 0, 1])).backward()
            optimizer.step()
            trained.append(nn.utils.parameters_to_vector(module.parameters()))
        assert trained[1].isfinite().all() and not torch.allclose(*trained)


def test_the_rule_that_ships_answers_as_when_it_was_written():
    """Sums of the parameters of a small conv net after 20 steps, from before there were other kinds of rules."""
    module, (images, _) = small_trainings.conv_net(dtype=torch.float64), small_trainings.data(torch.float64)
    optimizer = NeuralGraphOptimizer(module, images, rule="optimiser-ng-gnn", total_steps=30)
    sums = [parameter.sum().item() for parameter in small_trainings.train(module, optimizer, 20)]
    expected = [-1.7905640556, 0.6062768982, -1.3983430645, 0.0348572041, 2.1884406015, -0.9468283789]
    assert sums == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("kind", PASSINGS)
def test_every_kind_has_its_recipe(kind):
    _, config = optimiser_training.OPTIMISER_RECIPES[f"optimiser-{kind}"]
    assert config == RuleConfig(kind=kind, d=8) and RuleConfig(**config.to_dict()) == config
