"""Figures of predicted accuracies: of all checkpoints, of final ones, and within each kind of network."""

import itertools

import numpy as np
import pytest
import torch
from accuracy_zoos import write_runs
from scipy.stats import kendalltau

from ngcore.tasks.accuracy_figures import accuracy_figures, chances, final_checkpoints, number_runs
from ngcore.tasks.images_worth import images_worth
from ngcore.zoo.info import tau_ceiling


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return write_runs(tmp_path_factory.mktemp("zoos") / "runs")


@pytest.mark.parametrize("targets", [[0.1, 0.1, 0.3, 0.5], [0.1, 0.1, 0.1, 0.2, 0.2], [0.2, 0.1, 0.4], [0.5, 0.5, 0.1]])
def test_the_ceiling_is_the_best_tau_of_any_order_of_predictions(targets):
    """Tried out: every order in which predictions without ties can rank the networks."""
    orders = itertools.permutations(range(len(targets)))
    assert tau_ceiling(np.array(targets)) == pytest.approx(
        max(kendalltau(order, targets).statistic for order in orders)
    )


def test_figures_are_those_of_the_networks_that_they_name(runs):
    rows = runs.rows(split="test")
    table = runs.metadata.iloc[rows]
    targets = torch.tensor(table["accuracy"].to_numpy())
    predicted = targets + 0.1 * torch.randn(len(rows), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    figures = accuracy_figures(predicted.float(), targets, runs, rows)

    def tau(chosen):
        return kendalltau(predicted.float()[chosen], targets[chosen]).statistic

    final = torch.tensor((table["step"] == 3).to_numpy())
    above = torch.tensor((table["accuracy"] > 0.2).to_numpy())
    wide = torch.tensor((table["family"] == "wide").to_numpy())
    assert (figures["n"], figures["num_runs"]) == (len(rows), 16)
    assert (figures["final"]["n"], figures["final"]["num_runs"]) == (16, 16)
    assert figures["n_above_chance"] == above.sum()
    assert figures["kendall_tau"] == pytest.approx(tau(torch.full((len(rows),), True)))
    assert figures["kendall_tau_above_chance"] == pytest.approx(tau(above))
    assert figures["final"]["kendall_tau"] == pytest.approx(tau(final))
    assert figures["images_worth"] == images_worth(figures["mean_absolute_error"], targets)
    assert figures["kinds"]["family"]["wide"]["kendall_tau"] == pytest.approx(tau(wide))
    assert figures["kinds"]["family"]["wide"]["final"]["kendall_tau"] == pytest.approx(tau(wide & final))
    error = (predicted.float()[final] - targets[final]).abs().mean().item()
    assert figures["final"]["mean_absolute_error"] == pytest.approx(error)
    assert set(figures["kinds"]) == {"family", "depth"}


def test_perfect_predictions_reach_one_and_the_ceiling_is_that_of_the_targets(runs):
    rows = runs.rows(split="validation")
    targets = torch.tensor(runs.metadata["accuracy"].to_numpy()[rows])
    figures = accuracy_figures(targets, targets, runs, rows)
    assert (figures["kendall_tau"], figures["r_squared"], figures["mean_absolute_error"]) == (1, 1, 0)
    assert figures["tau_ceiling"] == pytest.approx(tau_ceiling(targets.numpy()))


def test_what_does_not_exist_is_none(runs):
    rows = runs.rows(split="test")[:1]
    figures = accuracy_figures(torch.ones(2), torch.ones(2), runs, np.repeat(rows, 2))
    assert np.isnan(figures["kendall_tau"])
    assert figures["final"]["n"] == 0
    assert {name for name, value in figures["final"].items() if value is None} == {
        "kendall_tau",
        "r_squared",
        "mean_absolute_error",
        "tau_ceiling",
        "kendall_tau_above_chance",
    }


def test_without_a_column_for_it_the_last_step_of_each_run_is_final(tmp_path, mixed):
    from tiny_zoos import write_cnns

    zoo = write_cnns(tmp_path / "cnns")
    assert zoo.metadata[final_checkpoints(zoo)]["step"].tolist() == [2, 2]
    assert len(set(number_runs(zoo.metadata))) == 2
    assert chances(zoo).tolist() == [0.1] * 6
    assert final_checkpoints(mixed).all()
    assert len(set(number_runs(mixed.metadata))) == 12


def test_runs_of_different_zoos_are_different_runs(runs):
    table = runs.metadata.head(6).assign(zoo=["a", "b"] * 3, run=[0, 0, 1, 1, 1, 1])
    assert len(set(number_runs(table))) == 4
