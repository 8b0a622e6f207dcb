"""A map in three dimensions as a Plotly figure."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from app.charts.colouring import NO_COLOUR, Colouring, palette_of, ticks_of
from app.charts.theme import LIGHT, Theme

if TYPE_CHECKING:
    from plotly.graph_objects import Figure, Scatter3d


def draw_space(
    points: np.ndarray,
    colouring: Colouring,
    ids: Sequence[str],
    kept: np.ndarray,
    *,
    selected: int | None = None,
    height: int = 600,
    theme: Theme = LIGHT,
) -> "Figure":
    """Points in space, a group per category or one with a colour bar; `customdata` is the row.

    Args:
        points: Places (networks, 3).
        colouring: A value per network.
        ids: Of the networks.
        kept: Which stand out; the others are grey.
        selected: A row to mark.
        height: Pixels.
        theme: Colours of the page.
    """
    from plotly.graph_objects import Figure, Scatter3d

    from app.charts.plotly_layout import with_layout

    figure = with_layout(Figure(), theme)
    axis = {"visible": False, "showspikes": False}
    figure.update_layout(
        height=height,
        scene={"xaxis": axis, "yaxis": axis, "zaxis": axis, "aspectmode": "data"},
        legend={"title": {"text": colouring.title}, "itemsizing": "constant"},
        uirevision="map",
    )
    shown = kept & (colouring.codes != NO_COLOUR)
    if not shown.all():
        rows = np.flatnonzero(~shown)
        marker = {"color": theme.muted, "opacity": 0.25, "size": 2.5}
        figure.add_trace(_trace(points, rows, colouring, ids, name="others", marker=marker))
    palette = palette_of(colouring, theme)
    for code, name in enumerate(colouring.categories if colouring.kind == "category" else ()):
        rows = np.flatnonzero(shown & (colouring.codes == code))
        marker = {"color": palette[code % len(palette)], "opacity": 0.85, "size": 3.5}
        figure.add_trace(_trace(points, rows, colouring, ids, name=name, marker=marker))
    if colouring.kind != "category":
        figure.add_trace(_numbers_trace(points, np.flatnonzero(shown), colouring, ids, palette))
    if selected is not None:
        x, y, z = points[selected].tolist()
        ring = {"color": "rgba(0,0,0,0)", "size": 12, "line": {"color": theme.text, "width": 4}}
        figure.add_trace(Scatter3d(x=[x], y=[y], z=[z], mode="markers", marker=ring, name="selected", hoverinfo="skip"))
    return figure


def _numbers_trace(
    points: np.ndarray, rows: np.ndarray, colouring: Colouring, ids: Sequence[str], palette: list[str]
) -> "Scatter3d":
    ticks = ticks_of(colouring)
    last = len(palette) - 1
    marker = {
        "color": colouring.codes[rows].astype(int),
        "cmin": 0,
        "cmax": last,
        "colorscale": [[i / last, colour] for i, colour in enumerate(palette)],
        "opacity": 0.85,
        "size": 3.5,
        "colorbar": {
            "title": {"text": colouring.title},
            "tickvals": [share * last for share, _ in ticks],
            "ticktext": [text for _, text in ticks],
        },
    }
    return _trace(points, rows, colouring, ids, name=colouring.title, marker=marker, showlegend=False)


def _trace(
    points: np.ndarray, rows: np.ndarray, colouring: Colouring, ids: Sequence[str], **options: object
) -> "Scatter3d":
    from html import escape

    from plotly.graph_objects import Scatter3d

    x, y, z = points[rows].T
    texts = [f"{escape(ids[row])}<br>{escape(colouring.title)}: {escape(colouring.text(row) or '–')}" for row in rows]
    return Scatter3d(
        x=x, y=y, z=z, mode="markers", customdata=rows, text=texts, hovertemplate="%{text}<extra></extra>", **options
    )
