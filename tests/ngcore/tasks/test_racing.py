"""Optimisers side by side: each is torch's own or the project's, on the same start and the same minibatches."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from ngcore.errors import NeuralGraphError
from ngcore.networks import to_module
from ngcore.optim import NeuralGraphOptimizer, RuleConfig, UpdateRule
from ngcore.tasks.optimisees import Optimisee, draw_batch, perceptron
from ngcore.tasks.racing import RATES, Entrant, Race
from ngcore.zoo.runs import keyed_generator

TASK = Optimisee(architecture=perceptron(5, 1, (1, 4, 4)), images="mnist", side=4, total_steps=7, batch_size=8)


@pytest.fixture(scope="module")
def data():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(40, 1, 4, 4, generator=generator), torch.randint(10, (40,), generator=generator)


def random_rule():
    torch.manual_seed(0)
    rule = UpdateRule(RuleConfig(d=4, interval=3))
    for linear in (rule.of_block, rule.of_target, rule.of_source, rule.of_node):
        nn.init.normal_(linear.weight, std=0.5)
    return rule


def optimiser_of(entrant, module, images):
    match entrant.method:
        case "sgd":
            return torch.optim.SGD(module.parameters(), lr=entrant.learning_rate, momentum=0.9, nesterov=True)
        case "adamw":
            return torch.optim.AdamW(module.parameters(), lr=entrant.learning_rate)
    return NeuralGraphOptimizer(
        module, images, rule=entrant.rule, lr=entrant.learning_rate, total_steps=TASK.total_steps
    )


def test_every_entrant_trains_as_a_user_would_with_a_module(data):
    entrants = [
        Entrant(method="sgd", learning_rate=0.05, schedule="constant"),
        Entrant(method="adamw", learning_rate=0.01, schedule="constant"),
        Entrant(method="muon", learning_rate=0.5),
        Entrant(method="graph", learning_rate=RATES["graph"], rule=random_rule()),
    ]
    race = Race(TASK, entrants, train=data, held_out=data, num_networks=2, measure_every=3)
    starts = [to_module(race.runners[0].network[1]) for _ in entrants]
    race.advance(100)
    assert race.is_over and race.step == 7
    for entrant, runner, module in zip(entrants, race.runners, starts, strict=True):
        optimiser, generator = optimiser_of(entrant, module, data[0]), keyed_generator(0, "race")
        for _ in range(7):
            images, labels = draw_batch(data, 8, generator)
            optimiser.zero_grad()
            functional.cross_entropy(module(images), labels).backward()
            optimiser.step()
        expected = torch.cat([parameter.detach().flatten() for parameter in module.parameters()])
        found = torch.cat([runner.network[1].parameters[name].flatten() for name, _ in named(runner)])
        torch.testing.assert_close(found, expected, rtol=0, atol=2e-4)
        assert [standing.step for standing in runner.standings] == [0, 3, 6, 7]


def named(runner):
    return to_module(runner.network[1]).named_parameters()


def test_rows_hold_all_measurements_and_what_is_wrong_is_said(data):
    entrants = [Entrant(method="sgd", learning_rate=0.1), Entrant(method="muon", learning_rate=1.0)]
    race = Race(TASK, entrants, train=data, held_out=data, measure_every=5)
    race.advance(5)
    rows = race.rows()
    assert [(row["optimiser"], row["step"]) for row in rows] == [
        ("SGD, momentum", 0),
        ("SGD, momentum", 5),
        ("Muon", 0),
        ("Muon", 5),
    ]
    assert rows[0]["loss"] == rows[2]["loss"] and rows[1]["loss"] != rows[3]["loss"]
    assert rows[1]["seconds"] > rows[0]["seconds"] == 0
    with pytest.raises(NeuralGraphError, match="learning rate above 0, got 0"):
        Entrant(method="sgd", learning_rate=0.0)
    with pytest.raises(NeuralGraphError, match="Expected a rule for a neural-graph optimiser"):
        Entrant(method="graph", learning_rate=1.0)
