"""Optimisers in the paper's form: 14 features, additive steps, no order of neurons, exact resumption."""

import copy
import math

import pytest
import torch
from small_trainings import conv_net, data, train
from torch import nn

from ngcore.errors import NeuralGraphError
from ngcore.networks import draw_permutation, from_module, permute_hidden, to_module
from ngcore.optim import NeuralGraphOptimizer
from ngcore.optim.paper_form import MOMENTA, PAPER_PRESETS, PaperConfig, PaperRule, features


def random_rule(kind, dtype=torch.float64):
    """A rule whose last layer is not zero."""
    torch.manual_seed(2)
    rule = PaperRule(PaperConfig(kind=kind, d=8, d_answer=6, num_heads=2))
    nn.init.normal_(rule.head[-1].weight)
    return rule.to(dtype)


KINDS = [config.kind for config in PAPER_PRESETS.values()]


def test_features_are_the_logarithm_over_ten_and_the_sign():
    x = torch.tensor([math.e, -math.exp(-5), 0.0, math.exp(-11), -1e30])
    expected = torch.tensor([[0.1, 1], [-0.5, -1], [-1, 0], [-1, math.exp(-1)], [1, -1]])
    torch.testing.assert_close(features(x), expected)


def test_the_memory_holds_five_means_of_the_gradients():
    network = from_module(conv_net(), data()[0])
    gradients = {name: torch.randn_like(tensor) for name, tensor in network.parameters.items()}
    rule, memory = random_rule("mlp", torch.float32), None
    for factor in (1.0, 3.0):
        memory, _ = rule(network, {name: factor * own for name, own in gradients.items()}, memory)
    flat = torch.cat([own.flatten(1) for own in gradients.values()], dim=1)
    for momentum, found in zip(MOMENTA, memory.momenta, strict=True):
        torch.testing.assert_close(found, (momentum * (1 - momentum) + 3 * (1 - momentum)) * flat)


@pytest.mark.parametrize("kind", KINDS)
def test_an_untrained_rule_moves_nothing(kind):
    module, (images, _) = conv_net(), data()
    before = [parameter.detach().clone() for parameter in module.parameters()]
    after = train(module, NeuralGraphOptimizer(module, images, rule=PaperRule(PaperConfig(kind=kind))), 2)
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_of_neurons_makes_no_difference_over_eight_steps(kind):
    images, labels = data(torch.float64)
    network = from_module(conv_net(dtype=torch.float64), images)
    permutation = draw_permutation(network, torch.Generator().manual_seed(3))
    ends = []
    for start in (network, permute_hidden(network, permutation)):
        module = to_module(start).train()
        train(module, NeuralGraphOptimizer(module, images, rule=random_rule(kind)), 8, images=images, labels=labels)
        ends.append(from_module(module, images))
    expected, found = permute_hidden(ends[0], permutation).flatten(), ends[1].flatten()
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)
    assert (ends[0].flatten() - network.flatten()).abs().max() > 0.01


@pytest.mark.parametrize("kind", KINDS)
def test_a_training_resumes_exactly(kind):
    images, _ = data()
    whole = conv_net()
    expected = train(whole, NeuralGraphOptimizer(whole, images, rule=random_rule(kind, torch.float32)), 6)
    first = conv_net()
    optimizer = NeuralGraphOptimizer(first, images, rule=random_rule(kind, torch.float32))
    train(first, optimizer, 3)
    kept = copy.deepcopy((first.state_dict(), optimizer.state_dict()))
    train(first, optimizer, 1, start=3)
    second = conv_net()
    second.load_state_dict(kept[0])
    again = NeuralGraphOptimizer(second, images, rule=random_rule(kind, torch.float32))
    again.load_state_dict(kept[1])
    assert all(torch.equal(a, b) for a, b in zip(train(second, again, 3, start=3), expected, strict=True))


def test_the_graph_is_what_ng_gnn_and_ng_t_see_beyond_a_parameter():
    """The step of a weight changes when another one does, but for rules that see that weight alone."""
    images, _ = data()
    network = from_module(conv_net(), images)
    gradients = {name: torch.randn_like(tensor) for name, tensor in network.parameters.items()}
    first, *_, last = gradients
    changed = network.having({**network.parameters, last: network.parameters[last] + 1})
    for kind in KINDS:
        rule = random_rule(kind, torch.float32)
        steps = [rule(own, gradients, None)[1][first] for own in (network, changed)]
        assert torch.equal(*steps) == (kind in ("mlp", "lstm"))


class Perceptron(nn.Module):
    """Kernels of the size of the picture, norms, and a residual sum: all kinds of places that parameters have."""

    def __init__(self):
        super().__init__()
        self.first, self.norm, self.second = nn.Linear(81, 6), nn.LayerNorm(6), nn.Linear(6, 6)
        self.last = nn.Linear(6, 3)

    def forward(self, x):
        hidden = torch.relu(self.norm(self.first(x.flatten(1))))
        return self.last(hidden + self.second(hidden))


@pytest.mark.parametrize("kind", ["ng-gnn", "ng-t"])
def test_every_parameter_of_other_networks_moves(kind):
    torch.manual_seed(0)
    module, (images, _) = Perceptron(), data()
    before = [parameter.detach().clone() for parameter in module.parameters()]
    after = train(module, NeuralGraphOptimizer(module, images, rule=random_rule(kind, torch.float32)), 2)
    assert not any(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_the_state_of_another_module_is_refused():
    images, _ = data()
    small, large = (
        NeuralGraphOptimizer(conv_net(width), images, rule=random_rule("mlp", torch.float32)) for width in (4, 6)
    )
    large.step()
    with pytest.raises(NeuralGraphError, match="of the same module, got another one"):
        small.load_state_dict(large.state_dict())
