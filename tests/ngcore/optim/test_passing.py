"""NG-GNN, NG-T and NG-Sweep inside the rule: what they reach, on networks of all kinds, side by side as alone."""

import pytest
import torch
from dag_architectures import DAGS
from torch import nn

from ngcore.errors import NeuralGraphError, UnknownNameError
from ngcore.networks import Network, draw_permutation, permute_hidden
from ngcore.optim import RuleConfig, UpdateRule
from ngcore.optim.moments import Moments, base_step
from ngcore.optim.passing import PASSINGS
from ngcore.optim.rule import ruled_steps
from ngcore.tasks.evolution import RulesSideBySide
from ngcore.tasks.optimisees import perceptron

KINDS = pytest.mark.parametrize("kind", PASSINGS)
NETWORKS = pytest.mark.parametrize(
    "name", ["grouped keys and rotary positions", "dense block", "unet", "lstm", "sequences and volumes"]
)
DEEP = perceptron(4, 3, (1, 3, 3))
NUM_LAYERS = 6
"""With this number of layers, messages from its last weights reach its first."""


def random_rule(kind, num_layers=2):
    """A rule whose last layers are not zero."""
    torch.manual_seed(2)
    rule = UpdateRule(RuleConfig(kind=kind, d=8, num_layers=num_layers)).double()
    for name, parameter in rule.named_parameters():
        if name in rule.answers():
            nn.init.normal_(parameter, std=0.3)
    return rule.requires_grad_(False)


def drawn(architecture, seed, count=2):
    """Networks of random numbers."""
    generator = torch.Generator().manual_seed(seed)
    shapes = architecture.parameter_shapes.items()
    return Network(
        architecture,
        {name: torch.randn(count, *shape, generator=generator, dtype=torch.float64) for name, shape in shapes},
    )


def answer(rule, network, gradients, steps):
    moments = Moments.zero(gradients.parameters).after(gradients.parameters)
    return ruled_steps(rule, None, network, gradients.parameters, moments, steps.parameters, total_steps=9)


@KINDS
@NETWORKS
def test_steps_follow_the_order_of_neurons_in_networks_of_all_kinds(kind, name):
    rule, architecture = random_rule(kind), DAGS[name]
    given = [drawn(architecture, seed) for seed in (3, 4, 5)]
    permutation = draw_permutation(given[0], torch.Generator().manual_seed(3))
    _, steps = answer(rule, *given)
    _, found = answer(rule, *(permute_hidden(own, permutation) for own in given))
    expected = permute_hidden(given[0].having(steps), permutation).parameters
    assert (expected.keys() == found.keys()) and found
    for parameter, tensor in expected.items():
        torch.testing.assert_close(found[parameter], tensor, rtol=1e-9, atol=1e-11)


@NETWORKS
def test_hand_made_steps_follow_the_order_of_neurons(name):
    gradients = drawn(DAGS[name], 4)
    permutation = draw_permutation(gradients, torch.Generator().manual_seed(3))
    ends = []
    for own in (gradients, permute_hidden(gradients, permutation)):
        moments = Moments.zero(own.parameters, own.architecture).after(own.parameters)
        ends.append(own.having(base_step(moments, own.parameters)))
    expected = permute_hidden(ends[0], permutation).parameters
    for parameter, tensor in expected.items():
        torch.testing.assert_close(ends[1].parameters[parameter], tensor, rtol=1e-9, atol=1e-11)


@KINDS
@NETWORKS
def test_rules_side_by_side_answer_as_each_does_alone(kind, name):
    rule, given = random_rule(kind), [drawn(DAGS[name], seed) for seed in (3, 4, 5)]
    generator = torch.Generator().manual_seed(1)
    parameters = {
        key: tensor + 0.2 * torch.randn(2, *tensor.shape, generator=generator, dtype=torch.float64)
        for key, tensor in rule.named_parameters()
    }
    together, _ = answer(RulesSideBySide(rule, parameters), *given)
    for i in range(2):
        rule.load_state_dict({key: tensor[i] for key, tensor in parameters.items()})
        own = (one.having({key: x[i : i + 1] for key, x in one.parameters.items()}) for one in given)
        alone, _ = answer(rule, *own)
        for a, b in zip(alone.tensors(), together.tensors(), strict=True):
            torch.testing.assert_close(a, b[i : i + 1])


def first_and_last_gains(rule, *, changed=None):
    """What a rule says of the ends of a deep network, with the weights of one parameter drawn again."""
    given = [drawn(DEEP, seed) for seed in (3, 4, 5)]
    if changed is not None:
        given[0] = given[0].having({**given[0].parameters, changed: drawn(DEEP, 6).parameters[changed]})
    coefficients, _ = answer(rule, *given)
    return coefficients.gains[0], coefficients.gains[-1]


ENDS = [name for name in DEEP.parameter_shapes if name.endswith("weight")]


@KINDS
def test_with_layers_enough_a_change_at_one_end_of_a_network_shows_at_the_other(kind):
    rule = random_rule(kind, num_layers=NUM_LAYERS)
    first, last = first_and_last_gains(rule)
    assert not torch.equal(first_and_last_gains(rule, changed=ENDS[-1])[0], first)
    assert not torch.equal(first_and_last_gains(rule, changed=ENDS[0])[1], last)


@pytest.mark.parametrize(("kind", "reaches"), [("ng-gnn", False), ("ng-t", False), ("ng-sweep", True)])
def test_two_layers_reach_across_a_deep_network_in_sweeps_alone(kind, reaches):
    rule = random_rule(kind)
    first, last = first_and_last_gains(rule)
    assert torch.equal(first_and_last_gains(rule, changed=ENDS[-1])[0], first) == (not reaches)
    assert torch.equal(first_and_last_gains(rule, changed=ENDS[0])[1], last) == (not reaches)


def test_no_other_kind_and_no_width_that_heads_cannot_share():
    with pytest.raises(UnknownNameError, match="kind of rule 'ng-x'; choose from: ng-gnn, ng-sweep, ng-t"):
        UpdateRule(RuleConfig(kind="ng-x"))
    with pytest.raises(NeuralGraphError, match="a width that 2 heads can share, got 5"):
        UpdateRule(RuleConfig(kind="ng-t", d=5))
