"""A neural graph as a drawing on one stand-alone HTML page."""

import html
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ngcore.text import clean_text

if TYPE_CHECKING:
    from ngcore.graph import NeuralGraph

MAX_EDGES = 2_000
NODE_GAP = 18
BLOCK_GAP = 240
MARGIN = 50
MAX_WIDTH = 3.0  # of the line of the largest weight, in pixels
POSITIVE, NEGATIVE = "#2166ac", "#b2182b"

PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>
:root {{ color-scheme: light dark }}
body {{ font: 15px system-ui, sans-serif; margin: 2rem }}
circle {{ fill: Canvas; stroke: CanvasText }}
text {{ fill: CanvasText; font-size: 12px; text-anchor: middle }}
line {{ stroke-opacity: .7 }}
</style>
<h1>{title}</h1>
<p>{about}</p>
<p><span style="color:{positive}">━</span> positive, <span style="color:{negative}">━</span> negative; width shows
magnitude. Hover over a neuron or an edge for its values.</p>
<svg viewBox="0 0 {width} {height}" width="{width}" role="img" aria-label="{about}">
{shapes}
</svg></html>
"""


def draw_page(graph: "NeuralGraph", *, title: str) -> str:
    """The page of a stack of one: neurons in columns, the largest edges by |weight| (kernels by their norm)."""
    structure = graph.structure
    places = _places([block.size for block in structure.node_blocks])
    edges, num_edges = _edges(graph, places)
    nodes = _nodes(graph, places)
    shown = f"{len(edges):,} of {num_edges:,} edges are drawn, the largest by |weight|."
    height = max(y for _, y in places) + MARGIN
    return PAGE.format(
        title=html.escape(clean_text(title)),
        about=html.escape(f"{structure.architecture.name}: {structure.num_nodes:,} nodes. {shown}"),
        positive=POSITIVE,
        negative=NEGATIVE,
        width=BLOCK_GAP * (len(structure.node_blocks) - 1) + 2 * MARGIN,
        height=height,
        shapes="\n".join([*edges, *nodes]),
    )


def _places(sizes: Sequence[int]) -> list[tuple[float, float]]:
    """Where each neuron is drawn, one column per block."""
    middle = MARGIN + NODE_GAP * max(sizes) / 2
    return [
        (float(MARGIN + BLOCK_GAP * column), middle + NODE_GAP * (row - (size - 1) / 2))
        for column, size in enumerate(sizes)
        for row in range(size)
    ]


def _edges(graph: "NeuralGraph", places: Sequence[tuple[float, float]]) -> tuple[list[str], int]:
    """The largest edges as lines, the largest last, and how many edges there are."""
    import torch

    from ngcore.graph import block_edge_index

    features = torch.cat([block[0].flatten(0, 2) for block in graph.edge_features]).double()  # edges, kernel area
    sizes, signs = features.norm(dim=1), features.sum(dim=1)
    index = block_edge_index(graph.structure)
    chosen = sizes.topk(min(MAX_EDGES, len(sizes))).indices.flip(0).tolist()
    largest = max(float(sizes.max()), 1e-12)
    lines = []
    for edge in chosen:
        source, target = index[:, edge].tolist()
        (x1, y1), (x2, y2) = places[source], places[target]
        color = POSITIVE if signs[edge] >= 0 else NEGATIVE
        width = max(0.1, MAX_WIDTH * float(sizes[edge]) / largest)
        ends = f'x1="{x1:.0f}" y1="{y1:.1f}" x2="{x2:.0f}" y2="{y2:.1f}"'
        value = f"{float(signs[edge]):.4g}" if features.shape[1] == 1 else f"kernel of norm {float(sizes[edge]):.4g}"
        title = f"<title>{source} → {target}: {value}</title>"
        lines.append(f'<line {ends} stroke="{color}" stroke-width="{width:.2f}">{title}</line>')
    return lines, len(sizes)


def _nodes(graph: "NeuralGraph", places: Sequence[tuple[float, float]]) -> list[str]:
    biases = graph.node_features[0, :, 0].tolist()
    shapes = []
    for block in graph.structure.node_blocks:
        for node in range(block.start, block.stop):
            x, y = places[node]
            text = f"neuron {node}" + ("" if block.layer is None else f": bias {biases[node]:.4g}")
            shapes.append(f'<circle cx="{x:.0f}" cy="{y:.1f}" r="6"><title>{text}</title></circle>')
        x = places[block.start][0]
        name = block.role if block.activation == "none" else f"{block.role}, {block.activation}"
        shapes.append(f'<text x="{x:.0f}" y="20">{block.size} {name}</text>')
    return shapes
