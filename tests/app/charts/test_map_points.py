"""What the map in the browser is given, and what is believed of what it sends back."""

import base64
import io
import math

import numpy as np
import pandas
import pytest
from PIL import Image

from app.charts.colouring import Colouring
from app.charts.map_points import (
    Mark,
    colour_fields,
    fact_fields,
    label_fields,
    limits_of,
    mark_fields,
    path_fields,
    picture_fields,
    point_fields,
    polygon_of,
    rows_inside,
    stand_out,
)
from app.charts.theme import LIGHT

KINDS = Colouring("kind", ["p", "q", "p", None], kind="category", categories=("p", "q"))
SIZES = Colouring("size", [0.0, 1.0, 2.0, None])


def unpacked(text, dtype):
    return np.frombuffer(base64.b64decode(text), dtype=dtype).tolist()


def test_places_arrive_as_pairs_of_numbers_and_are_known_again_by_their_digest():
    fields = point_fields(np.array([[0.5, 1.0], [math.nan, math.inf]]))
    assert unpacked(fields["values"], "<f4") == [0.5, 1.0, 0.0, 0.0]
    assert fields["fingerprint"] != point_fields(np.array([[0.5, 1.0]]))["fingerprint"]


def test_colours_come_with_a_key_and_with_what_it_hides():
    fields = colour_fields(KINDS, LIGHT, hidden=[1])
    assert (fields["categories"], fields["hidden"], fields["ticks"]) == (["p", "q"], [1], [])
    assert unpacked(fields["codes"], "u1") == [0, 1, 0, 255]
    assert colour_fields(SIZES, LIGHT, limits=(3, 9))["range"] == [3, 9]


def test_facts_are_texts_by_number_or_numbers_and_strangers_text_is_cut():
    table = pandas.DataFrame({"name": ["a\x07", "b" * 200, None], "share": [0.5, math.nan, 1.0], "steps": [1, 2, 3]})
    name, share, steps = fact_fields(table, table.columns, frozenset({"share"}))
    assert unpacked(name["values"], "<u2") == [0, 1, 2] and name["names"] == ["a", "b" * 79 + "…"]
    assert share["percent"] and unpacked(share["values"], "<f4")[0] == 0.5
    assert steps["whole"] and not share["whole"]


@pytest.mark.parametrize("channels", [(), (3,)])
def test_pictures_lie_side_by_side_in_one_image(channels):
    images = np.zeros((3, 4, 5, *channels))
    images[1] = 1.0
    fields = picture_fields(images, np.array([0, 2, 3]), num_points=4)
    assert unpacked(fields["rows"], "<i4") == [0, -1, 1, 2]
    sheet = Image.open(io.BytesIO(base64.b64decode(fields["address"].partition(",")[2]))).convert("L")
    assert sheet.size == (2 * 5, 2 * 4) and (fields["width"], fields["height"], fields["columns"]) == (5, 4, 2)
    assert np.asarray(sheet)[:4, 5:].min() > 200 and np.asarray(sheet)[:4, :5].max() < 50


def test_the_name_of_a_class_stands_where_its_points_lie_densest(generator):
    crowd = np.array([[10.0, 10.0]]) + np.random.default_rng(0).normal(size=(50, 2)) * 0.1
    points = np.concatenate([crowd, [[0.0, 0.0], [0.0, 10.0]]])
    (label,) = label_fields(Colouring("k", ["a"] * 52, kind="category", categories=("a", "b")), points)
    assert label["text"] == "a" and label["place"] == pytest.approx([10, 10], abs=0.3)
    assert label_fields(SIZES, points[:4]) == []


def test_marks_without_a_place_are_left_out_with_their_texts_and_keys():
    mark = Mark("placed", [(0.0, 1.0), (math.nan, 0.0), (2.0, 2.0)], ["a", "b", "c"], ["x", "y", "z"])
    assert mark_fields([mark]) == [
        {"kind": "placed", "points": [[0.0, 1.0], [2.0, 2.0]], "texts": ["a", "c"], "keys": ["x", "z"]}
    ]


def test_paths_end_with_a_gap_each():
    assert unpacked(path_fields([[1, 0], [2, 3]]), "<i4") == [1, 0, -1, 2, 3, -1]


def test_a_lasso_selects_the_points_in_it_also_where_it_is_not_convex():
    """A U open at the top: its arms hold (0, 2) and (4, 2), the gap between them (2, 2) is outside."""
    lasso = [(-1, 3), (-1, 0), (5, 0), (5, 3), (3, 3), (3, 1), (1, 1), (1, 3)]
    points = np.array([[0.0, 2.0], [2.0, 2.0], [4.0, 2.0], [2.0, 0.5]])
    assert rows_inside(points, lasso) == [0, 2, 3]
    assert rows_inside(points, []) == []


@pytest.mark.parametrize(
    "sent",
    [None, [], {}, {"polygon": 3}, {"polygon": [[0, 0], [1, 1]]}, {"polygon": [[0, 0], [1, 1], [1]]},
     {"polygon": [[0, 0], [1, 1], [1, "a"]]}, {"polygon": [[0, 0], [1, 1], [1, float("inf")]]}],
)  # fmt: skip
def test_regions_that_make_no_sense_are_none(sent):
    assert polygon_of(sent) == []


def test_a_region_has_a_limited_number_of_corners():
    assert len(polygon_of({"polygon": [[i, i * i] for i in range(5_000)]})) == 2_000


@pytest.mark.parametrize(
    ("colouring", "sent", "expected"),
    [
        (KINDS, {"title": "kind", "hidden": [1, 1, 7, "x", True]}, ([1], None)),
        (KINDS, {"title": "another", "hidden": [1]}, ([], None)),
        (KINDS, "nothing", ([], None)),
        (SIZES, {"title": "size", "hidden": [], "range": [300, -4]}, ([], (0, 254))),
        (SIZES, {"title": "size", "hidden": [0], "range": [1, "2"]}, ([], None)),
    ],
)
def test_of_what_the_key_sends_only_what_makes_sense_is_believed(colouring, sent, expected):
    assert limits_of(sent, colouring) == expected


def test_the_key_takes_categories_and_ranges_off_the_map_but_not_what_has_no_value():
    assert stand_out(KINDS, [0], None).tolist() == [False, True, False, True]
    assert stand_out(SIZES, [], (100, 254)).tolist() == [False, True, True, True]
