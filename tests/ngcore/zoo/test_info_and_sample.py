"""Zoos in numbers, and samples of zoos."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import kendalltau
from tiny_zoos import write_cnns

from ngcore.errors import UnknownNameError, ZooError
from ngcore.networks import mlp
from ngcore.testing import random_network
from ngcore.zoo import ZooWriter, coverage, describe_coverage, describe_zoo, info, write_sample
from ngcore.zoo.info import tau_ceiling
from ngcore.zoo.verification import find_problems


def test_a_zoo_is_described_in_numbers(tiny_zoo, two_stacks):
    numbers = describe_zoo(tiny_zoo)
    assert numbers["splits"] == {"train": 4, "validation": 0, "test": 10}
    assert numbers["labels"]["test"]["c"] == 1
    assert numbers["psnr"] is None
    sirens = two_stacks[0][0]
    weight = next(
        row
        for row in numbers["parameters"]
        if row["architecture"] == sirens.architecture.id and row["parameter"] == "0.weight"
    )
    assert weight["std"] == pytest.approx(sirens.parameters["0.weight"].std(correction=0).item(), rel=1e-5)
    assert weight["published_std"] is None


def test_accuracies_are_summed_up_for_all_checkpoints_and_for_the_last_ones(tmp_path):
    """Two runs of three checkpoints, of .1, .2, .3 (test) and .4, .5, .6: one of six, and none of the last, guesses."""
    numbers = describe_zoo(write_cnns(tmp_path / "cnns"))["accuracies"]
    assert numbers["all"]["num_networks"] == 6
    assert numbers["all"]["at_chance"] == pytest.approx(1 / 6)
    assert numbers["all"]["tau_ceiling"] == 1
    assert numbers["last of each run"]["num_networks"] == 2
    assert numbers["last of each run"]["quantiles"]["0.5"] == pytest.approx(0.45)
    assert numbers["last of each run"]["tau_ceiling"] is None


def test_the_highest_tau_is_that_of_untied_predictions_in_the_right_order():
    targets = np.array([0.1, 0.1, 0.1, 0.3, 0.5, 0.5])
    assert tau_ceiling(targets) == pytest.approx(kendalltau(np.arange(6), targets).statistic)
    assert math.isnan(tau_ceiling(targets[:1]))


def test_a_zoo_without_accuracies_has_none_to_sum_up(tiny_zoo):
    assert describe_zoo(tiny_zoo)["accuracies"] == {}


def test_a_sample_holds_the_first_networks_under_their_ids(tmp_path, tiny_zoo):
    sample = write_sample(tiny_zoo, tmp_path / "sample", {"test": 3, "train": 1})
    assert sample.metadata["id"].tolist() == ["tiny/000", "tiny/001", "tiny/002", "tiny/010"]
    assert sample.networks([0, 1, 2]).equals(tiny_zoo.networks([0, 1, 2]))
    assert sample.card["sample_of"] == {"name": "tiny", "hash": tiny_zoo.hash, "num_networks": 14}
    assert sample.card["class_names"] == tiny_zoo.card["class_names"]
    assert find_problems(sample) == []


@pytest.fixture
def runs_zoo(tmp_path):
    """Three runs of two architectures in two groups, three checkpoints each, all of the test split but the last."""
    writer = ZooWriter(tmp_path / "runs", name="runs", recipe={})
    for run, (family, sizes) in enumerate([("wide", (2, 8, 10)), ("wide", (2, 8, 10)), ("deep", (2, 3, 3, 10))]):
        rows = [
            {"id": f"runs/{run}-{step}", "split": "train" if run == 2 else "test", "run": run, "group": run // 2}
            | {"step": step, "accuracy": 0.1 * (run + 1) + 0.01 * step, "family": family}
            | {"optimiser": "adam" if run else "sgd", "learning_rate": 0.1 / (run + 1), "dropout": math.nan}
            for step in range(3)
        ]
        writer.write_part(str(run), [(random_network(mlp(sizes), 3, seed=run, dtype=torch.float32), rows)])
    return writer.finish(["0", "1", "2"])


def test_hyper_parameters_are_counted_by_runs_or_given_as_ranges(runs_zoo, monkeypatch):
    found = {entry["column"]: entry for entry in describe_coverage(runs_zoo)["hyper_parameters"]}
    assert found["optimiser"]["counts"] == {"adam": 2, "sgd": 1}
    assert found["learning_rate"]["counts"] == {"0.0333333": 1, "0.05": 1, "0.1": 1}
    assert not {"accuracy", "step", "id", "group", "family"} & found.keys()
    monkeypatch.setattr(coverage, "MAX_COUNTED", 2)
    found = {entry["column"]: entry for entry in describe_coverage(runs_zoo)["hyper_parameters"]}
    rate = found["learning_rate"]
    assert (rate["low"], rate["median"], rate["high"]) == pytest.approx((0.1 / 3, 0.05, 0.1))
    assert found["dropout"]["counts"] == {}


def test_families_are_described_beside_their_accuracies(runs_zoo):
    numbers = describe_zoo(runs_zoo)
    deep, wide = numbers["coverage"]["families"]
    assert deep == {
        "family": "deep",
        "num_runs": 1,
        "num_networks": 3,
        "num_architectures": 1,
        "num_parameters": [2 * 3 + 3 + 3 * 3 + 3 + 3 * 10 + 10] * 2,
    }
    assert (wide["num_runs"], wide["num_networks"], numbers["coverage"]["num_groups"]) == (2, 6, 2)
    assert numbers["accuracies"]["last of each run, wide"]["quantiles"]["1"] == pytest.approx(0.22)
    assert numbers["accuracies"]["last of each run, deep"]["tau_ceiling"] is None


def test_a_zoo_without_runs_covers_nothing(tiny_zoo):
    assert describe_coverage(tiny_zoo) == {"hyper_parameters": [], "families": [], "num_groups": 0}


def test_weights_are_not_described_where_there_are_many_architectures(runs_zoo, monkeypatch):
    assert len(describe_zoo(runs_zoo)["parameters"]) == 4 + 6
    monkeypatch.setattr(info, "MAX_ARCHITECTURES", 1)
    assert describe_zoo(runs_zoo)["parameters"] == []


def test_a_sample_of_runs_has_all_their_checkpoints_and_one_of_groups_all_their_runs(runs_zoo, tmp_path):
    one = write_sample(runs_zoo, tmp_path / "one", {"test": 1, "train": 1}, unit="run")
    assert one.metadata["id"].tolist() == [f"runs/{run}-{step}" for run in (0, 2) for step in range(3)]
    assert len(one.architectures) == 2
    assert one.card["splits"] == {"train": 3, "validation": 0, "test": 3}
    assert find_problems(one) == []
    group = write_sample(runs_zoo, tmp_path / "group", {"test": 1}, unit="group")
    assert sorted(group.metadata["run"].unique()) == [0, 1]
    assert group.networks(range(6)).equals(runs_zoo.networks(range(6)))
    with pytest.raises(ZooError, match="Expected at most 1 test groups, as runs has, got 2"):
        write_sample(runs_zoo, tmp_path / "two", {"test": 2}, unit="group")


def test_runs_cannot_be_sampled_where_there_are_none(tiny_zoo, tmp_path):
    with pytest.raises(ZooError, match="Expected a zoo of training groups, got tiny, which has none"):
        write_sample(tiny_zoo, tmp_path / "sample", {"test": 1}, unit="group")


def test_samples_that_cannot_be_taken_are_refused(tmp_path, tiny_zoo):
    with pytest.raises(ZooError, match="Expected at most 10 test networks, as tiny has, got 11"):
        write_sample(tiny_zoo, tmp_path / "sample", {"test": 11})
    with pytest.raises(UnknownNameError, match="Unknown split 'tests'"):
        write_sample(tiny_zoo, tmp_path / "sample", {"tests": 1})
    with pytest.raises(ZooError, match="Expected at least one network"):
        write_sample(tiny_zoo, tmp_path / "sample", {})
    with pytest.raises(ZooError, match="Expected a folder without a zoo"):
        write_sample(tiny_zoo, tiny_zoo.folder, {"test": 1})
