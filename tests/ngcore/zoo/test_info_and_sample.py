"""Zoos in numbers, and samples of zoos."""

import math

import numpy as np
import pytest
from scipy.stats import kendalltau
from tiny_zoos import write_cnns

from ngcore.errors import UnknownNameError, ZooError
from ngcore.zoo import describe_zoo, write_sample
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


def test_samples_that_cannot_be_taken_are_refused(tmp_path, tiny_zoo):
    with pytest.raises(ZooError, match="Expected at most 10 test networks, as tiny has, got 11"):
        write_sample(tiny_zoo, tmp_path / "sample", {"test": 11})
    with pytest.raises(UnknownNameError, match="Unknown split 'tests'"):
        write_sample(tiny_zoo, tmp_path / "sample", {"tests": 1})
    with pytest.raises(ZooError, match="Expected at least one network"):
        write_sample(tiny_zoo, tmp_path / "sample", {})
    with pytest.raises(ZooError, match="Expected a folder without a zoo"):
        write_sample(tiny_zoo, tiny_zoo.folder, {"test": 1})
