"""The map's options, and what selections on it mean."""

import numpy as np
import pandas
import pytest

from app.charts.colours import CATEGORIES
from app.charts.histograms import count_values
from app.charts.zoo_map import Colouring, Mark, clicked_rows, draw_zoo_map, rows_in_areas

POINTS = np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0], [1.0, 3.0]])


@pytest.fixture
def table():
    return pandas.DataFrame({"id": ["<b>a</b>", "b", "c", "d"], "x": POINTS[:, 0], "y": POINTS[:, 1]})


def test_every_category_has_a_colour_of_its_own(table):
    spec = draw_zoo_map(table, Colouring("kind", ["p", "q", "p", None], kind="category", categories=("p", "q")))
    assert spec["visualMap"]["inRange"]["color"] == {"p": CATEGORIES[0], "q": CATEGORIES[1]}
    assert len(set(CATEGORIES)) == 10


def test_shares_are_shown_in_percent_and_nan_as_nothing(table):
    spec = draw_zoo_map(table, Colouring("share", [0.25, 0.5, float("nan"), None], percent=True))
    shown = spec["dataset"]["source"]["colour of the map"]
    assert shown[:2].tolist() == [25.0, 50.0] and shown[2:].isna().all()
    assert (spec["visualMap"]["min"], spec["visualMap"]["max"]) == (25.0, 50.0)


def test_differences_are_shown_about_zero(table):
    key = draw_zoo_map(table, Colouring("error", [-1, 3, 0, 2], kind="diverging"))["visualMap"]
    assert (key["min"], key["max"]) == (-3, 3)


def test_one_value_for_all_is_drawn_as_well(table):
    key = draw_zoo_map(table, Colouring("constant", [2, 2, 2, 2]))["visualMap"]
    assert key["min"] < key["max"]


def test_names_of_columns_are_escaped_in_the_tooltip(table):
    spec = draw_zoo_map(table.assign(**{"<img src=x>": 1}), Colouring("v", [1, 2, 3, 4]))
    assert "<img" not in spec["series"][0]["tooltip"]["formatter"].replace("{@<img src=x>}", "")


def test_marks_are_drawn_above_the_networks_and_cannot_be_selected(table):
    spec = draw_zoo_map(table, Colouring("v", [1, 2, 3, 4]), marks=[Mark("one", [(0, 1)], "placed", "placed")])
    networks, mark = spec["series"]
    assert mark["silent"] and mark["z"] > networks.get("z", 2)
    assert spec["brush"]["seriesIndex"] == [0]


def test_a_box_selects_the_points_in_it():
    assert rows_in_areas([{"brush_type": "rect", "coord_range": [[1.5, 0.5], [0.5, 3.5]]}], POINTS) == {1, 3}


def test_a_lasso_selects_the_points_in_it_also_where_it_is_not_convex():
    """A U open at the top: its arms hold (0, 2) and (4, 2), the gap between them (2, 2) is outside."""
    lasso = [[-1, 3], [-1, 0], [5, 0], [5, 3], [3, 3], [3, 1], [1, 1], [1, 3]]
    points = np.array([[0.0, 2.0], [2.0, 2.0], [4.0, 2.0], [2.0, 0.5]])
    assert rows_in_areas([{"brush_type": "polygon", "coord_range": lasso}], points) == {0, 2, 3}


@pytest.mark.parametrize("area", [{}, {"brush_type": "rect", "coord_range": [1, 2]}, {"brush_type": "polygon"}])
def test_areas_that_make_no_sense_select_nothing(area):
    assert rows_in_areas([area], POINTS) == set()


def test_clicks_count_on_networks_alone_and_within_the_table():
    selection = {
        "selected": [
            {"series_index": 0, "data_indices": [1, 99, -1]},
            {"series_index": 1, "data_indices": [0]},
        ]
    }
    assert clicked_rows(selection, 4) == {1}
    assert clicked_rows({}, 4) == set()


def test_a_histogram_counts_all_and_the_selected():
    names, everything, picked = count_values(
        Colouring("kind", ["p", "q", "p", "p"], kind="category", categories=("p", "q")), [0, 1]
    )
    assert (names, everything, picked) == (["p", "q"], [3, 1], [1, 1])
    names, everything, picked = count_values(Colouring("v", [0.0, 1.0, float("nan"), 1.0]), [3])
    assert sum(everything) == 3 and sum(picked) == 1 and len(names) == len(everything)


def test_a_key_of_long_names_stands_at_the_side_where_the_map_leaves_room():
    table = pandas.DataFrame({"x": [0.0, 1.0], "y": [0.0, 1.0], "id": ["a", "b"]})
    short, long = ("0", "1"), tuple(f"a long name of a class {i}" for i in range(5))
    below, beside = (
        draw_zoo_map(table, Colouring("label", [names[0], names[1]], "category", names)) for names in (short, long)
    )
    assert (below["visualMap"]["orient"], below["grid"]["right"]) == ("horizontal", 8)
    assert beside["visualMap"]["orient"] == "vertical" and beside["grid"]["right"] > 150
