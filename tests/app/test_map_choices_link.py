"""Filters, the key and the search of the map as texts of an address: there and back, and what is none."""

import pytest

from app.charts.colouring import Colouring
from app.map.choices_link import codes_of, columns_text, parse_columns, parse_search, values_of
from app.map.filters import limits_within

LABEL = Colouring("label", ["zero", "two", "one"], kind="category", categories=("zero", "one", "two"))
ACCURACY = Colouring("test accuracy", [0.25, 0.75, None], percent=True)
STEP = Colouring("step", [0, 300, 900])


@pytest.mark.parametrize(
    "columns",
    [
        {"label": (0, 2)},
        {"test accuracy": (0.5, 0.75), "label": (1,)},
        {"<b>a:b!c,~%</b>": (-1e-05, 2.0)},
    ],
)
def test_columns_come_back_from_their_text(columns):
    assert parse_columns(columns_text(columns)) == columns


@pytest.mark.parametrize(
    "lie",
    [
        *("", "label", "label:", ":c1", "label:c", "label:c1.5", "label:c999", "label:x1"),
        *("a:r1", "a:r2,1", "a:rnan,1", "a:r1,1e999"),
        *("a:c1!" * 30 + "a:c1", "a:c" + ",".join(map(str, range(150)))),
    ],
)
def test_a_text_that_means_no_columns_is_none(lie):
    assert parse_columns(lie) is None


def test_values_are_those_that_the_column_has_and_are_codes_again():
    assert values_of(LABEL, (2, 0, 7)) == ["two", "zero"]
    assert codes_of(LABEL, ["two", "zero", "no such"]) == (0, 2)
    assert values_of(LABEL, (9,)) is None and values_of(LABEL, (0.0, 1.0)) is None
    assert values_of(ACCURACY, (0.5, 9.0)) == (0.5, 0.75) and values_of(ACCURACY, (1,)) is None
    assert values_of(STEP, (10.0, 600.0)) == (10, 600) and codes_of(STEP, (10, 600)) == (10.0, 600.0)


def test_limits_stay_within_the_numbers_of_a_column_whatever_they_were():
    assert limits_within((5, 50), (10, 20)) == (10, 20)
    assert limits_within(["zero"], (10, 20)) == limits_within(None, (10, 20)) == (10, 20)
    assert limits_within((0.1, 0.7), (0.25, 0.75)) == (0.25, 0.7)


def test_a_search_is_short_plain_text():
    assert parse_search(" two\x00 ") == "two" and parse_search("  ") is None
    assert len(parse_search("a" * 999)) <= 100
