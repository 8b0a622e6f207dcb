"""Drawing and clicking on the map in a browser, at places that follow from what the map shows."""

import numpy as np
from playwright.sync_api import expect

MAP = '[data-testid="stEChartsChart"][aria-busy="false"] canvas'
LASSO = {"x": 30, "y": 22}


def draw_lasso(page, corners):
    """Take the lasso and draw it through corners, as shares of the drawing's width and height."""
    chart = page.locator(MAP).first
    chart.click(position=LASSO)
    chart.hover(position=_place(chart.bounding_box(), corners[0]))
    expect(chart).to_have_css("cursor", "crosshair")
    box = chart.bounding_box()
    page.mouse.down()
    for corner in (*corners[1:], corners[0]):
        place = _place(box, corner)
        page.mouse.move(box["x"] + place["x"], box["y"] + place["y"], steps=6)
    page.mouse.up()


def click_a_point(page, zoo, *, method, unlike=None):
    """Click the point that lies farthest from all others, and return the id of its network.

    Args:
        page: On the map of the zoo, as it opens.
        zoo: Name of the zoo.
        method: Name of the layout.
        unlike: Id of a network whose point is not meant.
    """
    chart = page.locator(MAP).first
    chart.wait_for()
    ids, places = _points(zoo, method, chart.bounding_box())
    distances = np.linalg.norm(places[:, None] - places, axis=-1)
    np.fill_diagonal(distances, np.inf)
    loneliest = next(row for row in distances.min(axis=1).argsort()[::-1] if ids[row] != unlike)
    x, y = places[loneliest]
    chart.click(position={"x": float(x), "y": float(y)})
    return ids[loneliest]


def _place(box, shares):
    """The place in a box that shares of its width and height mean."""
    return {"x": shares[0] * box["width"], "y": shares[1] * box["height"]}


def _points(zoo_name, method, box):
    """Ids of the networks on a zoo's first map, and the places (networks, 2) of their points in its drawing."""
    from app import cached, map_data
    from app.charts.zoo_map import draw_zoo_map
    from app.map import colourings

    zoo = cached.zoo(zoo_name)
    card = next(iter(map_data.models_for(zoo_name).values()), None)
    seen = map_data.points(zoo, card)
    x, y = map_data.coordinates(seen, method).numpy().T
    table = colourings.table(zoo, seen).assign(x=x, y=y)
    drawn = draw_zoo_map(table, next(iter(colourings.choices(zoo, seen).values())))
    shares = np.stack([_along(drawn["xAxis"], x), 1 - _along(drawn["yAxis"], y)], axis=1)
    grid = drawn["grid"]
    first = np.array([grid["left"], grid["top"]])
    last = np.array([box["width"] - grid["right"], box["height"] - grid["bottom"]])
    return table["id"].tolist(), first + shares * (last - first)


def _along(axis, values):
    """Values as shares of an axis."""
    return (values - axis["min"]) / (axis["max"] - axis["min"])
