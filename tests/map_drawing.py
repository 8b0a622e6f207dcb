"""Drawing on the map in a browser."""

MAP = '[data-testid="stEChartsChart"] canvas'


def draw_lasso(page, box, corners):
    """Take the lasso and draw it through corners, as shares of the box."""
    page.mouse.click(box["x"] + 30, box["y"] + 22)
    page.wait_for_timeout(300)
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in (*corners, corners[0])]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=6)
    page.mouse.up()
