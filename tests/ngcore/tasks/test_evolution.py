"""Evolution strategies for a rule: many rules at once equal each alone, slopes point downhill, runs resume exactly."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from ngcore.networks import Network
from ngcore.optim import RuleConfig, UpdateRule
from ngcore.optim.passing import PASSINGS
from ngcore.tasks import evolution, meta_trainer
from ngcore.tasks.evolution import EvolutionConfig, EvolutionTrainer, RulesSideBySide, evolve, final_losses
from ngcore.tasks.optimisees import Optimisee, TrainingImages, conv_net, initial_parameters, perceptron

PROGRAM = Path(__file__).parent / "shared_evolution.py"
RULE = RuleConfig(d=4, num_layers=1, interval=2)
FEW = EvolutionConfig(updates=4, num_pairs=2, validate_every=2, horizons=(3.0, 5.0), widths=(2,), sides=(14,))
TASK = Optimisee(architecture=perceptron(4, 1, (1, 14, 14)), images="mnist", side=14, total_steps=6, batch_size=8)


def pictures(count, dtype=torch.float32):
    """Images whose brightness says their class."""
    labels = torch.arange(count) % 10
    generator = torch.Generator().manual_seed(count)
    noise = 0.1 * torch.randn(count, 1, 14, 14, generator=generator)
    return (noise + labels[:, None, None, None] / 5 - 1).to(dtype), labels


@pytest.fixture(scope="module")
def images():
    found = TrainingImages(pictures(200), pictures(40), pictures(40))
    return {("mnist", 14): found, ("fashion-mnist", 14): found}


@pytest.fixture
def short(monkeypatch):
    """Validation by one short training."""
    monkeypatch.setattr(meta_trainer, "validation_tasks", lambda: (TASK,))


def random_rules(count, kind):
    rule = UpdateRule(dataclasses.replace(RULE, kind=kind)).double()
    generator = torch.Generator().manual_seed(1)
    return rule, {
        name: 0.2 * torch.randn(count, *parameter.shape, generator=generator, dtype=torch.float64)
        for name, parameter in rule.named_parameters()
    }


@pytest.mark.parametrize("kind", PASSINGS)
def test_rules_side_by_side_do_what_each_does_alone(kind):
    data = pictures(100, torch.float64)
    images = {("mnist", 14): TrainingImages(data, data, data)}
    task = dataclasses.replace(TASK, architecture=conv_net(2, depth=2, input_shape=(1, 14, 14)))
    network = initial_parameters(task.architecture, 3, torch.Generator().manual_seed(0)).to(dtype=torch.float64)
    rule, parameters = random_rules(3, kind)
    together = final_losses(RulesSideBySide(rule, parameters), task, images, network, torch.Generator().manual_seed(2))
    for i in range(3):
        rule.load_state_dict({name: tensor[i] for name, tensor in parameters.items()})
        own = Network(network.architecture, {name: tensor[i : i + 1] for name, tensor in network.parameters.items()})
        alone = final_losses(rule, task, images, own, torch.Generator().manual_seed(2))
        torch.testing.assert_close(alone, together[i : i + 1], rtol=1e-8, atol=0)
    assert together.unique().numel() == 3


def test_a_training_that_blows_up_counts_as_a_large_finite_loss(images):
    rule = UpdateRule(RULE)
    with torch.no_grad():
        for parameter in rule.parameters():
            parameter.fill_(30.0)
    network = initial_parameters(TASK.architecture, 2, torch.Generator().manual_seed(0))
    network = network.having({name: 1e30 * tensor for name, tensor in network.parameters.items()})
    losses = final_losses(rule, TASK, images, network, torch.Generator().manual_seed(2))
    assert losses.tolist() == [evolution.LARGEST_LOSS] * 2


@pytest.mark.usefixtures("short")
def test_updates_go_downhill_to_the_best_rule(images, tmp_path, monkeypatch):
    def bowl(rules, *_):
        distances = [(tensor - 0.3).square().flatten(1).sum(1) for tensor in rules.parameters.values()]
        return torch.stack(distances).sum(0).exp()

    monkeypatch.setattr(evolution, "final_losses", bowl)
    config = EvolutionConfig(updates=200, num_pairs=16, learning_rate=0.02, weight_decay=0.0, validate_every=200)
    learned = evolve(config, images, tmp_path, rule=RULE)["rule"]
    answers = EvolutionTrainer(config, images, RULE).learned
    assert sum(tensor.numel() for tensor in answers.values()) > 50
    for name in answers:
        torch.testing.assert_close(learned[name], torch.full_like(learned[name], 0.3), rtol=0, atol=0.1)


@pytest.mark.usefixtures("short")
def test_a_stopped_run_ends_with_the_same_numbers(images, tmp_path):
    whole = evolve(FEW, images, tmp_path / "whole", rule=RULE)
    assert evolve(FEW, images, tmp_path / "parts", rule=RULE, max_seconds=0.0) is None
    rest = evolve(FEW, images, tmp_path / "parts", rule=RULE)
    assert rest["history"] == whole["history"] and len(whole["history"]) == 2
    assert all(torch.equal(rest["rule"][name], tensor) for name, tensor in whole["rule"].items())
    assert whole["best"]["log_loss"] == min(entry["log_loss"] for entry in whole["history"])
    untrained = EvolutionTrainer(FEW, images, RULE).rule
    answers = untrained.answers()
    for name, tensor in untrained.state_dict().items():
        assert torch.equal(tensor, whole["rule"][name]) == (name not in answers), name


@pytest.mark.usefixtures("short")
def test_several_tasks_count_as_their_mean(images):
    both = EvolutionTrainer(dataclasses.replace(FEW, num_tasks=2), images, RULE)
    slopes = [
        both._slope(dataclasses.replace(both._task(number), total_steps=both._task(0).total_steps), number)[0]
        for number in (0, 1)
    ]
    both.train()
    gradient = torch.cat([parameter.grad.flatten() for parameter in both.learned.values()])
    torch.testing.assert_close(gradient, (slopes[0] + slopes[1]) / 2)
    assert gradient.abs().max() > 0


def test_processes_that_share_the_tasks_make_the_same_updates(tmp_path):
    def run(folder, count):
        start = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(count)]
        subprocess.run([sys.executable, *start, str(PROGRAM), str(folder)], check=True, timeout=300)
        return torch.load(folder / "last.ckpt", weights_only=True)

    alone, together = run(tmp_path / "alone", 1), run(tmp_path / "together", 2)
    assert alone["update"] == together["update"] == 2
    assert len(alone["history"]) == len(together["history"]) == 1
    assert together["history"][0]["tasks"].keys() == {"0", "1"}
    for name, tensor in alone["rule"].items():
        torch.testing.assert_close(together["rule"][name], tensor, rtol=0, atol=1e-4)
