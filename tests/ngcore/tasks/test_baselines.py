"""Baselines of accuracy prediction on a zoo in which accuracies follow from hyper-parameters, steps and weights."""

import dataclasses

import numpy as np
import pytest
import torch
from accuracy_zoos import write_runs
from tiny_zoos import write_cnns

from ngcore.errors import ZooError
from ngcore.tasks import boosting
from ngcore.tasks.baseline_features import (
    Features,
    earlier_accuracies,
    hyper_parameters,
    spectra,
    training_figures,
    weight_statistics,
)
from ngcore.tasks.baselines import BASELINES, Subject, measure_baseline
from ngcore.tasks.boosting import boost
from ngcore.tasks.power_law import mean_exponent, spectral_features
from ngcore.training import kendall_tau


@pytest.fixture(scope="module")
def subject(tmp_path_factory):
    return Subject.of(write_runs(tmp_path_factory.mktemp("zoos") / "runs"))


@pytest.fixture(autouse=True)
def few_trees(monkeypatch):
    monkeypatch.setattr(boosting, "TREES", (30, 60))
    monkeypatch.setattr(boosting, "LEAVES", (6,))
    monkeypatch.setattr(boosting, "MIN_LEAF", (5,))


def test_hyper_parameters_are_known_before_training_and_rates_are_logarithms(subject):
    features = hyper_parameters(subject.zoo, subject.rows)
    assert features.names == ("step", "depth", "family", "init_std", "learning_rate", "optimiser")
    assert features.categories == (False, False, True, False, False, True)
    table = subject.zoo.metadata
    np.testing.assert_allclose(features.values[:, 4], np.log10(table["learning_rate"]))
    assert np.isnan(features.values[:, 3]).sum() == table["init_std"].isna().sum() > 0
    assert set(features.values[:, 5]) == {0, 1}


def test_features_of_weights_are_those_of_each_network_whatever_its_architecture(subject, monkeypatch):
    monkeypatch.setattr("ngcore.tasks.baseline_features.AT_ONCE", 7)
    rows = subject.rows[::-1][:50]
    statistics, spectrum = weight_statistics(subject.zoo, rows), spectra(subject.zoo, rows)
    for place in (0, 13, 49):
        network = subject.zoo.networks([rows[place]])
        weight = network.parameters["0.weight"][0]
        assert statistics.values[place, 0] == pytest.approx(weight.mean().item(), abs=1e-6)
        assert statistics.values[place, 1] == pytest.approx(weight.var(correction=0).item(), rel=1e-5)
        exponents, largest = spectral_features(network)
        assert spectrum.values[place, 0] == pytest.approx(mean_exponent(exponents).item())
        assert spectrum.values[place, 2:6] == pytest.approx(
            [exponents[0, 0], largest[0, 0], exponents[0, 1], largest[0, 1]], nan_ok=True
        )


def test_earlier_accuracies_are_those_of_the_same_run_back_in_time(subject):
    table = subject.zoo.metadata
    features = earlier_accuracies(subject.zoo, subject.rows, 1)
    assert features.names == ("earlier 1", "share 1", "earlier 2", "share 2")
    by_run = {(run, step): value for run, step, value in table[["run", "step", "accuracy"]].itertuples(index=False)}
    for place in range(0, len(table), 17):
        run, step = table["run"].iloc[place], table["step"].iloc[place]
        for back in (1, 2):
            expected = by_run.get((run, step - back), float("nan"))
            assert features.values[place, 2 * back - 2] == pytest.approx(expected, nan_ok=True)
    assert features.values[table["step"] == 3, 1] == pytest.approx(2 / 3)


def test_the_figures_of_training_are_not_those_of_test(subject):
    assert training_figures(subject.zoo, subject.rows).names == ("train_accuracy",)


def test_trees_find_a_dependency_that_is_there_and_none_that_is_not():
    generator = np.random.default_rng(0)
    x = generator.random((400, 3))
    accuracies = 0.1 + 0.4 * (x[:, 0] > 0.5) + 0.3 * x[:, 1]
    train, validation = np.arange(400) < 250, (np.arange(400) >= 250) & (np.arange(400) < 320)
    test = np.arange(400) >= 320
    (found,) = boost(
        Features.of_numbers(dict(zip("abc", x.T, strict=True))), accuracies, train, {"v": validation}
    ).values()
    assert kendall_tau(torch.tensor(found.predicted[test]), torch.tensor(accuracies[test])) > 0.8
    noise = Features.of_numbers({"noise": generator.random(400)})
    (nothing,) = boost(noise, accuracies, train, {"v": validation}).values()
    assert abs(kendall_tau(torch.tensor(nothing.predicted[test]), torch.tensor(accuracies[test]))) < 0.3
    assert nothing.predicted.min() >= 0 and nothing.predicted.max() <= 1


def test_accuracies_of_test_networks_are_never_looked_at(subject):
    """With others in their place, predictions stay the same to the last bit; so do those of training in place of it."""
    other = dataclasses.replace(subject)
    hidden = subject.accuracies.copy()
    hidden[subject.split("test")] = np.random.default_rng(0).random(subject.split("test").sum())
    object.__setattr__(other, "accuracies", hidden)
    for name in ("mean", "hyper-parameters", "alpha", "weight-statistics"):
        first, second = BASELINES[name].predict(subject), BASELINES[name].predict(other)
        np.testing.assert_array_equal(first.of_all, second.of_all)
        np.testing.assert_array_equal(first.of_final, second.of_final)


@pytest.mark.parametrize("name", BASELINES)
def test_every_baseline_has_figures_of_validation_and_test(subject, name):
    measured = measure_baseline(BASELINES[name], subject)
    assert measured["test"]["final"]["n"] == measured["validation"]["final"]["n"] == 16
    assert set(measured["test"]["kinds"]["family"]) == {"plain", "wide"}
    is_of_final = BASELINES[name].reads == "its own past"
    assert measured["test"]["n"] == (0 if is_of_final else 48)


def test_what_follows_from_hyper_parameters_and_from_weights_is_found(subject):
    """Accuracy follows from rate and step, the size of the weights from accuracy; one checkpoint before ranks alike."""
    for name, least in (("hyper-parameters", 0.7), ("weight-statistics", 0.7), ("alpha-hat", 0.5), ("training", 0.85)):
        assert measure_baseline(BASELINES[name], subject)["test"]["kendall_tau"] > least
    before = measure_baseline(BASELINES["before-1"], subject)["test"]["final"]
    assert before["kendall_tau"] > 0.95
    assert before["mean_absolute_error"] > 0.05


def test_a_sample_of_test_networks_is_refused_with_a_reason(tmp_path):
    with pytest.raises(ZooError, match="Expected validation networks with accuracies in cnns"):
        Subject.of(write_cnns(tmp_path / "cnns"))


def test_a_limit_takes_the_first_networks_of_each_split(subject):
    few = Subject.of(subject.zoo, limit=5)
    assert [few.split(name).sum() for name in ("train", "validation", "test")] == [5, 5, 5]
