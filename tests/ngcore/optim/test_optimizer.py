"""The optimiser: untrained it is Muon and Adam with cosine, it knows no order of neurons, and it resumes exactly."""

import copy
import math

import pytest
import torch
from small_trainings import conv_net, data, train
from torch import nn
from torch.nn import functional

from ngcore.errors import NeuralGraphError, UnknownNameError
from ngcore.networks import draw_permutation, from_module, permute_hidden, to_module, to_state_dict
from ngcore.optim import NeuralGraphOptimizer, RuleConfig, UpdateRule
from ngcore.optim.moments import orthogonalise
from ngcore.optim.passing import PASSINGS

KINDS = pytest.mark.parametrize("kind", PASSINGS)


def random_rule(kind="ng-gnn", interval=3, dtype=torch.float32):
    """A rule that changes every step: its last layers are not zero."""
    torch.manual_seed(2)
    rule = UpdateRule(RuleConfig(kind=kind, d=8, interval=interval))
    for name, parameter in rule.named_parameters():
        if name in rule.answers():
            nn.init.normal_(parameter, std=0.3)
    return rule.to(dtype)


def by_hand(module, images, labels, steps, total):
    """Muon for matrices and Adam for vectors, as their papers write them, one parameter at a time."""
    state = {parameter: [0 * parameter.detach(), 0 * parameter.detach()] for parameter in module.parameters()}
    for step in range(steps):
        some = [(step + i) % len(images) for i in range(8)]
        module.zero_grad()
        functional.cross_entropy(module(images[some]), labels[some]).backward()
        rate = 0.5 * (1 + math.cos(math.pi * step / total))
        for parameter, (mean, square) in state.items():
            g = parameter.grad
            mean.mul_(0.95).add_(0.05 * g)
            square.mul_(0.95).add_(0.05 * g * g)
            if parameter.dim() > 1:
                x = (0.95 * mean + 0.05 * g).flatten(1)
                scale = 0.05 * max(1, x.shape[0] / x.shape[1]) ** 0.5
                x = x / x.norm()
                for _ in range(5):
                    x = 3.4445 * x - 4.7750 * (x @ x.T) @ x + 2.0315 * (x @ x.T) @ (x @ x.T) @ x
                change = scale * x.view_as(parameter)
            else:
                unbiased = 1 - 0.95 ** (step + 1)
                change = 0.01 * (mean / unbiased) / ((square / unbiased).sqrt() + 1e-8)
            parameter.data -= rate * change
    return [parameter.detach() for parameter in module.parameters()]


UNTRAINED = [UpdateRule(RuleConfig(kind=kind)) for kind in PASSINGS]


@pytest.mark.parametrize("rule", [None, *UNTRAINED], ids=["none", *PASSINGS])
def test_untrained_it_is_muon_and_adam_with_cosine(rule):
    module, (images, labels) = conv_net(dtype=torch.float64), data(torch.float64)
    expected = by_hand(copy.deepcopy(module), images, labels, 20, 30)
    rule = rule if rule is None else rule.double()
    found = train(module, NeuralGraphOptimizer(module, images, rule=rule, total_steps=30), 20)
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-9)


def test_orthogonalised_matrices_have_like_singular_values_and_the_same_vectors():
    matrices = torch.randn(3, 5, 9, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    u, _, vh = torch.linalg.svd(matrices, full_matrices=False)
    inside = u.mT @ orthogonalise(matrices) @ vh.mT
    values = inside.diagonal(dim1=1, dim2=2)
    assert ((values > 0.3) & (values < 1.3)).all()
    torch.testing.assert_close(inside, torch.diag_embed(values))
    torch.testing.assert_close(orthogonalise(matrices.mT), orthogonalise(matrices).mT)


@KINDS
def test_the_order_of_neurons_makes_no_difference_over_twenty_steps(kind):
    images, labels = data(torch.float64)
    network = from_module(conv_net(dtype=torch.float64), images)
    permutation = draw_permutation(network, torch.Generator().manual_seed(3))
    ends = []
    for start in (network, permute_hidden(network, permutation)):
        module = to_module(start).train()
        rule = random_rule(kind, dtype=torch.float64)
        optimizer = NeuralGraphOptimizer(module, images, rule=rule, total_steps=30)
        train(module, optimizer, 20, images=images, labels=labels)
        ends.append(from_module(module, images))
    expected, found = permute_hidden(ends[0], permutation).flatten(), ends[1].flatten()
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-8)
    assert (ends[0].flatten() - network.flatten()).abs().max() > 0.01
    assert (found - ends[0].flatten()).abs().max() > 0.01


@KINDS
def test_a_random_rule_changes_the_steps_and_resumes_exactly(kind):
    images, _ = data()
    whole = conv_net()
    expected = train(whole, NeuralGraphOptimizer(whole, images, rule=random_rule(kind), total_steps=20), 10)
    plain = conv_net()
    assert not torch.equal(train(plain, NeuralGraphOptimizer(plain, images, total_steps=20), 10)[0], expected[0])
    first = conv_net()
    optimizer = NeuralGraphOptimizer(first, images, rule=random_rule(kind), total_steps=20)
    train(first, optimizer, 4)  # between two answers of the rule
    kept = copy.deepcopy((first.state_dict(), optimizer.state_dict()))
    train(first, optimizer, 2, start=4)
    second = conv_net()
    second.load_state_dict(kept[0])
    again = NeuralGraphOptimizer(second, images, rule=random_rule(kind))
    again.load_state_dict(kept[1])
    found = train(second, again, 6, start=4)
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


class Mixed(nn.Module):
    """A module with a parameter that no graph holds (it depends on the data how it enters), and tied weights."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(4, 6), nn.Linear(6, 3)
        self.power = nn.Parameter(torch.tensor([1.5]))

    def forward(self, x):
        return self.second(torch.tanh(self.first(x))) * torch.sigmoid(self.power)


def test_parameters_of_any_module_move_and_groups_are_treated_as_asked():
    torch.manual_seed(0)
    module = Mixed()
    x, y = torch.randn(8, 4), torch.randint(3, (8,))
    before = {name: parameter.detach().clone() for name, parameter in module.named_parameters()}
    groups = [{"params": [module.first.weight], "kind": "frozen"}, {"params": [module.first.bias], "kind": "adamw"}]
    groups[1]["lr"] = 0.25
    optimizer = NeuralGraphOptimizer(module, x, rule=random_rule(), groups=groups, total_steps=10)
    functional.cross_entropy(module(x), y).backward()
    optimizer.step()
    assert torch.equal(module.first.weight, before["first.weight"])
    moved = (module.first.bias - before["first.bias"] * (1 - 0.25 * 0)).abs()
    torch.testing.assert_close(moved, torch.full_like(moved, 0.25), rtol=1e-3, atol=0)  # Adam's first step is its rate
    assert not torch.equal(module.second.weight, before["second.weight"])
    assert not torch.equal(module.power, before["power"])


@KINDS
def test_bfloat16_parameters_and_missing_gradients_are_taken_as_they_are(kind):
    module = conv_net(dtype=torch.bfloat16)
    images, labels = data(torch.bfloat16)
    optimizer = NeuralGraphOptimizer(module, images, rule=random_rule(kind), total_steps=10)
    before = [parameter.detach().clone() for parameter in module.parameters()]
    functional.cross_entropy(module(images).float(), labels).backward()
    module[0].weight.grad = None
    optimizer.step()
    after = list(module.parameters())
    assert torch.equal(after[0], before[0]) and not torch.equal(after[2], before[2])
    assert all(parameter.dtype == torch.bfloat16 for parameter in after)


def test_what_is_not_as_expected_is_refused():
    module, (images, _) = conv_net(), data()
    with pytest.raises(NeuralGraphError, match="at least 1 step in all, got 0"):
        NeuralGraphOptimizer(module, images, total_steps=0)
    with pytest.raises(NeuralGraphError, match="lr and weight_decay of at least 0"):
        NeuralGraphOptimizer(module, images, lr=-1.0)
    with pytest.raises(UnknownNameError, match="kind of parameter group"):
        NeuralGraphOptimizer(module, images, groups=[{"params": module.parameters(), "kind": "muon"}])
    other = NeuralGraphOptimizer(conv_net(6), images)
    with pytest.raises(NeuralGraphError, match="state of a NeuralGraphOptimizer of the same module"):
        NeuralGraphOptimizer(module, images).load_state_dict(other.state_dict())
    assert set(to_state_dict(other.map.network)) == set(conv_net(6).state_dict())
