"""The layered drawing of a neural graph, as options of an ECharts graph."""

import math
from typing import Any

import numpy as np

from app.charts.gaps import full_colour
from app.charts.theme import CATEGORIES, Theme, diverging
from app.graph_view import MAX_DRAWN_NODES, GraphView

WIDTH, HEIGHT = 1000.0, 800.0
COLUMN_HEIGHT = 40  # neurons one above the other; more stand in several columns
MAX_SYMBOL, MIN_SYMBOL = 17.0, 3.0


def draw_network_graph(
    view: GraphView,
    edges: np.ndarray,
    *,
    theme: Theme,
    node_values: np.ndarray | None = None,
    node_limit: float = 1.0,
    selected: int | None = None,
    is_small: bool = False,
    aspect: float = WIDTH / HEIGHT,
) -> dict[str, Any]:
    """Draw neurons in columns and edges between them.

    Args:
        view: The graph.
        edges: Numbers of the edges to draw.
        theme: Colours.
        node_values: (nodes,) numbers about zero that colour the neurons; None colours them by layer.
        node_limit: The number at which the colour is full.
        selected: The neuron whose edges stand out.
        is_small: Whether it is a small picture, without toolbox and with thinner lines.
        aspect: Width of the drawing as a multiple of its height.

    Returns:
        Options whose series has the neurons of `drawn_nodes` as data, in that order.
    """
    nodes = drawn_nodes(view, edges)
    place = positions(view) * (aspect * HEIGHT / WIDTH, 1.0)
    colours = node_colours(view, node_values, node_limit, theme)
    sizes = symbol_sizes(place, view)
    factor = 0.6 if is_small else 1.0
    thickness = factor * min(1.0, max(0.45, (250 / max(len(edges), 1)) ** 0.5))
    data = [
        _node(view, int(node), place[node], colours[node], sizes[node] * factor, theme, is_selected=node == selected)
        for node in nodes
    ]
    toolbox = {"feature": {"restore": {"title": "Whole graph"}}, "right": 4}
    return {
        "tooltip": {"confine": True},
        "animation": False,
        **({} if is_small else {"toolbox": toolbox}),
        "series": [
            {
                "type": "graph",
                "layout": "none",
                "preserveAspect": True,
                "roam": not is_small,
                "scaleLimit": {"min": 0.5, "max": 12},
                "selectedMode": False if is_small else "single",
                "data": [*data, *_layer_names(view, place, theme, is_small=is_small)],
                "links": _links(view, edges, theme, selected, thickness),
                "emphasis": {"focus": "adjacency", "lineStyle": {"opacity": 1}, "label": {"show": False}},
                "blur": {"lineStyle": {"opacity": 0.03}, "itemStyle": {"opacity": 0.25}},
                "select": {"itemStyle": {"borderColor": theme.muted, "borderWidth": 1}},
                "left": 34,
                "right": 34,
                "top": 34 if not is_small else 8,
                "bottom": 26 if not is_small else 8,
            }
        ],
    }


def _layer_names(view: GraphView, place: np.ndarray, theme: Theme, *, is_small: bool) -> list[dict[str, Any]]:
    """Invisible nodes below the columns that carry the names of the layers."""
    names = []
    for number, layer in enumerate(view.layers):
        columns = place[layer.start : layer.start + layer.size]
        function = "" if layer.activation == "none" else f" · {layer.activation}"
        text = f"{layer.size}" if is_small else f"{layer.name}{function}\n{layer.size:,}"
        label = {"show": True, "formatter": text, "color": theme.text, "fontSize": 11, "lineHeight": 15}
        label |= {"position": "inside"}
        names.append(
            {
                "id": f"layer{number}",
                "name": layer.name,
                "x": float(columns[:, 0].mean()),
                "y": HEIGHT + 52,
                "symbol": "rect",
                "symbolSize": [60, 20],
                "itemStyle": {"color": "rgba(0,0,0,0)"},
                "label": label,
                "tooltip": {"show": False},
                "emphasis": {"disabled": True},
                "blur": {"label": {"opacity": 1}},
            }
        )
    return names


def drawn_nodes(view: GraphView, edges: np.ndarray) -> np.ndarray:
    """The neurons that are drawn: all of them, or those of the drawn edges where there are too many."""
    if view.num_nodes <= MAX_DRAWN_NODES:
        return np.arange(view.num_nodes)
    return np.unique(np.concatenate([view.source[edges], view.target[edges]]))


def positions(view: GraphView) -> np.ndarray:
    """(nodes, 2) places: a column a layer, several narrow ones for wide layers, from left to right."""
    columns = [max(1, math.ceil(layer.size / COLUMN_HEIGHT)) for layer in view.layers]
    widths = np.array([math.sqrt(count) for count in columns])
    gaps = max(1, len(columns) - 1)
    free = WIDTH - (widths - 1).sum() / max(widths.sum(), 1) * WIDTH * 0.6
    starts = np.cumsum([0.0, *(free / gaps + (widths[:-1] - 1) / max(widths.sum(), 1) * WIDTH * 0.6)])
    places = np.empty((view.num_nodes, 2))
    for layer, count, width, x in zip(view.layers, columns, widths, starts, strict=True):
        rows = math.ceil(layer.size / count)
        column, row = np.divmod(np.arange(layer.size), rows)
        spread = (width - 1) / max(widths.sum(), 1) * WIDTH * 0.6
        places[layer.start : layer.start + layer.size, 0] = x + (
            spread * column / max(1, count - 1) if count > 1 else 0
        )
        in_column = np.minimum(rows, layer.size - column * rows)
        step = HEIGHT / max(rows, 1) if rows > 1 else 0
        step = min(step, HEIGHT / 8)
        places[layer.start : layer.start + layer.size, 1] = HEIGHT / 2 + (row - (in_column - 1) / 2) * step
    return places


def symbol_sizes(place: np.ndarray, view: GraphView) -> np.ndarray:
    """(nodes,) sizes in pixels, small enough that neurons do not cover each other."""
    sizes = []
    for layer in view.layers:
        own = place[layer.start : layer.start + layer.size]
        pitches = [np.diff(np.unique(np.round(own[:, axis], 3))) for axis in (0, 1)]
        pitch = min((float(steps.min()) for steps in pitches if len(steps)), default=HEIGHT / 8)
        sizes.append(min(max(0.5 * pitch, MIN_SYMBOL), MAX_SYMBOL))
    return np.repeat(sizes, [layer.size for layer in view.layers])


def node_colours(view: GraphView, values: np.ndarray | None, limit: float, theme: Theme) -> list[str]:
    """(nodes,) colours by numbers about zero; by layer where there are none."""
    if values is None:
        return [CATEGORIES[i % len(CATEGORIES)] for i in view.node_layer]
    return diverging(values, limit, theme)


def _node(
    view: GraphView, node: int, place: np.ndarray, colour: str, size: float, theme: Theme, *, is_selected: bool
) -> dict[str, Any]:
    border = {"borderColor": theme.accent, "borderWidth": 3} if is_selected else {"borderColor": theme.muted}
    item: dict[str, Any] = {
        "id": str(node),
        "name": view.node_name(node),
        "x": round(float(place[0]), 1),
        "y": round(float(place[1]), 1),
        "symbolSize": round(size * (1.4 if is_selected else 1.0), 1),
        "itemStyle": {"color": colour, "borderWidth": 1, **border},
    }
    if view.has_bias[node]:
        item["value"] = float(f"{view.bias[node]:.4g}")
    if is_selected:
        item["select"] = {"itemStyle": border}
    return item


def _links(
    view: GraphView, edges: np.ndarray, theme: Theme, selected: int | None, factor: float
) -> list[dict[str, Any]]:
    """The edges, the weakest first, so that the strong ones lie on top; those of the selected neuron on top of all."""
    limit = edge_limit(view)
    is_own = (view.source[edges] == selected) | (view.target[edges] == selected)
    order = edges[np.lexsort((np.abs(view.value[edges]), is_own))]
    share = np.minimum(np.abs(view.value[order]) / limit, 1)
    dense = 1 if len(edges) <= 150 else 0.75 if len(edges) <= 500 else 0.55
    links = []
    for number, part in zip(order.tolist(), share.tolist(), strict=True):
        source, target = int(view.source[number]), int(view.target[number])
        is_dim = selected is not None and selected not in (source, target)
        style = line_style(view, number, part, theme)
        style["width"] = round(style["width"] * factor, 2)
        style["opacity"] = round(style["opacity"] * (0.18 if is_dim else 1 if selected is not None else dense), 3)
        value = float(f"{view.value[number]:.4g}")
        links.append({"source": str(source), "target": str(target), "value": value, "lineStyle": style})
    return links


def line_style(view: GraphView, number: int, part: float, theme: Theme) -> dict[str, Any]:
    """Colour, width and opacity of an edge whose size is so large a part of the largest."""
    if not view.is_weight[number]:
        return {"color": theme.muted, "width": 1.0, "opacity": 0.7, "type": "dashed", "curveness": 0.25}
    colour = theme.negative if view.value[number] < 0 else theme.positive
    return {"color": colour, "width": round(0.4 + 3.2 * part, 2), "opacity": 0.15 + 0.8 * part}


def edge_limit(view: GraphView) -> float:
    """The |weight| at which colour and width are full: the 99.5th percentile, so that outliers do not pale the rest."""
    return full_colour(view.value[view.is_weight], 0.995)
