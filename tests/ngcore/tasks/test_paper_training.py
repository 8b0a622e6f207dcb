"""Meta-training in the paper's way: it learns, it resumes exactly, and its checkpoint is found by name."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from ngcore.optim import NeuralGraphOptimizer, PaperConfig, PaperRule, find_rules, load_rule
from ngcore.tasks import optimisees, optimiser_training
from ngcore.tasks.inner_loop import InnerRun, meta_loss
from ngcore.tasks.optimisees import Optimisee, TrainingImages, initial_parameters, perceptron
from ngcore.tasks.paper_training import PaperMetaConfig, PaperTrainer, paper_optimisee
from ngcore.zoo import ImageSet

NUMBERS = PaperMetaConfig(
    updates=6, validate_every=2, window=3, num_networks=2, num_runs=2, sides=(7,), widths=(2,), horizons=(5.0, 9.0)
)
RULE = PaperConfig(kind="lstm", d=4)


@pytest.fixture
def images():
    generator = torch.Generator().manual_seed(0)
    data = torch.randn(60, 1, 7, 7, generator=generator), torch.randint(10, (60,), generator=generator)
    return {("fashion-mnist", 7): TrainingImages(data, data, data)}


@pytest.fixture
def short(monkeypatch):
    """Validation by a training of four steps."""
    task = Optimisee(architecture=perceptron(4, 1, (1, 7, 7)), images="fashion-mnist", side=7, total_steps=4)
    monkeypatch.setattr(PaperTrainer, "validation_tasks", lambda self: (task,))


def is_same(a, b):
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(is_same(a[key], b[key]) for key in a if key != "seconds")
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(is_same, a, b))
    return a == b


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("kind", ["lstm", "ng-gnn"])
def test_a_training_that_was_stopped_ends_as_one_that_was_not(kind, images, tmp_path):
    rule = dataclasses.replace(RULE, kind=kind)
    whole = PaperTrainer(NUMBERS, images, rule).run(tmp_path / "whole")
    assert PaperTrainer(NUMBERS, images, rule).run(tmp_path / "parts", max_seconds=0.0) is None
    assert PaperTrainer(NUMBERS, images, rule).run(tmp_path / "parts", max_seconds=0.0) is None
    assert is_same(PaperTrainer(NUMBERS, images, rule).run(tmp_path / "parts"), whole)
    assert whole["update"] == 6 and len(whole["history"]) == 3
    assert any(tensor.any() for name, tensor in whole["rule"].items() if name.startswith("head.3"))


@pytest.mark.parametrize("kind", ["mlp", "ng-t"])
def test_a_rule_learns_to_lower_the_loss_of_what_it_trains(kind, images):
    torch.manual_seed(0)
    rule = PaperRule(PaperConfig(kind=kind, d=8, num_heads=2, num_layers=1))
    adam = torch.optim.Adam(rule.parameters(), lr=0.03)
    data, network = images["fashion-mnist", 7].train, None

    def loss_after_ten_steps():
        run = InnerRun.start(network, 10)
        with torch.no_grad():
            for _ in range(10):
                with torch.enable_grad():
                    gradients = run.gradients(data)
                run.step(gradients, rule)
        logits = run.network(data[0])
        return functional.cross_entropy(logits.flatten(0, 1), data[1].repeat(3)).item()

    network = initial_parameters(perceptron(8, 1, (1, 7, 7)), 3, torch.Generator().manual_seed(1))
    before = loss_after_ten_steps()
    for _ in range(20):
        loss, is_finite = meta_loss(InnerRun.start(network, 10), [data] * 6, rule)
        assert is_finite
        adam.zero_grad()
        loss.backward()
        adam.step()
    assert loss_after_ten_steps() < before - 0.3


def test_tasks_are_of_the_numbers_of_the_training_alone():
    drawn = [paper_optimisee(number, NUMBERS) for number in range(5)]
    assert drawn == [paper_optimisee(number, NUMBERS) for number in range(5)]
    assert all(task.side == 7 and 5 <= task.total_steps <= 9 for task in drawn)
    assert len({task.total_steps for task in drawn}) > 1


@pytest.mark.usefixtures("short")
def test_a_rule_in_the_papers_form_is_found_by_its_name_and_trains_a_module(monkeypatch, tmp_path):
    generator = np.random.default_rng(0)
    pixels, labels = generator.integers(0, 256, (40, 28, 28), dtype=np.uint8), generator.integers(0, 10, 40)
    fashion = ImageSet("fashion-mnist", pixels, labels, pixels[:9], labels[:9], tuple("abcdefghij"))
    monkeypatch.setenv("NGCORE_WORK", str(tmp_path))
    monkeypatch.setattr(optimiser_training, "SIDES", (7,))
    monkeypatch.setattr(optimiser_training, "fetch_images", lambda name: fashion)
    for module in (optimisees, optimiser_training):
        monkeypatch.setattr(module, "NUM_VALIDATION", 10)
    monkeypatch.setitem(optimiser_training.OPTIMISER_RECIPES, "optimiser-tiny", (NUMBERS, RULE))
    card = optimiser_training.train_optimiser("optimiser-tiny")
    assert card["model"]["kind"] == "lstm" and card["preset"] == "tiny" and card["corpus"]["name"] == "fashion-mnist"
    assert find_rules()["optimiser-tiny"] == tmp_path / "optimisers" / "optimiser-tiny"
    rule = load_rule("optimiser-tiny")
    assert isinstance(rule, PaperRule) and rule.config == RULE
    module, x = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)), torch.randn(6, 3)
    before = module[0].weight.detach().clone()
    optimizer = NeuralGraphOptimizer(module, x, rule="optimiser-tiny")
    functional.cross_entropy(module(x), torch.tensor([0, 1, 0, 1, 0, 1])).backward()
    optimizer.step()
    assert not torch.equal(module[0].weight, before)
