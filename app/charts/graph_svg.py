"""The layered drawing of a neural graph as an SVG file, with a key; the same places and colours as on the page."""

from collections.abc import Iterator
from html import escape
from typing import NamedTuple

import numpy as np

from app.charts.colours import CATEGORIES
from app.charts.network_graph import (
    HEIGHT,
    WIDTH,
    columns_of,
    drawn_nodes,
    edge_limit,
    fitting_name,
    line_style,
    name_places,
    node_colours,
    positions,
    symbol_sizes,
)
from app.charts.theme import LIGHT, Theme
from app.graph_view import GraphView

SIDE, TOP, BOTTOM = 70, 70, 130
SCALE = 1.5  # of symbols and lines, whose sizes are meant for drawings of 560 px
BAR, BAR_HEIGHT = 150, 12
MAX_KEYS = 10  # of layers in the key of colours
LETTER, MIN_LETTERS, MAX_NAMES_IN_LINE = 9.0, 10, 8


class NodeValues(NamedTuple):
    """What colours the neurons.

    Attributes:
        title: What the numbers are.
        values: (nodes,) numbers about zero.
        limit: The number at which the colour is full.
    """

    title: str
    values: np.ndarray
    limit: float


def draw_graph_svg(
    view: GraphView,
    edges: np.ndarray,
    *,
    title: str,
    edge_title: str = "weight",
    nodes: NodeValues | None = None,
    theme: Theme = LIGHT,
) -> str:
    """Draw neurons in columns and edges between them.

    Args:
        view: The graph.
        edges: Numbers of the edges to draw.
        title: Of the drawing; any text, it is escaped.
        edge_title: What the sizes of edges are.
        nodes: What colours the neurons; None colours them by layer.
        theme: Colours.
    """
    width, height = WIDTH + 2 * SIDE, HEIGHT + TOP + BOTTOM
    place = positions(view) + np.array([SIDE, TOP])
    colours = node_colours(view, nodes.values if nodes else None, nodes.limit if nodes else 1.0, theme)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
        f'height="{height:g}" font-family="sans-serif" font-size="15" fill="{theme.text}" role="img">',
        f"<title>{escape(title)}</title>",
        _gradients(theme),
        f'<rect width="100%" height="100%" fill="{theme.background}"/>',
        _text(SIDE, 36, title, size=20),
        "<g>",
        *_lines(view, edges, place, theme),
        "</g>",
        "<g>",
        *_circles(view, drawn_nodes(view, edges), place, colours, theme),
        "</g>",
        *_layer_names(view, place),
        *_key(view, edge_title, nodes, theme, y=height - 28),
        "</svg>",
    ]
    return "\n".join(parts)


def _lines(view: GraphView, edges: np.ndarray, place: np.ndarray, theme: Theme) -> Iterator[str]:
    """The edges, the weakest first, so that the strong ones lie on top."""
    limit = edge_limit(view)
    for number in edges[np.argsort(np.abs(view.value[edges]), kind="stable")].tolist():
        style = line_style(view, number, min(abs(float(view.value[number])) / limit, 1.0), theme)
        (x1, y1), (x2, y2) = place[view.source[number]], place[view.target[number]]
        pen = f'stroke="{style["color"]}" stroke-width="{SCALE * style["width"]:.2f}" opacity="{style["opacity"]:.2f}"'
        bend = style.get("curveness", 0.0)
        if not bend:
            yield f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" {pen}/>'
            continue
        x, y = (x1 + x2) / 2 - bend * (y1 - y2), (y1 + y2) / 2 - bend * (x2 - x1)
        dashes = "" if view.is_weight[number] else ' stroke-dasharray="6 5"'
        path = f"M{x1:.1f} {y1:.1f}Q{x:.1f} {y:.1f} {x2:.1f} {y2:.1f}"
        yield f'<path d="{path}" fill="none"{dashes} {pen}/>'


def _circles(view: GraphView, nodes: np.ndarray, place: np.ndarray, colours: list[str], theme: Theme) -> Iterator[str]:
    radii = SCALE * symbol_sizes(place, view) / 2
    for node in nodes.tolist():
        x, y = place[node]
        bias = f", bias {view.bias[node]:.4g}" if view.has_bias[node] else ""
        yield (
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radii[node]:.1f}" fill="{colours[node]}" stroke="{theme.muted}">'
            f"<title>{escape(view.node_name(node) + bias)}</title></circle>"
        )


def _layer_names(view: GraphView, place: np.ndarray) -> Iterator[str]:
    """Names below the layers, in two lines where all stand in one line and those would touch."""
    columns = columns_of(view)
    letters = max(MIN_LETTERS, int(WIDTH / len(columns) / LETTER))
    for number, (x, y) in name_places(view, place - (SIDE, TOP)).items():
        layer = view.layers[number]
        function = "" if layer.activation == "none" else f" · {layer.activation}"
        if [number] in columns:
            is_low = columns.index([number]) % 2 and len(columns) > MAX_NAMES_IN_LINE
            y += (28 if is_low else -10) + TOP
            yield _text(x + SIDE, y, f"{fitting_name(layer, letters)}{function}", anchor="middle")
            yield _text(x + SIDE, y + 18, f"{layer.size:,}", anchor="middle")
        else:
            yield _text(
                x + SIDE, y + TOP + 8, f"{fitting_name(layer, letters)} · {layer.size:,}", anchor="middle", size=12
            )


def _gradients(theme: Theme) -> str:
    """The scales of the key: of edges and of neurons."""
    scales = {
        "edges": (theme.negative, theme.muted, theme.positive),
        "nodes": (theme.negative, theme.zero, theme.positive),
    }
    found = []
    for name, colours in scales.items():
        stops = (
            f'<stop offset="{i / (len(colours) - 1):g}" stop-color="{colour}"/>' for i, colour in enumerate(colours)
        )
        found.append(f'<linearGradient id="{name}">{"".join(stops)}</linearGradient>')
    return f"<defs>{''.join(found)}</defs>"


def _key(view: GraphView, edge_title: str, nodes: NodeValues | None, theme: Theme, *, y: float) -> Iterator[str]:
    limit = edge_limit(view)
    wedge = f"0 {-BAR_HEIGHT / 2},{BAR / 2} -1,{BAR} {-BAR_HEIGHT / 2},{BAR} {BAR_HEIGHT / 2},{BAR / 2} 1,0 6"
    shape = f'<polygon points="{wedge}" fill="url(#edges)"/>'
    yield _scale(SIDE, y, edge_title, f"−{limit:.3g}", f"+{limit:.3g}", shape)
    x = SIDE + WIDTH / 2
    if nodes is not None:
        shape = f'<rect y="{-BAR_HEIGHT / 2}" width="{BAR}" height="{BAR_HEIGHT}" rx="2" fill="url(#nodes)"/>'
        yield _scale(x, y, f"neurons: {nodes.title}", f"−{nodes.limit:.3g}", f"+{nodes.limit:.3g}", shape)
        return
    for number, layer in enumerate(view.layers[:MAX_KEYS]):
        colour = CATEGORIES[number % len(CATEGORIES)]
        yield f'<circle cx="{x:.1f}" cy="{y - 5:.1f}" r="6" fill="{colour}" stroke="{theme.muted}"/>'
        yield _text(x + 12, y, layer.name)
        x += 28 + 8.5 * len(layer.name)


def _scale(x: float, y: float, title: str, low: str, high: str, shape: str) -> str:
    start = x + 8.5 * len(title) + 8.5 * len(low) + 22
    return (
        f"{_text(x, y, title)}{_text(start - 8, y, low, anchor='end')}"
        f'<g transform="translate({start:.1f} {y - 5:.1f})">{shape}</g>{_text(start + BAR + 8, y, high)}'
    )


def _text(x: float, y: float, text: str, *, anchor: str = "start", size: int | None = None) -> str:
    larger = f' font-size="{size}"' if size else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{larger}>{escape(text)}</text>'
