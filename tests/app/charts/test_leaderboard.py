"""Figures against costs, confusions, and the wall of pictures."""

import base64
import io

import numpy as np
from PIL import Image

from app.charts.leaderboard import count_confusions, draw_confusions, draw_figures
from app.charts.picture_wall import SIDE, draw_picture_wall, wall_height
from app.charts.theme import DARK, LIGHT


def test_models_of_one_group_share_a_colour_and_are_named():
    figure = draw_figures(
        ["a", "b", "c"], ["x", "y", "x"], [1.0, 10.0, 100.0], [0.5, 0.6, 0.7],
        cost_title="seconds", figure_title="accuracy", theme=LIGHT,
    )  # fmt: skip
    assert [trace.name for trace in figure.data] == ["x", "y"]
    assert list(figure.data[0].x) == [1.0, 100.0] and list(figure.data[0].text) == ["a", "c"]
    assert figure.data[0].marker.color != figure.data[1].marker.color


def test_confusions_are_counted_by_true_class_and_answer():
    counts = count_confusions(np.array([0, 0, 1, 2, 2, 2]), np.array([0, 1, 1, 0, 2, 2]), 3)
    assert counts.tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 2]]


def test_a_class_without_networks_has_shares_of_zero():
    figure = draw_confusions(np.array([[3, 1], [0, 0]]), ["p", "q"], theme=DARK)
    assert np.asarray(figure.data[0].z).tolist() == [[0.75, 0.25], [0.0, 0.0]]
    assert np.asarray(figure.data[0].text).tolist() == [[3, 1], [0, 0]]


def test_pictures_stand_in_rows_in_their_order_and_are_enlarged():
    images = np.linspace(0, 1, 5)[:, None, None] * np.ones((5, 7, 7))
    spec = draw_picture_wall(images, [f"text {i}" for i in range(5)], columns=3)
    items = spec["series"][0]["data"]
    assert [item["value"] for item in items] == [[i % 3, i // 3, f"text {i}"] for i in range(5)]
    data = base64.b64decode(items[4]["symbol"].removeprefix("image://data:image/png;base64,"))
    picture = Image.open(io.BytesIO(data))
    assert picture.size == (SIDE, SIDE) and picture.getpixel((0, 0)) == 255
    assert wall_height(5, 3) > wall_height(3, 3) == wall_height(1, 3)
