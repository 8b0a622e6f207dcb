"""Figures of the three checks."""

import pytest

from app.charts.checks import (
    LEAST,
    draw_extremes,
    draw_growth,
    draw_probes,
    draw_symmetry,
    figure_height,
    growth_height,
)
from ngcore.tasks.checks import Claim, Spread
from ngcore.tasks.checks_extremes import ExtremeRow
from ngcore.tasks.checks_symmetry import SymmetryRow

EXACT, LOOSE = Claim(is_exact=True, reason=""), Claim(is_exact=False, reason="")


def symmetry_row(symmetry, model, error):
    spread = None if error is None else Spread(error=error, scale=0.5, changed=None, copies=2)
    return SymmetryRow(symmetry=symmetry, model=model, claim=EXACT, spread=spread)


def test_changes_stand_beside_their_models_on_a_logarithmic_axis():
    rows = [symmetry_row("signs", "", 1e-7), symmetry_row("signs", "a", 0.0), symmetry_row("scales", "a", 0.25)]
    figure = draw_symmetry([*rows, symmetry_row("scales", "silent", None)])
    assert [trace.name for trace in figure.data] == ["signs", "scales"]
    assert list(figure.data[0].x) == [2e-7, LEAST]
    assert list(figure.data[1].x) == [0.5]
    assert list(figure.layout.yaxis.ticktext) == ["the network itself", "a"]
    assert figure.layout.xaxis.type == "log"


def probe_row(name, probes, figure, family="NG-Sweep"):
    row = {"name": name, "task": "classify", "zoo": "mnist-inrs", "edit": None, "family": family}
    return {**row, "probes": probes, "figure": figure}


def test_models_of_one_family_stand_on_one_line_in_percent():
    figure = draw_probes(
        [probe_row("plain", 0, 0.9), probe_row("probed", 64, 0.95), probe_row("gnn", 0, 0.8, "NG-GNN")]
    )
    points = {trace.name: trace for trace in figure.data if trace.mode == "markers"}
    assert list(points) == ["weights alone", "64 probes"]
    assert list(points["weights alone"].x) == [90, 80]
    assert list(points["64 probes"].y) == [0]
    assert list(figure.layout.yaxis.ticktext) == ["mnist: NG-Sweep", "mnist: NG-GNN"]


def test_without_models_there_is_an_empty_figure():
    assert [trace for trace in draw_probes([]).data if len(trace.x or ())] == []
    assert not draw_symmetry([]).data


def extreme_row(model, size, value):
    return ExtremeRow(extreme="equal", size=size, model=model, claim=LOOSE, value=value)


def test_answers_grow_along_sizes_beside_the_truth():
    rows = [extreme_row(name, size, value) for name in ("m", "m, width-stable") for size, value in ((1, 0.5), (2, 0.4))]
    figure = draw_extremes([*rows, extreme_row("silent", 1, None)], y_title="y", x_title="x", truth=0.6)
    plain, stable = figure.data
    assert list(plain.x) == ["1", "2"] and list(plain.y) == [50, 40]
    assert plain.line.color == stable.line.color
    assert plain.line.width < stable.line.width
    assert figure.layout.shapes[0].y0 == 60
    many = [extreme_row(f"m{i}", 1, 0.5) for i in range(9)]
    assert growth_height(draw_extremes(many, y_title="y", x_title="x")) > growth_height(figure)


@pytest.mark.parametrize(("test", "shown"), [({"accuracy": 0.5}, 50), ({"r_squared": 0.25}, 0.25)])
def test_the_study_is_drawn_by_model(test, shown):
    rows = [{"setting": {"model": "m", "size": size}, "test": test} for size in (8, 4)]
    figure = draw_growth(rows, x_title="x")
    assert list(figure.data[0].y) == [shown, shown]
    assert list(figure.layout.xaxis.categoryarray) == ["4", "8"]


def test_figures_grow_with_their_rows():
    assert figure_height(20) > figure_height(4)
