"""The curve of a fit."""


def test_the_curve_ends_where_the_fit_is_and_the_axis_where_it_will_be():
    from app.charts.fit_curve import draw_fit_curve

    spec = draw_fit_curve([(1, 8.123), (50, 20.456)], 1000)
    assert spec["series"][0]["data"] == [[1, 8.12], [50, 20.46]] and spec["xAxis"]["max"] == 1000
