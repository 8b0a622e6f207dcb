"""The optimiser in the loops that people write: Fabric, accumulated gradients, bfloat16 and compiled modules."""

import copy

import pytest
import torch
from lightning_fabric import Fabric
from small_trainings import conv_net, data, train
from torch import nn
from torch.nn import functional

from ngcore.optim import NeuralGraphOptimizer, PaperConfig, PaperRule, RuleConfig, UpdateRule
from ngcore.optim.passing import PASSINGS


def untrained():
    """A rule of each form that changes the steps: last layers are not zero."""
    torch.manual_seed(0)
    ours = [UpdateRule(RuleConfig(kind=kind, d=4, interval=2)) for kind in PASSINGS]
    theirs = PaperRule(PaperConfig(d=4, d_answer=4, num_layers=1))
    for linear in (theirs.head[-1], *(part for rule in ours for part in (rule.of_block, rule.of_target, rule.of_node))):
        nn.init.normal_(linear.weight)
    return [*ours, theirs]


RULES = pytest.mark.parametrize("rule", untrained(), ids=[*PASSINGS, "paper"])


@RULES
def test_fabric_trains_saves_and_goes_on_exactly(rule, tmp_path):
    images, labels = data()
    expected_module = conv_net()
    expected = train(expected_module, NeuralGraphOptimizer(expected_module, images, rule=rule, total_steps=9), 4)
    fabric = Fabric(accelerator="cpu", devices=1)

    def set_up():
        module = conv_net()
        return fabric.setup(module, NeuralGraphOptimizer(module, images, rule=rule, total_steps=9))

    def steps(model, optimizer, numbers):
        for step in numbers:
            some = [(step + i) % len(images) for i in range(8)]
            loss = functional.cross_entropy(model(images[some]), labels[some])
            optimizer.zero_grad()
            fabric.backward(loss)
            optimizer.step()

    model, optimizer = set_up()
    steps(model, optimizer, range(3))
    fabric.save(tmp_path / "state.ckpt", {"model": model, "optimizer": optimizer})
    model, optimizer = set_up()
    fabric.load(tmp_path / "state.ckpt", {"model": model, "optimizer": optimizer})
    steps(model, optimizer, [3])
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), expected, strict=True))


@RULES
def test_fabric_trains_in_mixed_bfloat16(rule):
    images, labels = data()
    fabric = Fabric(accelerator="cpu", devices=1, precision="bf16-mixed")
    module = conv_net()
    model, optimizer = fabric.setup(module, NeuralGraphOptimizer(module, images, rule=rule, total_steps=9))
    before = [parameter.detach().clone() for parameter in model.parameters()]
    fabric.backward(functional.cross_entropy(model(images), labels))
    optimizer.step()
    assert all(p.isfinite().all() and not torch.equal(p, b) for p, b in zip(model.parameters(), before, strict=True))


@RULES
def test_accumulated_gradients_make_the_step_of_the_whole_batch(rule):
    images, labels = data(torch.float64)
    ends = []
    for parts in (1, 4):
        module = conv_net(dtype=torch.float64)
        own = copy.deepcopy(rule).double()
        optimizer = NeuralGraphOptimizer(module, images, rule=own, total_steps=9)
        for _ in range(3):
            optimizer.zero_grad()
            for x, y in zip(images.chunk(parts), labels.chunk(parts), strict=True):
                (functional.cross_entropy(module(x), y) / parts).backward()
            optimizer.step()
        ends.append(list(module.parameters()))
    for a, b in zip(*ends, strict=True):
        torch.testing.assert_close(a, b)


@RULES
def test_bfloat16_parameters_are_trained_with_moments_in_single_precision(rule):
    module = conv_net(dtype=torch.bfloat16)
    images, labels = data(torch.bfloat16)
    optimizer = NeuralGraphOptimizer(module, images, rule=rule, total_steps=20, lr=1.0)
    losses = []
    for _ in range(6):
        loss = functional.cross_entropy(module(images).float(), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert all(parameter.dtype == torch.bfloat16 for parameter in module.parameters())
    assert all(tensor.dtype == torch.float32 for tensor in optimizer.moments.fast.values())
    assert losses[-1] != losses[0]


@RULES
def test_a_compiled_module_is_trained_as_the_module_that_it_was(rule):
    images, _ = data()
    plain, other = conv_net(), conv_net()
    expected = train(plain, NeuralGraphOptimizer(plain, images, rule=rule, total_steps=9), 3)
    compiled = torch.compile(other, backend="eager")
    found = train(compiled, NeuralGraphOptimizer(compiled, images, rule=rule, total_steps=9), 3)
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))
