"""What optimisers cost: all are measured alike, and what they keep is counted."""

import torch

from ngcore.optim import PAPER_PRESETS
from ngcore.optim.passing import PASSINGS
from ngcore.tasks import optimiser_cost
from ngcore.tasks.optimisees import perceptron
from ngcore.tasks.optimiser_cost import contenders, measure_costs
from ngcore.tasks.optimiser_trials import TRIAL_TASKS, TrialTask

BYTES = 4


def test_memory_is_what_the_states_hold_and_adam_is_the_measure(monkeypatch):
    monkeypatch.setattr(optimiser_cost, "STEPS", 1)
    monkeypatch.setattr(optimiser_cost, "BATCH_SIZE", 4)
    small = TrialTask(images="fashion-mnist", build=lambda width, shape: perceptron(2, 1, shape))
    monkeypatch.setitem(TRIAL_TASKS, "fashion-mnist", small)
    monkeypatch.setattr(optimiser_cost, "find_rules", dict)
    threads, makers = torch.get_num_threads(), contenders()
    chosen = {name: makers[name] for name in ("Adam", "Muon", "per-parameter-mlp")}
    costs = {cost.optimiser: cost for cost in measure_costs(chosen, rounds=1)}
    count = small.architecture().num_parameters
    assert {cost.parameters for cost in costs.values()} == {count} and costs["Adam"].ratio == 1.0
    tensors = len(list(small.architecture().parameter_shapes))
    assert costs["Adam"].state_bytes == BYTES * (2 * count + tensors)  # two means, and a count of steps for each tensor
    assert costs["Muon"].state_bytes == BYTES * 3 * count
    assert costs["per-parameter-mlp"].state_bytes == BYTES * 5 * count
    assert all(cost.milliseconds >= cost.own_milliseconds >= 0 for cost in costs.values())
    assert torch.get_num_threads() == threads


def test_every_preset_and_every_trained_rule_is_measured(monkeypatch):
    monkeypatch.setattr(optimiser_cost, "find_rules", lambda: {"mine": None})
    monkeypatch.setattr(optimiser_cost, "load_rule", lambda name: None)
    assert list(contenders()) == ["Adam", "Muon", *PASSINGS, *PAPER_PRESETS, "mine"]
