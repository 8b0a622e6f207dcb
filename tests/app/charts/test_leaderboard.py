"""Figures against costs, confusions, and the wall of pictures."""

import base64
import io

import numpy as np
from PIL import Image

from app.charts.leaderboard import count_confusions, draw_confusions, draw_figures
from app.charts.picture_wall import SIDE, draw_picture_wall, wall_height
from app.charts.theme import DARK, LIGHT


def test_models_of_one_group_share_a_colour_and_are_named():
    option = draw_figures(
        ["a", "b", "c"],
        ["x", "y", "x"],
        [1.5, 10.0, 12_345.0],
        [0.5, 0.6, 0.7],
        cost_title="seconds",
        figure_title="accuracy",
        theme=LIGHT,
    )
    first, second = option["series"]
    assert (first["name"], second["name"]) == ("x", "y")
    assert first["data"] == [[1.5, 0.5, "a", "1.5"], [12_345.0, 0.7, "c", "12,345"]]
    assert first["itemStyle"]["color"] != second["itemStyle"]["color"]
    assert (option["xAxis"]["type"], option["xAxis"]["name"], option["yAxis"]["name"]) == ("log", "seconds", "accuracy")


def test_confusions_are_counted_by_true_class_and_answer():
    counts = count_confusions(np.array([0, 0, 1, 2, 2, 2]), np.array([0, 1, 1, 0, 2, 2]), 3)
    assert counts.tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 2]]


def test_a_class_without_networks_has_shares_of_zero():
    option = draw_confusions(np.array([[3, 1], [0, 0]]), ["p", "q"], theme=DARK)
    assert [cell["value"] for cell in option["series"][0]["data"]] == [
        [0, 0, 75.0, 3, "p taken for p"],
        [1, 0, 25.0, 1, "p taken for q"],
        [0, 1, 0.0, 0, "q taken for p"],
        [1, 1, 0.0, 0, "q taken for q"],
    ]
    assert option["visualMap"]["inRange"]["color"] == [DARK.background, DARK.accent]


def test_long_names_of_classes_stand_aslant():
    def angle(names):
        return draw_confusions(np.eye(2, dtype=int), names)["xAxis"]["axisLabel"]["rotate"]

    assert angle(["0", "1"]) == 0 < angle(["Sandal", "Bag"])


def test_pictures_stand_in_rows_in_their_order_and_are_enlarged():
    images = np.linspace(0, 1, 5)[:, None, None] * np.ones((5, 7, 7))
    spec = draw_picture_wall(images, [f"text {i}" for i in range(5)], columns=3)
    items = spec["series"][0]["data"]
    assert [item["value"] for item in items] == [[i % 3, i // 3, f"text {i}"] for i in range(5)]
    data = base64.b64decode(items[4]["symbol"].removeprefix("image://data:image/png;base64,"))
    picture = Image.open(io.BytesIO(data))
    assert picture.size == (SIDE, SIDE) and picture.getpixel((0, 0)) == 255
    assert wall_height(5, 3) > wall_height(3, 3) == wall_height(1, 3)
