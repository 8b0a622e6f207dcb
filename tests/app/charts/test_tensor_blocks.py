"""Blocks of tensors as HTML: pictures, dashed arcs, and strangers' names as text."""

import base64
import math
import re

import numpy as np

from app.charts.tensor_blocks import Card, Row, card_html, connections_html, kernel_sheet, picture_html
from app.charts.theme import DARK, LIGHT


def drawing(html, kind):
    """The drawing of an image of a kind."""
    encoded = re.search(rf"class='{kind}' src='data:image/svg\+xml;base64,([^']*)'", html)[1]
    return base64.b64decode(encoded).decode()


def card(**fields):
    usual = {
        "name": "a.weight",
        "facts": "3×2",
        "numbers": "mean 0",
        "warning": "",
        "mark": "",
        "is_said": False,
        "thumbnail": np.ones((3, 2)),
        "is_kernels": False,
        "counts": (1, 0, 4),
        "zero_bin": 0.5,
    }
    return Card(**{**usual, **fields})


def test_a_card_has_a_picture_and_a_bar_for_each_filled_bin():
    html = card_html(card(), LIGHT)
    assert html.count("data:image/png") == 1
    assert drawing(html, "loose-bars").count("<rect") == 2


def test_every_text_of_a_card_is_escaped():
    evil = "<script>'\""
    html = card_html(card(name=evil, facts=evil, numbers=evil, warning=evil, mark=evil), DARK)
    assert "<script>" not in html


def test_a_tensor_without_finite_numbers_has_a_card():
    html = card_html(card(thumbnail=np.full((2, 2), math.nan), counts=()), LIGHT)
    assert "loose-bars" not in html


def test_an_empty_matrix_has_no_picture():
    assert picture_html(np.empty((0, 0)), "a", LIGHT) == ""


def test_guesses_are_dashed_and_what_was_said_is_solid():
    rows = [Row(name, "2×2", np.ones((2, 2))) for name in ("a", "b", "<c>")]
    arcs = drawing(html := connections_html(rows, [(0, 1, True), (1, 2, False)], LIGHT), "loose-arcs")
    assert arcs.count("<path") == 2 and arcs.count("stroke-dasharray") == 1
    assert "alt='Connections: a to b (guess); b to &lt;c&gt;'" in html


def test_kernels_stand_side_by_side_with_gaps():
    sheet = kernel_sheet(np.arange(2 * 3 * 2 * 2.0).reshape(2, 3, 2, 2))
    assert sheet.shape == (5, 8)
    assert sheet[:2, 3:5].tolist() == [[4, 5], [6, 7]]
    assert np.isnan(sheet[2]).all() and np.isnan(sheet[:, 2]).all()
