"""Figures of studies: which rows become which lines and bars."""

import pytest

from app.charts.studies import (
    draw_editing,
    draw_number_of_probes,
    draw_probes_and_data,
    draw_settings,
    draw_worth_of_probes,
    figure_height,
)
from app.charts.theme import DARK, LIGHT


def training(accuracy, *, networks=10_000, speed=500.0, **setting):
    return {
        "setting": setting,
        "training_networks": networks,
        "test": {"accuracy": accuracy, "n": 2_000},
        "networks_per_second": speed,
    }


def edited(edit, method, mse, milliseconds=0.0):
    setting = {"edit": edit, "method": method}
    return {"setting": setting, "mse": mse, "milliseconds_per_network": milliseconds, "n": 256}


BY_PROBES = [
    training(0.8, model="sweep", probes=0, kind="–", speed=1_000.0),
    training(0.9, model="sweep", probes=16, kind="free"),
    training(0.91, model="sweep", probes=16, kind="generated"),
    training(0.85, model="outputs", probes=16, kind="generated"),
]


def lines(option):
    return {series["name"]: [point[:2] for point in series["data"]] for series in option["series"]}


def test_accuracy_over_data_has_a_line_for_each_number_of_probes():
    rows = [training(a, networks=n, probes=p) for a, n, p in ((0.7, 5_500, 0), (0.6, 550, 0), (0.75, 550, 16))]
    option = draw_probes_and_data(rows)
    assert lines(option) == {"no probes": [[550, 60.0], [5_500, 70.0]], "16 probes": [[550, 75.0]]}
    assert option["xAxis"]["type"] == "log"
    assert (option["yAxis"]["min"], option["yAxis"]["max"]) == (60, 80)


def test_a_model_without_probes_begins_the_lines_of_all_kinds_of_its_probes():
    assert lines(draw_number_of_probes(BY_PROBES)) == {
        "sweep, free probes": [[0, 80.0], [16, 90.0]],
        "sweep, generated probes": [[0, 80.0], [16, 91.0]],
        "outputs, generated probes": [[16, 85.0]],
    }


def test_a_study_that_has_only_begun_can_be_drawn():
    assert lines(draw_number_of_probes(BY_PROBES[:1])) == {"sweep": [[0, 80.0]]}


def test_time_is_that_of_one_network():
    option = draw_worth_of_probes(BY_PROBES)
    assert lines(option)["sweep, free probes"] == [[1.0, 80.0], [2.0, 90.0]]
    assert option["series"][0]["data"][1][2] == "16 probes"


def test_every_way_to_normalise_has_a_bar_that_begins_at_zero():
    rows = [training(0.8, weights="none", features="layer norm"), training(0.7, weights="each", features="RMS norm")]
    option = draw_settings(rows, theme=DARK)
    assert option["yAxis"]["data"][0] == "none (weights)\nlayer norm (features)"
    assert [bar["value"][:3] for bar in option["series"][0]["data"]] == [[80.0, 0, "80.0 %"], [70.0, 1, "70.0 %"]]
    assert (option["xAxis"]["min"], option["xAxis"]["max"]) == (0, 100)


def test_the_one_setting_of_a_study_needs_no_name_of_its_column():
    option = draw_settings([training(0.8, change="half as wide"), training(0.7, change="none")], theme=LIGHT)
    assert option["yAxis"]["data"] == ["half as wide", "none"]


def test_methods_stand_below_their_edit_and_references_stand_back():
    rows = [
        edited("dilate", "left as it is", 0.08),
        edited("dilate", "editor", 0.004, 9.0),
        edited("erode", "image edited, refitted", 0.01, 1_230.0),
    ]
    option = draw_editing(rows, theme=LIGHT)
    names = [name if isinstance(name, str) else name["value"] for name in option["yAxis"]["data"]]
    assert names == ["dilate", "left as it is", "editor", "erode", "image edited, refitted"]
    bars = option["series"][0]["data"]
    assert [names[bar["value"][1]] for bar in bars] == [row["setting"]["method"] for row in rows]
    assert [bar["value"][2:] for bar in bars] == [
        ["0.0800", ""],
        ["0.0040", "after 9.0 ms per network"],
        ["0.0100", "after 1,230.0 ms per network"],
    ]
    assert [bar["itemStyle"]["color"] for bar in bars] == [LIGHT.muted, LIGHT.accent, LIGHT.muted]


def test_more_bars_and_longer_names_take_more_room():
    one, two = (draw_editing([edited("dilate", f"editor {i}", 0.01) for i in range(n)]) for n in (1, 2))
    split = draw_settings([training(0.8, weights="none", features="layer norm")])
    assert figure_height(two) > figure_height(one) > figure_height(split)
    assert figure_height(split) > figure_height(draw_settings([training(0.8, weights="none")]))
    assert figure_height(draw_probes_and_data([training(0.8, probes=0)])) > 300


@pytest.mark.parametrize("draw", [draw_probes_and_data, draw_number_of_probes, draw_worth_of_probes])
def test_text_is_in_the_colours_of_the_page(draw):
    option = draw(BY_PROBES, theme=DARK)
    assert option["legend"]["textStyle"]["color"] == option["xAxis"]["axisLabel"]["color"] == DARK.text
