"""A neural graph as one HTML page that needs no connection: pyvis without its downloads."""

import re
from html import escape

import numpy as np
from pyvis.network import Network

from app.charts.network_graph import curveness, drawn_nodes, edge_limit, positions
from app.charts.theme import CATEGORIES, theme_for
from app.graph_view import GraphView
from ngcore.errors import NeuralGraphError

MAX_PAGE_EDGES = 1_000  # above that the page becomes slow to drag
_EXTERNAL = re.compile(
    r"<link\b[^>]*?href\s*=\s*[\"']?(?:https?:)?//[^>]*>"
    r"|<script\b[^>]*?src\s*=\s*[\"']?(?:https?:)?//[^>]*>\s*</script\s*>"
    r"|<!--\s*<link\b.*?-->",
    re.IGNORECASE | re.DOTALL,
)
_STYLE = "<style>body{{margin:0;background:{0}}}.card,#mynetwork{{border:0!important;background:{0}!important}}</style>"


def offline_page(view: GraphView, count: int, *, dark: bool = False, title: str = "Neural graph") -> str:
    """The page, with the `count` strongest weights, as many of each layer.

    Args:
        view: The graph.
        count: How many weights are drawn, at most `MAX_PAGE_EDGES`.
        dark: Whether its background is dark.
        title: Of the page; any text, it is escaped.

    Raises:
        NeuralGraphError: If more weights are asked for.
    """
    if count > MAX_PAGE_EDGES:
        raise NeuralGraphError(f"Expected at most {MAX_PAGE_EDGES:,} weights on a page, got {count:,}.")
    theme = theme_for("dark" if dark else "light")
    drawing = Network(
        height="500px",
        width="100%",
        directed=True,
        cdn_resources="in_line",
        bgcolor=theme.background,
        font_color=theme.text,
    )
    drawing.toggle_physics(False)
    edges, place = view.strongest_of_layers(count), positions(view)
    for node in drawn_nodes(view, edges).tolist():
        bias = f", bias {view.bias[node]:.4g}" if view.has_bias[node] else ""
        drawing.add_node(
            node,
            label=" ",
            title=escape(f"{view.node_name(node)}{bias}"),
            x=float(place[node, 0]),
            size=7,
            y=float(place[node, 1]),
            color=CATEGORIES[int(view.node_layer[node]) % len(CATEGORIES)],
            shape="dot",
            physics=False,
        )
    limit = edge_limit(view)
    for number in edges[np.argsort(np.abs(view.value[edges]))].tolist():
        value = float(view.value[number])
        part = min(abs(value) / limit, 1)
        colour = {"color": theme.negative if value < 0 else theme.positive, "opacity": 0.1 + 0.85 * part}
        drawing.add_edge(
            int(view.source[number]),
            int(view.target[number]),
            title=f"{value:.4g}",
            arrows="",
            physics=False,
            color=colour,
            width=0.3 + 3 * part,
            smooth={"type": "curvedCCW", "roundness": bend} if (bend := curveness(view, number)) else False,
        )
    return without_downloads(drawing.generate_html(), title=title, background=theme.background)


def without_downloads(html: str, *, title: str, background: str) -> str:
    """The page of pyvis without tags that fetch from other hosts, with a title and a background."""
    kept = _EXTERNAL.sub("", html)
    head = f'<meta charset="utf-8"><title>{escape(title)}</title>{_STYLE.format(background)}'
    return re.sub(r"<head>", lambda found: found.group() + head, kept, count=1)
