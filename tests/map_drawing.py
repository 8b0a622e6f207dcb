"""Drawing and clicking on the map in a browser, at places that follow from what the map shows."""

import numpy as np

MAP = "canvas.marks"
MARGIN = 28  # pixels that the map leaves round its points


def draw_lasso(page, corners):
    """Take the lasso and draw it through corners, as shares of the drawing's width and height."""
    page.locator("[data-tool=lasso]").first.click()
    chart = page.locator(MAP).first
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    x, y = _place(box, corners[0])
    page.mouse.move(x, y)
    page.mouse.down()
    for corner in (*corners[1:], corners[0]):
        page.mouse.move(*_place(box, corner), steps=6)
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
    chart.scroll_into_view_if_needed()
    ids, places = _points(zoo, method, chart.bounding_box())
    distances = np.linalg.norm(places[:, None] - places, axis=-1)
    np.fill_diagonal(distances, np.inf)
    loneliest = next(row for row in distances.min(axis=1).argsort()[::-1] if ids[row] != unlike)
    x, y = places[loneliest]
    chart.click(position={"x": float(x), "y": float(y)})
    return ids[loneliest]


def _place(box, shares):
    """The place in a box that shares of its width and height mean."""
    return box["x"] + shares[0] * box["width"], box["y"] + shares[1] * box["height"]


def _points(zoo_name, method, box):
    """Ids of the networks on a zoo's first map, and the places (networks, 2) of their points in its drawing."""
    from app import cached, map_data

    zoo = cached.zoo(zoo_name)
    card = next(iter(map_data.models_for(zoo_name).values()), None)
    seen = map_data.points(zoo, card)
    points = map_data.coordinates(seen, method).numpy()
    low, high = points.min(axis=0), points.max(axis=0)
    sides = np.array([box["width"], box["height"]])
    scale = ((sides / 2 - MARGIN) / np.maximum((high - low) / 2, 1e-9)).min()
    places = sides / 2 + (points - (low + high) / 2) * scale * [1, -1]
    return zoo.metadata["id"].iloc[seen.positions].tolist(), places
