"""What colours say: their numbers, palettes and keys."""

import pytest

from app.charts.clicks import clicked_rows
from app.charts.colouring import LEVELS, NO_COLOUR, Colouring, palette_of, range_of, ticks_of
from app.charts.colours import CATEGORIES
from app.charts.histograms import count_values
from app.charts.theme import DARK


def test_every_category_has_a_colour_of_its_own_and_nothing_has_none():
    colouring = Colouring("kind", ["p", "q", "p", None], kind="category", categories=("p", "q"))
    assert colouring.codes.tolist() == [0, 1, 0, NO_COLOUR]
    assert palette_of(colouring) == [CATEGORIES[0], CATEGORIES[1]]


def test_numbers_run_through_the_whole_palette_and_nan_has_none():
    colouring = Colouring("share", [0.25, 0.5, float("nan"), None], percent=True)
    assert colouring.codes.tolist() == [0, LEVELS - 1, NO_COLOUR, NO_COLOUR]
    palette = palette_of(colouring)
    assert len(palette) == LEVELS and palette[0] == "#440154" and palette[-1] == "#fde725"


def test_differences_are_shown_about_zero():
    colouring = Colouring("error", [-1, 3, 0, 2], kind="diverging")
    assert range_of(colouring) == (-3, 3)
    palette = palette_of(colouring, DARK)
    assert (palette[0], palette[LEVELS // 2], palette[-1]) == (DARK.negative, DARK.muted, DARK.positive)
    assert colouring.codes[2] == LEVELS // 2


@pytest.mark.parametrize("values", [[2, 2], [0, 0], [float("nan")], [], [-1e-40, 1e300]])
def test_a_scale_is_never_empty(values):
    low, high = range_of(Colouring("constant", values))
    assert low < high
    assert len(Colouring("constant", values).codes) == len(values)


def test_the_key_has_round_numbers_in_the_units_of_the_column():
    assert ticks_of(Colouring("accuracy", [0.1, 0.5], percent=True))[0] == (0.0, "10\u2009%")
    assert [text for _, text in ticks_of(Colouring("PSNR in dB", [17.2, 30.9]))] == [
        "17.5",
        "20",
        "22.5",
        "25",
        "27.5",
        "30",
    ]


def test_the_key_of_a_logarithm_says_the_numbers_themselves():
    colouring = Colouring("learning rate", [1e-4, 1e-1, 0.0], is_log=True)
    assert ticks_of(colouring)[0] == (0.0, "0.0001") and ticks_of(colouring)[-1] == (1.0, "0.1")
    assert colouring.codes.tolist() == [0, LEVELS - 1, NO_COLOUR]


def test_values_are_said_in_few_digits():
    colouring = Colouring("v", [0.123456789, None, 17.0], percent=False)
    assert [colouring.text(row) for row in range(3)] == ["0.123", "", "17"]
    assert Colouring("v", [0.987654], percent=True).text(0) == "98.8\u2009%"


def test_clicks_count_within_the_chart_and_its_first_series_alone():
    selection = {
        "selected": [{"series_index": 0, "data_indices": [1, 99, -1]}, {"series_index": 1, "data_indices": [0]}]
    }
    assert clicked_rows(selection, 4) == {1}
    assert clicked_rows({}, 4) == set()


def test_a_histogram_counts_all_and_the_selected():
    colouring = Colouring("kind", ["p", "q", "p", "p"], kind="category", categories=("p", "q"))
    assert count_values(colouring, [0, 1]) == (["p", "q"], [3, 1], [1, 1])
    names, everything, picked = count_values(Colouring("v", [0.0, 1.0, float("nan"), 1.0]), [3])
    assert sum(everything) == 3 and sum(picked) == 1 and len(names) == len(everything)
