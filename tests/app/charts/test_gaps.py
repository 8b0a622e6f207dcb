"""Charts leave gaps where numbers are not finite."""

import json
import math

import numpy as np
import pytest


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, np.float32("nan"), np.float64("inf")])
def test_what_is_not_finite_is_a_gap(value):
    from app.charts.fit_curve import draw_fit_curve
    from app.charts.gaps import gap
    from app.charts.layer_changes import draw_layer_changes
    from app.charts.walks import draw_walks

    assert gap(value, 2) is None and gap(1.234, 2) == 1.23
    options = [
        draw_fit_curve([(1, value)], 1),
        draw_layer_changes(["a"], [value]),
        draw_walks(np.array([0.5]), {"one": np.array([value])} | {"two": np.array([1.0])}),
    ]
    for option in options:
        json.dumps(option, allow_nan=False)


NOT_FINITE = [math.nan, math.inf, -math.inf]


def plain(option):
    """An option as JSON; the tables in it as lists."""
    return json.dumps(option, allow_nan=False, default=lambda table: table.to_numpy().tolist())


@pytest.mark.parametrize("value", NOT_FINITE)
def test_models_and_studies_without_a_figure_are_gaps(value):
    from app.charts.leaderboard import draw_figures
    from app.charts.studies import draw_editing, draw_settings, draw_worth_of_probes

    plain(draw_figures(["a", "b"], ["x", "x"], [value, 1], [0.5, value], cost_title="c", figure_title="f"))
    rows = [
        {
            "setting": {"model": "m", "probes": probes, "kind": "free"},
            "test": {"accuracy": accuracy},
            "networks_per_second": 10.0,
        }
        for probes, accuracy in ((8, value), (16, 0.5))
    ]
    plain(draw_worth_of_probes(rows))
    plain(draw_worth_of_probes(rows[:1]))
    assert "not defined" in plain(draw_settings(rows))
    edited = {"setting": {"edit": "e", "method": "m"}, "mse": value, "milliseconds_per_network": 1.0}
    assert "not defined" in plain(draw_editing([edited]))


@pytest.mark.parametrize("value", NOT_FINITE)
def test_networks_without_a_place_are_gaps_of_maps_and_scatters(value):
    import pandas

    from app.charts.accuracy_plot import draw_accuracy_plot, draw_predictions
    from app.charts.colouring import Colouring
    from app.charts.map_points import Mark, colour_fields, mark_fields, point_fields
    from app.charts.theme import LIGHT

    plain(point_fields(np.array([[0.0, value], [value, 1.0]])))
    plain(colour_fields(Colouring("c", [value, 1.0]), LIGHT))
    assert mark_fields([Mark("selected", [(value, 0.0)])])[0]["points"] == []
    answers = pandas.DataFrame({"id": ["a", "b"], "true": [50.0, value], "predicted": [value, 60.0]})
    plot = draw_accuracy_plot(answers, current=(value, 50.0))
    assert (plot["xAxis"]["min"], plot["xAxis"]["max"]) == (50.0, 65.0)
    assert not np.isinf(plot["dataset"]["source"][["true", "predicted"]].to_numpy(dtype=float)).any()
    json.dumps({name: plot[name] for name in plot if name != "dataset"}, allow_nan=False)
    plain(draw_predictions(["m", "n"], [value, 40.0], true=value))


@pytest.mark.parametrize("values", [[], [1e30], [1e30, math.nan], [math.inf], [1e300, 1e300 * (1 + 1e-15)], [0, 1e-40]])
def test_histograms_take_any_values(values):
    from app.charts.colouring import Colouring
    from app.charts.error_histogram import draw_error_histogram
    from app.charts.histograms import count_values

    plain(draw_error_histogram(np.array(values), np.array(values)))
    counts = count_values(Colouring("c", values), range(len(values)))[1]
    assert sum(counts) == np.isfinite(values).sum()


@pytest.mark.parametrize("share", [0.95, 1.0])
@pytest.mark.parametrize("values", [[], [0.0], [math.nan], [math.inf, 2.0], [1e-40], [3e38, -3e38], [0.0] * 99 + [2.0]])
def test_a_colour_is_full_at_a_finite_size_above_0(values, share):
    from app.charts.gaps import full_colour

    limit = full_colour(np.array(values, dtype=np.float32), share)
    assert math.isfinite(limit) and limit > 0
