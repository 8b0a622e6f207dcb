"""The chart of what predictions are worth: the curve of measurements, level lines, and where they cross."""

from app.charts.accuracy_worth import draw_worth
from app.charts.theme import DARK

CURVE = {256: 0.8, 16: 0.5, 64: 0.7}
LINES = [("graph", 0.75, 128.0, True), ("trees", 0.4, 0.0, False), ("oracle", 0.95, float("inf"), True)]


def test_the_curve_runs_over_the_numbers_of_images_in_order():
    curve, *_ = draw_worth(CURVE, [], figure_title="τ")["series"]
    assert [point[:2] for point in curve["data"]] == [[16, 0.5], [64, 0.7], [256, 0.8]]


def test_a_line_crosses_the_whole_chart_and_has_a_dot_where_it_meets_the_curve():
    _, graph, trees, oracle = draw_worth(CURVE, LINES, figure_title="τ")["series"]
    assert [point["value"][:2] for point in graph["data"]] == [[16, 0.75], [128.0, 0.75], [256, 0.75]]
    assert [point["symbolSize"] > 1 for point in graph["data"]] == [False, True, False]
    assert graph["data"][1]["value"][2] == "worth about 128 images"
    for beyond in (trees, oracle):
        assert [point["value"][0] for point in beyond["data"]] == [16, 256]
        assert all(point["value"][2] == "beyond the curve" for point in beyond["data"])
    assert [line["lineStyle"]["type"] for line in (graph, trees, oracle)] == ["solid", "dashed", "solid"]


def test_the_ceiling_is_a_dotted_line_and_missing_figures_are_gaps():
    option = draw_worth(CURVE, [("none", None, None, False)], figure_title="τ", ceiling=0.99, theme=DARK)
    assert option["series"][-1]["data"] == [[16, 0.99], [256, 0.99]]
    assert option["series"][-1]["lineStyle"]["type"] == "dotted"
    assert option["series"][1]["data"][0]["value"][1] is None
    assert option["legend"]["textStyle"]["color"] == DARK.text


def test_a_study_without_measurements_can_be_drawn():
    assert draw_worth({}, [], figure_title="τ")["series"][0]["data"] == []
