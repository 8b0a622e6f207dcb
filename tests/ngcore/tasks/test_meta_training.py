"""Learning to optimise: the gradient of what steps led to, optimisees as in the paper, and resuming exactly."""

import copy

import pytest
import torch

from ngcore.errors import NeuralGraphError
from ngcore.optim import RuleConfig, UpdateRule
from ngcore.tasks import meta_trainer
from ngcore.tasks.inner_loop import InnerRun, meta_loss
from ngcore.tasks.meta_training import MetaConfig, WindowTrainer, meta_train
from ngcore.tasks.optimisees import (
    SIDES,
    Optimisee,
    TrainingImages,
    conv_net,
    draw_optimisee,
    initial_parameters,
    perceptron,
)
from ngcore.zoo.stack_training import measure_stack

SMALL = RuleConfig(d=4, num_layers=1, interval=2)
FEW = MetaConfig(updates=6, window=4, num_networks=2, num_runs=2, validate_every=3)


def pictures(side, count=20):
    generator = torch.Generator().manual_seed(side)
    return torch.randn(count, 1, side, side, generator=generator), torch.randint(10, (count,), generator=generator)


@pytest.fixture(scope="module")
def images():
    return {
        (name, side): TrainingImages(pictures(side), pictures(side, 6), pictures(side, 6))
        for name in ("mnist", "fashion-mnist")
        for side in SIDES
    }


@pytest.fixture
def short(monkeypatch):
    """Validation by one short training."""
    task = Optimisee(architecture=perceptron(4, 1, (1, 14, 14)), images="mnist", side=14, total_steps=4, batch_size=8)
    monkeypatch.setattr(meta_trainer, "validation_tasks", lambda: (task,))


def test_the_papers_networks_have_its_numbers_of_parameters():
    assert conv_net(16).num_parameters == 14_378
    assert conv_net(32, input_shape=(3, 32, 32)).num_parameters == 56_970


def test_tasks_depend_on_their_number_alone_and_vary():
    tasks = [draw_optimisee(number, seed=0) for number in range(30)]
    assert tasks == [draw_optimisee(number, seed=0) for number in range(30)]
    assert {task.side for task in tasks} == set(SIDES) and {task.images for task in tasks} == {"mnist", "fashion-mnist"}
    assert len({task.architecture for task in tasks}) > 10
    assert all(100 <= task.total_steps <= 1_000 for task in tasks)


def test_the_meta_gradient_of_one_step_is_that_of_the_loss_after_it():
    architecture = conv_net(2, depth=2, input_shape=(1, 14, 14))
    network = initial_parameters(architecture, 3, torch.Generator().manual_seed(0)).to(dtype=torch.float64)
    pixels, labels = pictures(14)
    batches = [(pixels[:8].double(), labels[:8]), (pixels[8:16].double(), labels[8:16])]
    torch.manual_seed(1)
    rule = UpdateRule(SMALL).double()
    for parameter in rule.parameters():
        torch.nn.init.normal_(parameter, std=0.2)

    def loss_after(rule):
        run = InnerRun.start(network, 10)
        run.step(run.gradients(batches[0]), rule)
        return measure_stack(run.network, batches[1][0], batches[1][1].expand(3, -1))[1].mean().item()

    loss, is_finite = meta_loss(InnerRun.start(network, 10), batches, rule)
    loss.backward()
    assert is_finite
    for name in ("of_block.bias", "of_target.weight", "of_source.bias", "nodes.bias", "of_node.bias"):
        index = (0,) * rule.get_parameter(name).dim()
        slopes = []
        for sign in (1, -1):
            moved = copy.deepcopy(rule)
            moved.get_parameter(name).data[index] += sign * 1e-5
            slopes.append(loss_after(moved))
        slope = (slopes[0] - slopes[1]) / 2e-5
        assert rule.get_parameter(name).grad[index].item() == pytest.approx(slope, rel=1e-4, abs=1e-9), name
        assert slope != 0


@pytest.mark.usefixtures("short")
def test_a_stopped_run_ends_with_the_same_numbers(images, tmp_path):
    whole = meta_train(FEW, images, tmp_path / "whole", rule=SMALL)
    assert meta_train(FEW, images, tmp_path / "parts", rule=SMALL, max_seconds=0.0) is None
    rest = meta_train(FEW, images, tmp_path / "parts", rule=SMALL)
    assert rest["history"] == whole["history"] and len(whole["history"]) == 2
    assert all(torch.equal(rest["rule"][name], tensor) for name, tensor in whole["rule"].items())
    untrained = WindowTrainer(FEW, images, SMALL).rule.state_dict()
    assert any(not torch.equal(untrained[name], tensor) for name, tensor in whole["rule"].items())
    assert whole["best"]["log_loss"] == min(entry["log_loss"] for entry in whole["history"])


def test_a_window_that_ends_between_answers_is_refused(images, tmp_path):
    with pytest.raises(NeuralGraphError, match="multiple of the rule's interval 2, got 5"):
        meta_train(MetaConfig(window=5), images, tmp_path, rule=SMALL)
