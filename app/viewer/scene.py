"""The scene of a network: its layout, names and statistics, sent once; edges and activations come apart from it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

import ngcore.graph
import ngcore.inr
from app.block_map import BlockMap, block_map
from app.viewer.edges import ends_of, is_whole
from app.viewer.matrices import Glance, glances_of, parameter_shapes_in_words
from app.viewer.packing import pack
from app.viewer.places import Layout, layout_of

if TYPE_CHECKING:
    import torch

    from ngcore.graph import EdgeBlock, GraphStructure
    from ngcore.networks import Architecture, Network

MAX_NAME = 120
OPEN_ITEMS, FEW_ITEMS = 2_500, 600
"""Drawn neurons up to which all layers are open at first, the latter in deep networks."""

COORDINATES = ("x", "y", "z", "t")
MAX_COORDINATES = 4


def opens_at_first(architecture: "Architecture") -> bool:
    """Whether all layers show their neurons at first."""
    layout = layout_of(architecture)
    most = OPEN_ITEMS if layout.is_roomy else FEW_ITEMS
    return layout.num_items <= most and is_whole(architecture)


def pack_scene(
    network: "Network", class_names: Sequence[str] = (), sizes: "Sequence[torch.Tensor] | None" = None
) -> bytes:
    """The scene as bytes, see `app.viewer.packing`.

    Arrays: "places" float32 (items, 2); "bias", "fan_in" float32 (items,), means over groups; "has_bias" uint8
    (items,); "cells" int8, the matrices of the units one after the other.

    Args:
        network: A stack whose first network is shown.
        class_names: Of its outputs, in order; a stranger's text.
        sizes: For every edge block what its edges are drawn as; None for their weights.
    """
    architecture = network.architecture
    structure, units, layout = (
        ngcore.graph.graph_structure(architecture),
        block_map(architecture),
        layout_of(architecture),
    )
    glances = glances_of(network, sizes)
    with np.errstate(over="ignore"):
        bias = ngcore.graph.node_features(network[:1].detach().to("cpu"))[0, :, 0].numpy().astype(np.float32)
    has_bias = _has_bias(structure)
    cells, first = [np.zeros(0, np.int8)], 0
    rows = []
    for number, unit in enumerate(units.units):
        row = _unit_row(units, number, layout, architecture, class_names)
        own = glances.of_units.get(number)
        if own is not None:
            row["glance"] = {"first": first, **_glance_row(own)}
            cells.append(own.cells.reshape(-1))
            first += own.cells.size
        row["node"] = structure.node_blocks[unit.blocks[0]].start
        rows.append(row)
    facts = {
        "units": rows,
        "links": _link_rows(units, layout),
        "blocks": [_block_row(structure, units, block) for block in structure.edge_blocks],
        "frames": _frames(units, layout),
        "opens": opens_at_first(architecture),
        "isWhole": is_whole(architecture),
        "numEdges": structure.num_edges,
        "numNodes": structure.num_nodes,
    }
    arrays = {
        "places": layout.positions().reshape(-1),
        "bias": per_item(bias, units, layout, structure),
        "fan_in": per_item(glances.fan_in, units, layout, structure),
        "has_bias": (per_item(has_bias, units, layout, structure) > 0).astype(np.uint8),
        "cells": np.concatenate(cells),
    }
    return pack(facts, arrays)


def pack_numbers(architecture: "Architecture", numbers: Mapping[str, np.ndarray]) -> bytes:
    """Numbers of neurons as bytes, see `app.viewer.packing`: float32 (items,) for each, by its name.

    Args:
        architecture: Of the network.
        numbers: (nodes,) each; what is not finite becomes 0.
    """
    structure, units, layout = (
        ngcore.graph.graph_structure(architecture),
        block_map(architecture),
        layout_of(architecture),
    )
    finite = {name: np.nan_to_num(values, posinf=0.0, neginf=0.0) for name, values in numbers.items()}
    return pack({}, {name: per_item(values, units, layout, structure) for name, values in finite.items()})


def per_item(values: np.ndarray, units: BlockMap, layout: Layout, structure: "GraphStructure") -> np.ndarray:
    """float32 (items,): numbers of neurons as numbers of what is drawn, means where these are groups."""
    found = []
    for number, unit in enumerate(units.units):
        start = structure.node_blocks[unit.blocks[0]].start
        own, per = values[start : start + unit.size], layout.grids[number].per_item
        if per > 1:
            bounds = np.arange(0, unit.size, per)
            own = np.add.reduceat(own, bounds) / np.diff([*bounds, unit.size])
        found.append(own)
    finite = np.nan_to_num(np.concatenate(found), nan=0.0, posinf=np.inf, neginf=-np.inf)
    return np.clip(finite, -3.4e38, 3.4e38).astype(np.float32)


def _has_bias(structure: "GraphStructure") -> np.ndarray:
    found = [
        np.full(block.size, bool(block.parameters) and block.parameters[0] is not None)
        for block in structure.node_blocks
    ]
    return np.concatenate(found).astype(np.float32)


def _unit_row(
    units: BlockMap, number: int, layout: Layout, architecture: "Architecture", class_names: Sequence[str]
) -> dict[str, Any]:
    unit, box, grid = units.units[number], layout.boxes[number], layout.grids[number]
    return {
        "name": unit.name[:MAX_NAME],
        "label": unit.label[:MAX_NAME],
        "kind": unit.kind[:MAX_NAME],
        "size": unit.size,
        "role": unit.role,
        "activation": "" if unit.activation == "none" else unit.activation,
        "depth": units.depth[number],
        "box": [round(side, 2) for side in (box.x, box.y, box.width, box.height)],
        "items": grid.items,
        "perItem": grid.per_item,
        "rows": grid.rows,
        "pitch": round(grid.pitch, 3),
        "side": grid.side,
        "first": layout.starts[number],
        "tensors": [text[:MAX_NAME] for text in parameter_shapes_in_words(architecture, unit.parameters)],
        "names": _item_names(units, number, architecture, class_names),
    }


def _item_names(units: BlockMap, number: int, architecture: "Architecture", class_names: Sequence[str]) -> list[str]:
    """Names of the neurons of a unit where they have one: classes, coordinates, colours."""
    unit = units.units[number]
    if unit.role == "output" and len(class_names) == unit.size:
        return [str(name)[:MAX_NAME] for name in class_names]
    if not ngcore.inr.is_inr(architecture):
        return []
    if unit.role == "input" and unit.size <= MAX_COORDINATES:
        return list(COORDINATES[: unit.size])
    return {1: ["brightness"], 3: ["red", "green", "blue"]}.get(unit.size, []) if unit.role == "output" else []


def _glance_row(own: Glance) -> dict[str, Any]:
    rows, columns = own.cells.shape
    return {
        "rows": rows,
        "columns": columns,
        "limit": own.limit,
        "counts": own.counts.tolist(),
        "largest": own.largest,
    }


def _link_rows(units: BlockMap, layout: Layout) -> list[dict[str, Any]]:
    return [
        {
            "source": link.source,
            "target": link.target,
            "kinds": list(link.kinds),
            "count": link.num_edges,
            "isWeight": link.is_weight,
            "isBackward": link.is_backward,
            "way": [[round(x, 2), round(y, 2)] for x, y in way],
        }
        for link, way in zip(units.links, layout.ways, strict=True)
    ]


def _block_row(structure: "GraphStructure", units: BlockMap, block: "EdgeBlock") -> dict[str, Any]:
    """What says where an edge is stored; see `app.edge_paths.edge_paths`."""
    source, target = ends_of(structure, units, block)
    groups, sources, targets = structure.edge_shape(block)
    node = structure.node_blocks[block.target]
    bias = node.parameters[0] if node.parameters else None
    return {
        "source": source.unit,
        "target": target.unit,
        "from": source.first,
        "to": target.first,
        "kind": block.kind,
        "parameter": block.parameter,
        "layout": block.layout,
        "rows": list(block.rows),
        "columns": list(block.columns),
        "groups": groups,
        "perGroup": sources,
        "targets": targets,
        "area": block.kernel[0] * block.kernel[1],
        "interleaved": block.interleaved,
        "bias": None if bias is None else [bias[0], bias[1] or 0],
    }


def _frames(units: BlockMap, layout: Layout) -> list[dict[str, Any]]:
    """Titles of attentions and recurrences with rectangles around their units; none where others stand within."""
    members: dict[str, list[int]] = defaultdict(list)
    for number, unit in enumerate(units.units):
        if unit.group is not None:
            members[unit.group].append(number)
    found = []
    for title, own in members.items():
        boxes = [layout.boxes[number] for number in own]
        left, top = min(b.x - b.width / 2 for b in boxes) - 16, min(b.y - b.height / 2 for b in boxes) - 8
        right, bottom = max(b.x + b.width / 2 for b in boxes) + 16, max(b.y + b.height / 2 for b in boxes) + 16
        others = (box for number, box in enumerate(layout.boxes) if number not in own)
        if len(own) > 1 and not any(left < box.x < right and top < box.y < bottom for box in others):
            found.append({"title": title[:MAX_NAME], "box": [round(side, 1) for side in (left, top, right, bottom)]})
    return found
