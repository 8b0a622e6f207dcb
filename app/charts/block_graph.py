"""The blocks of a neural graph from top to bottom, as options of an ECharts graph: a row a depth, branches abreast."""

import math
from collections import defaultdict
from typing import Any

from app.block_map import BlockMap, Link, Unit
from app.block_names import shortened
from app.charts.theme import CATEGORIES, Theme

WIDTH = 560.0  # pixels of a usual window's drawing; the browser stretches it, and a row is as high as its pixels
ROW, NAMES_ROW, MIN_ROW = 36, 50, 14
MARGIN, MAX_HEIGHT = 34, 6000
MAX_BESIDE = 3  # units of a row whose names stand beside them, not below
LETTER = 6.0
SHORT_REACH = 40  # pixels that a line beside the middle bends
LOOP = 26  # pixels that a recurrence of one block reaches to its right

FAMILIES = {
    "input": ("input", "tokens"),
    "weights": ("linear", "convolution", "transposed convolution", "embedding"),
    "norm": ("batch norm", "layer norm", "group norm", "instance norm", "rms norm", "map norm", "norm"),
    "attention": ("attention",),
    "gate": ("gate",),
    "state": ("state",),
    "learned constant": ("constant", "positions"),
}
OTHER = "sum, product, other"


def family_of(unit: Unit) -> str:
    """What its colour says of a unit."""
    return next((name for name, kinds in FAMILIES.items() if unit.kind in kinds), OTHER)


def families(units: BlockMap) -> list[str]:
    """The families of a graph's units, in the order of their colours."""
    present = {family_of(unit) for unit in units.units}
    return [name for name in (*FAMILIES, OTHER) if name in present]


def row_height(units: BlockMap) -> float:
    """Pixels from row to row: less where there are very many."""
    wished = NAMES_ROW if any(len(row) > MAX_BESIDE for row in units.rows) else ROW
    return max(MIN_ROW, min(wished, (MAX_HEIGHT - 2 * MARGIN) / len(units.rows)))


def chart_height(units: BlockMap) -> int:
    """Pixels of the whole drawing."""
    return round(row_height(units) * (len(units.rows) - 1) + 2 * MARGIN)


def draw_block_graph(units: BlockMap, *, theme: Theme, selected: int | None = None) -> dict[str, Any]:
    """Draw units as bars whose length grows with their number of neurons.

    Returns:
        Options whose series has the units as its first data, in their order.
    """
    places = unit_places(units)
    names = families(units)
    framed = frames(units, places)
    data = [
        _unit(units, number, places[number], names.index(family_of(unit)), theme, is_framed=unit.group in framed)
        | ({"itemStyle": _selected_style(names.index(family_of(unit)), theme)} if number == selected else {})
        for number, unit in enumerate(units.units)
    ]
    height = row_height(units) * (len(units.rows) - 1)
    helpers = [_hidden("corner0", 0, 0), _hidden("corner1", WIDTH, height)]
    lines: list[dict[str, Any]] = []
    for number, (title, (left, top, right, bottom)) in enumerate(framed.items()):
        corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
        helpers += [_hidden(f"frame{number}.{i}", x, y) for i, (x, y) in enumerate(corners)]
        helpers.append(_title(number, title, left, top, theme))
        lines += [_frame_line(number, i, theme) for i in range(4)]
    for link in units.links:
        if link.source == link.target:
            x, y = places[link.source]
            helpers.append(_hidden(f"loop{link.source}", x + LOOP, y))
    links = [line for link in units.links for line in _links(units, link, places, theme)]
    return {
        "tooltip": {"confine": True},
        "animation": False,
        "series": [
            {
                "type": "graph",
                "layout": "none",
                "roam": False,
                "selectedMode": "single",
                "data": data + helpers,
                "links": lines + links,
                "edgeSymbol": ["none", "arrow"],
                "edgeSymbolSize": 6,
                "labelLayout": {"hideOverlap": True},
                "emphasis": {"focus": "adjacency", "lineStyle": {"opacity": 1}},
                "blur": {"lineStyle": {"opacity": 0.12}, "itemStyle": {"opacity": 0.3}, "label": {"opacity": 0.35}},
                "select": {"itemStyle": {"borderColor": theme.accent, "borderWidth": 2}},
                "left": 24,
                "right": 24,
                "top": MARGIN,
                "bottom": MARGIN,
            }
        ],
    }


def unit_places(units: BlockMap) -> list[tuple[float, float]]:
    """Where each unit stands: those of a row as far apart as it allows, the rows one below the other."""
    step = row_height(units)
    places = [(0.0, 0.0)] * len(units.units)
    for depth, row in enumerate(units.rows):
        for rank, unit in enumerate(row):
            places[unit] = ((rank + 0.5) / len(row) * WIDTH, depth * step)
    return places


def frames(units: BlockMap, places: list[tuple[float, float]]) -> dict[str, tuple[float, float, float, float]]:
    """Left, top, right and bottom of a frame around each attention and recurrence; none where others stand within."""
    members: dict[str, list[int]] = defaultdict(list)
    for number, unit in enumerate(units.units):
        if unit.group is not None:
            members[unit.group].append(number)
    step, found = row_height(units), {}
    for title, own in members.items():
        across = min(WIDTH / len(units.rows[units.depth[unit]]) for unit in own) * 0.46
        xs, ys = [places[unit][0] for unit in own], [places[unit][1] for unit in own]
        box = (max(min(xs) - across, 0), min(ys) - 0.42 * step, min(max(xs) + across, WIDTH), max(ys) + 0.5 * step)
        others = (place for number, place in enumerate(places) if number not in own)
        if len(own) > 1 and not any(box[0] <= x <= box[2] and box[1] <= y <= box[3] for x, y in others):
            found[title] = box
    return found


def _unit(
    units: BlockMap, number: int, place: tuple[float, float], colour: int, theme: Theme, *, is_framed: bool
) -> dict[str, Any]:
    unit, beside = units.units[number], len(units.rows[units.depth[number]])
    function = "" if unit.activation == "none" else f" · {unit.activation}"
    is_beside = beside <= MAX_BESIDE
    length = 12 + 5 * math.log2(1 + unit.size)
    cell, is_last = WIDTH / beside, units.rank[number] == beside - 1
    room = cell - 4 if not is_beside else cell / 2 + 16 - length / 2 if is_last else cell - length - 12
    name = unit.label if is_framed else unit.name
    size = f" · {unit.size:,}{function if is_beside else ''}"
    text = shortened(name, max(1, int(room / LETTER) - len(size))) + size
    return {
        "id": f"unit{number}",
        "name": f"{unit.name} · {unit.kind} · {unit.size:,} neurons{function}",
        "x": round(place[0], 1),
        "y": round(place[1], 1),
        "symbol": "roundRect",
        "symbolSize": [round(min(length, 0.8 * WIDTH / beside), 1), 13],
        "itemStyle": {"color": CATEGORIES[colour], "borderColor": theme.background, "borderWidth": 1},
        "label": {
            "show": True,
            "formatter": text.replace("{", "(").replace("}", ")"),
            "position": "right" if is_beside else "bottom",
            "distance": 5 if is_beside else 4,
            "color": theme.text,
            "fontSize": 11,
            "textBorderColor": theme.background,
            "textBorderWidth": 3,
        },
    }


def _selected_style(colour: int, theme: Theme) -> dict[str, Any]:
    return {"color": CATEGORIES[colour], "borderColor": theme.text, "borderWidth": 2}


def _hidden(name: str, x: float, y: float) -> dict[str, Any]:
    """A node that only holds a place."""
    return {
        "id": name,
        "name": name,
        "x": round(x, 1),
        "y": round(y, 1),
        "symbolSize": 0.1,
        "itemStyle": {"color": "rgba(0,0,0,0)"},
        "label": {"show": False},
        "tooltip": {"show": False},
        "emphasis": {"disabled": True},
    }


def _title(number: int, title: str, left: float, top: float, theme: Theme) -> dict[str, Any]:
    label = {"show": True, "formatter": shortened(title, 44).replace("{", "(").replace("}", ")"), "position": "right"}
    style = {"color": theme.muted, "fontSize": 11, "fontStyle": "italic", "distance": 6}
    style |= {"textBorderColor": theme.background, "textBorderWidth": 3}
    return _hidden(f"title{number}", left, top) | {"label": {**label, **style}}


def _frame_line(number: int, corner: int, theme: Theme) -> dict[str, Any]:
    return {
        "source": f"frame{number}.{corner}",
        "target": f"frame{number}.{(corner + 1) % 4}",
        "symbol": ["none", "none"],
        "lineStyle": {"color": theme.muted, "width": 1, "opacity": 0.5, "type": "dotted"},
        "tooltip": {"show": False},
        "emphasis": {"disabled": True},
    }


def _links(units: BlockMap, link: Link, places: list[tuple[float, float]], theme: Theme) -> list[dict[str, Any]]:
    """The line of a link; two where a recurrence leads from a unit to itself."""
    colour = theme.accent if link.is_backward else theme.text if link.is_weight else theme.muted
    style: dict[str, Any] = {"color": colour, "opacity": 0.75 if link.is_backward else 0.5}
    style |= {"width": round(0.8 + 0.25 * math.log10(1 + link.num_edges), 2)}
    style |= {} if link.is_weight else {"type": "dashed"}
    name = f"{', '.join(link.kinds)}: {link.num_edges:,} edges"
    source, target = f"unit{link.source}", f"unit{link.target}"
    if link.source == link.target:
        loop, bent = f"loop{link.source}", {**style, "curveness": 0.7}
        there = {"source": source, "target": loop, "value": name, "lineStyle": bent, "symbol": ["none", "none"]}
        return [there, {"source": loop, "target": target, "value": name, "lineStyle": bent}]
    style["curveness"] = _bend(units, link, places)
    return [{"source": source, "target": target, "value": name, "lineStyle": style}]


def _bend(units: BlockMap, link: Link, places: list[tuple[float, float]]) -> float:
    """Lines to the next row are straight; longer ones pass the rows between on their outer side, recurrences right."""
    span = units.depth[link.target] - units.depth[link.source]
    (x1, y1), (x2, y2) = places[link.source], places[link.target]
    length = math.dist((x1, y1), (x2, y2))
    if span == 1 or not length:
        return 0.0
    is_aside = abs(x1 + x2 - WIDTH) > WIDTH / 50
    reach = SHORT_REACH if is_aside else min(60 + 14 * abs(span), 190)
    is_right = span > 0 and is_aside and x1 + x2 > WIDTH
    return round(min(2 * reach / length, 0.9), 3) * (1 if is_right else -1)
