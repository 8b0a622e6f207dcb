"""Intervals, sets and p-values by run: hand-worked quantiles, coverage in simulations, and too few runs said so."""

import math

import numpy as np
import pytest
import torch

from ngcore.errors import NeuralGraphError
from ngcore.networks import mlp, small_cnn
from ngcore.tasks import accuracy_interval, class_set
from ngcore.tasks.conformal import Spread, run_p_values, run_quantile, tempered
from ngcore.tasks.coverage import confidence_error, coverage_bounds


def card_of(kind, quantile, *, runs=99, level="0.9", **more):
    group = {"runs": runs, "networks": runs, "levels": {level: quantile}}
    return {"conformal": {"kind": kind, "quantiles": {"all": group}, **more}}


def interval_card(quantile, **more):
    return card_of("interval", quantile, spread={"predicted": [0.1, 0.5], "residual": [0.01, 0.05]}, **more)


def test_of_nine_residuals_the_largest_covers_ninety_percent_and_the_eighth_eighty():
    """(9 + 1) · 0.9 = 9: the ninth smallest. (9 + 1) · 0.8 = 8. (9 + 1) · 0.91 = 9.1: above all nine."""
    residuals = [0.5, 0.1, 0.9, 0.3, 0.7, 0.2, 0.8, 0.4, 0.6]
    assert run_quantile(residuals, range(9), 0.9) == 0.9
    assert run_quantile(residuals, range(9), 0.8) == 0.8
    assert run_quantile(residuals, range(9), 0.5) == 0.5
    assert run_quantile(residuals, range(9), 0.91) == math.inf


def test_checkpoints_of_a_run_share_its_weight():
    """Three runs weigh 1/4 each; run 0 has 4 checkpoints of 1/16. Up to 3: 3/16; 4: 4/16; 5: 8/16; 6: 12/16."""
    scores, runs = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [0, 0, 0, 0, 1, 2]
    assert run_quantile(scores, runs, 3 / 16) == 3
    assert run_quantile(scores, runs, 0.2) == 4
    assert run_quantile(scores, runs, 0.5) == 5
    assert run_quantile(scores, runs, 0.75) == 6
    assert run_quantile(scores, runs, 0.76) == math.inf


def test_p_values_are_ranks_by_run():
    """(1 + shares at or above) / (3 + 1), where each of the two checkpoints of run 0 is half a run."""
    found = run_p_values([1.0, 3.0, 2.0, 4.0], [0, 0, 1, 2], [5.0, 4.0, 3.0, 2.5, 0.0])
    assert found.tolist() == [1 / 4, 2 / 4, 2.5 / 4, 2.5 / 4, 4 / 4]


@pytest.mark.parametrize("level", [0.0, 1.0, -1.0, math.nan])
def test_a_level_outside_zero_and_one_is_refused(level):
    with pytest.raises(NeuralGraphError, match="Expected a level between 0 and 1"):
        run_quantile([1.0], [0], level)


def test_scores_without_runs_are_refused():
    with pytest.raises(NeuralGraphError, match="one run per score"):
        run_quantile([1.0, 2.0], [0], 0.9)


def simulated(generator, runs):
    """Scores of runs of 1 to 12 checkpoints which resemble each other closely."""
    sizes = generator.integers(1, 13, runs)
    run = np.repeat(np.arange(runs), sizes)
    return generator.normal(size=runs)[run] + 0.3 * generator.normal(size=len(run)), run


def test_by_run_coverage_holds_where_checkpoints_of_a_run_resemble_each_other():
    """400 calibrations of 19 runs, one random checkpoint of a new run each: 90 % within binomial bounds."""
    generator = np.random.default_rng(0)
    covered, p_values = 0, []
    for _ in range(400):
        scores, run = simulated(generator, 19)
        new = generator.choice(simulated(generator, 1)[0])
        covered += new <= run_quantile(scores, run, 0.9)
        p_values.append(run_p_values(scores, run, [new])[0])
    assert 0.86 < covered / 400 < 0.945  # 99 %: 0.9 ± 2.58 · √(0.09 / 400)
    assert (np.array(p_values) <= 0.1).mean() < 0.14


def test_runs_that_are_taken_for_independent_checkpoints_cover_less():
    """Five runs of 40 alike checkpoints: as if 200 were independent, new runs are covered far below 90 %."""
    generator = np.random.default_rng(0)
    covered, naive = 0, 0
    for _ in range(300):
        run = np.repeat(np.arange(5), 40)
        scores = generator.normal(size=5)[run] + 0.01 * generator.normal(size=200)
        new = generator.normal()
        covered += new <= run_quantile(scores, run, 0.9)
        naive += new <= run_quantile(scores, np.arange(200), 0.9)
    assert covered == 300  # 5 / 6 < 0.9: infinitely wide
    assert naive / 300 < 0.87


def test_bounds_of_coverage_hold_what_simulations_give():
    generator = np.random.default_rng(0)
    low, high = coverage_bounds(0.9, 49, 100)
    found = [
        (generator.uniform(size=100) <= run_quantile(generator.uniform(size=49), range(49), 0.9)).mean()
        for _ in range(1000)
    ]
    assert np.mean([low <= share <= high for share in found]) > 0.98
    assert np.mean([low + 0.05 <= share <= high - 0.05 for share in found]) < 0.95
    assert coverage_bounds(0.9, 8, 100) == (1.0, 1.0)


def test_an_interval_is_as_wide_as_residuals_usually_are_there():
    """Spread at 0.3 is 0.03, halfway: 0.3 ± 2 · 0.03. Below 0.1 it stays 0.01, and ends are clipped."""
    card = interval_card(2.0)
    found = accuracy_interval(card, 0.3)
    assert (found.low, found.high, found.level, found.runs, found.note) == pytest.approx((0.24, 0.36, 0.9, 99, ""))
    assert accuracy_interval(card, 0.005).low == 0.0
    assert accuracy_interval(interval_card(20.0), 0.5).high == 1.0
    assert found.to_dict()["low"] == found.low


def test_too_few_runs_for_a_level_give_the_whole_range_and_say_so():
    found = accuracy_interval(interval_card(None, runs=8), 0.3)
    assert (found.low, found.high) == (0.0, 1.0)
    assert found.note == "A level of 90% needs at least 9 validation runs; there were 8."


def test_a_level_that_was_not_stored_is_refused_and_a_card_without_calibration_has_no_interval():
    with pytest.raises(NeuralGraphError, match=r"Expected a level of 0\.9, got 0\.7"):
        accuracy_interval(interval_card(1.0), 0.3, level=0.7)
    assert accuracy_interval({}, 0.3) is None
    assert accuracy_interval(card_of("classes", 0.1), 0.3) is None
    assert class_set({}, torch.tensor([0.5, 0.5])) is None


def test_a_family_has_its_own_quantile_where_it_has_enough_runs():
    card = interval_card(1.0)
    card["conformal"]["quantiles"] |= {
        "cnn": {"runs": 30, "networks": 60, "levels": {"0.9": 3.0}},
        "mlp": {"runs": 3, "networks": 3, "levels": {"0.9": None}},
    }
    cnn = accuracy_interval(card, 0.3, architecture=small_cnn())
    assert (cnn.family, cnn.runs, round(cnn.high - cnn.low, 6)) == ("cnn", 30, 0.18)
    assert accuracy_interval(card, 0.3, architecture=mlp((2, 3, 1))).family == "all"


def test_a_set_holds_the_classes_as_likely_as_the_quantile_asks_and_never_none():
    """1 − 0.75 = 0.25: classes of at least 0.25."""
    card = card_of("classes", 0.75, temperature=1.0)
    found = class_set(card, torch.tensor([0.1, 0.3, 0.25, 0.35]))
    assert found.labels == (3, 1, 2)
    assert found.confidence == pytest.approx(0.35)
    assert class_set(card_of("classes", 0.01, temperature=1.0), torch.tensor([0.6, 0.4])).labels == (0,)
    few = class_set(card_of("classes", None, runs=2, temperature=1.0), torch.tensor([0.6, 0.4]))
    assert (few.labels, few.note[:14]) == ((0, 1), "A level of 90%")
    assert found.to_dict()["labels"] == [3, 1, 2]


def test_tempered_probabilities_are_softmax_of_divided_logits():
    logits = torch.tensor([[1.0, 3.0, -2.0]], dtype=torch.float64)
    found = tempered(logits.softmax(dim=1).numpy(), 2.5)
    np.testing.assert_allclose(found, (logits / 2.5).softmax(dim=1).numpy())
    assert tempered(np.array([[1.0, 0.0]]), 1.0)[0, 0] == 1.0


def test_confidence_error_is_the_gap_between_confidence_and_accuracy():
    """Four answers at 0.9, of which three are right: |0.75 − 0.9|."""
    probabilities = np.tile([0.9, 0.1], (4, 1))
    assert confidence_error(probabilities, np.array([0, 0, 0, 1])) == pytest.approx(0.15)


def test_a_spread_follows_the_residuals_and_is_never_nothing():
    predicted = np.linspace(0.1, 0.9, 200)
    spread = Spread.fit(predicted, predicted + 0.1 * predicted)
    assert 0.015 < float(spread(0.15)) < 0.025 < 0.07 < float(spread(0.85)) < 0.09
    assert float(Spread.fit(predicted[:5], predicted[:5])(0.4)) == 1e-3
