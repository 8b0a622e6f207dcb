"""The study of optimisers: rates tuned on held-out images, the same start for all, and nothing made twice."""

import dataclasses

import pytest
import torch

from ngcore.errors import NeuralGraphError, UnknownNameError
from ngcore.optim import RuleConfig, UpdateRule
from ngcore.report import optimiser_plan, optimiser_study
from ngcore.report.optimiser_plan import Plan
from ngcore.report.optimiser_study import add_costs, run_optimiser_study
from ngcore.report.studies import list_studies
from ngcore.report.study_files import read_study
from ngcore.tasks import optimiser_trials
from ngcore.tasks.optimisees import TrainingImages, perceptron
from ngcore.tasks.optimiser_cost import Cost
from ngcore.tasks.optimiser_trials import TrialImages, TrialTask

PLAN = Plan(tasks=("fashion-mnist", "cifar10"), steps=3, num_seeds=2)


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Tiny images and networks, two rates of each method; a list of all trainings that were made."""
    made, train = [], optimiser_study.train_stack

    def images_of(name):
        generator = torch.Generator().manual_seed(len(name))
        parts = [(torch.randn(n, 1, 4, 4, generator=generator), torch.arange(n) % 10) for n in (60, 20, 30)]
        return TrialImages(TrainingImages(*parts), f"digest of {name}", is_sample=False)

    def recorded(stack, batches, **options):
        made.append(stack)
        return train(stack, batches, **options)

    tasks = {name: TrialTask(images=name, build=lambda w, _: perceptron(4 * w, 1, (1, 4, 4))) for name in PLAN.tasks}
    monkeypatch.setenv("NGCORE_WORK", str(tmp_path))
    monkeypatch.setattr(optimiser_study.TrialImages, "find", images_of)
    monkeypatch.setattr(optimiser_study, "train_stack", recorded)
    for method in optimiser_plan.RATES:
        monkeypatch.setitem(optimiser_plan.RATES, method, (0.01, 0.5))
    for name, task in tasks.items():
        monkeypatch.setitem(optimiser_trials.TRIAL_TASKS, name, task)
    monkeypatch.setattr(optimiser_study, "find_rules", lambda: {"learned": tmp_path / "learned"})
    monkeypatch.setattr(optimiser_study, "load_rule", lambda name: UpdateRule(RuleConfig(d=4, interval=2)))
    monkeypatch.setattr(optimiser_study, "read_card", lambda folder: {"weights_sha256": "first"})
    return made


def test_every_optimiser_has_a_row_and_nothing_is_made_twice(made, tmp_path, monkeypatch):
    out = tmp_path / "studies" / "optimisers.json"
    content = run_optimiser_study(out, PLAN, device="cpu")
    rows = {row["key"]: row for row in content["rows"] if not row.get("is_published")}
    # 6 hand-made ones on their own task, Muon as it is and the rule; on CIFAR-10 also with the rates of Fashion-MNIST
    assert len(rows) == 8 + 14
    assert {row["setting"]["tuned on"] for row in rows.values()} == {"fashion-mnist", "cifar10", "–"}
    for row in rows.values():
        assert row["test"]["n"] == 30 and len(row["test"]["accuracies"]) == 2 and len(row["curve"]) == 3
        assert row["parameters"] == perceptron(4, 1, (1, 4, 4)).num_parameters
    for tuning in content["tunings"].values():
        assert tuning["best"] == tuning["rates"][max(range(2), key=tuning["accuracies"].__getitem__)]
    assert read_study(out)["rows"] == content["rows"] and list_studies()[-1]["name"] == "optimisers"
    made.clear()
    assert run_optimiser_study(out, PLAN, device="cpu") == content and not made
    monkeypatch.setattr(optimiser_study, "read_card", lambda folder: {"weights_sha256": "second"})
    run_optimiser_study(out, PLAN, device="cpu")
    assert len(made) == 2  # the rule that was trained again, on both tasks
    made.clear()
    longer = run_optimiser_study(out, dataclasses.replace(PLAN, tasks=("fashion-mnist",), widths=(2,)), device="cpu")
    assert len(made) <= 8 and len(longer["rows"]) == len(content["rows"]) + 8  # tuned before, and all is kept


def test_all_optimisers_start_from_the_same_networks_and_see_the_same_minibatches(made, tmp_path):
    content = run_optimiser_study(tmp_path / "optimisers.json", PLAN, device="cpu")
    for task in PLAN.tasks:
        rows = [row for row in content["rows"] if row["setting"]["task"] == task and not row.get("is_published")]
        assert len({row["curve"][0] for row in rows}) == 1  # the loss before the first step
        assert len({row["curve"][-1] for row in rows}) > 3


def test_a_plan_of_nothing_is_refused():
    with pytest.raises(UnknownNameError, match="task 'svhn'"):
        Plan(tasks=("svhn",))
    with pytest.raises(NeuralGraphError, match="at least one task and one width"):
        Plan(widths=())
    with pytest.raises(NeuralGraphError, match="of at least 1, got 0"):
        Plan(steps=0)


def test_a_precision_that_is_unknown_is_refused():
    with pytest.raises(UnknownNameError, match="precision"):
        Plan(precision="float16")


def test_with_moved_rates_nothing_is_tuned_but_on_fashion_mnist():
    plan = Plan(tasks=("cifar10",), only_moved=True)
    assert {tuning.task for tuning in plan.tunings()} == {"fashion-mnist"}
    best = dict.fromkeys((tuning.key for tuning in plan.tunings()), 0.5)
    trials = list(plan.trials(best, ["a-rule"]))
    assert {trial.task for trial in trials} == {"cifar10"} and len(trials) == 8
    assert {trial.tuned_on for trial in trials} == {"fashion-mnist", optimiser_plan.NOT_TUNED}


def test_costs_are_added_to_what_the_file_holds(made, tmp_path, monkeypatch):
    out = tmp_path / "optimisers.json"
    content = run_optimiser_study(out, dataclasses.replace(PLAN, tasks=("fashion-mnist",)), device="cpu")
    cost = Cost("Adam", 2.0, 1.0, 1.0, 80, 10)
    monkeypatch.setattr(optimiser_study, "measure_costs", lambda **_: [cost])
    assert add_costs(out) == content | {"costs": [dataclasses.asdict(cost)]}
    assert run_optimiser_study(out, dataclasses.replace(PLAN, tasks=("fashion-mnist",)), device="cpu") == add_costs(out)
    assert add_costs(tmp_path / "other.json")["rows"]
