"""Where neurons go when the hidden ones are put into another order."""

from typing import TYPE_CHECKING

import numpy as np

import ngcore.graph
from app.block_map import block_map
from app.viewer.packing import pack
from app.viewer.places import layout_of
from ngcore.networks import node_permutations

if TYPE_CHECKING:
    from ngcore.graph import GraphStructure
    from ngcore.networks import Architecture, Permutation


def node_targets(architecture: "Architecture", permutation: "Permutation") -> np.ndarray:
    """int64 (nodes,): for each neuron the number of the one whose place it takes.

    Args:
        architecture: Of the network.
        permutation: Of one network.
    """
    structure = ngcore.graph.graph_structure(architecture)
    orders = {value: order[0].cpu().numpy() for value, order in node_permutations(architecture, permutation).items()}
    node_at = {
        (block.value, block.first + i): block.start + i
        for block in structure.node_blocks
        if block.value is not None
        for i in range(block.size)
    }
    targets = np.arange(structure.num_nodes)
    for block, value in zip(structure.node_blocks, _values_of(structure), strict=True):
        if value is None or (block.value is None and len(orders[value]) != block.size):
            continue
        for i, old in enumerate(orders[value][block.first : block.first + block.size].tolist()):
            source = block.start + old if block.value is None else node_at.get((value, old))
            if source is not None:
                targets[source] = block.start + i
    return targets


def _values_of(structure: "GraphStructure") -> list[int | None]:
    """For each node block the value whose order it follows; gates and cells follow the state of their recurrence."""
    architecture = structure.architecture
    made = {step.name: architecture.num_inputs + i for i, step in enumerate(architecture.steps)}
    found: list[int | None] = []
    for number, block in enumerate(structure.node_blocks):
        own = block.value if block.value is not None else made.get(block.layer or "")
        is_cell = own is None and number > 0 and structure.node_blocks[number - 1].size == block.size
        found.append(found[-1] if is_cell else own)
    return found


def pack_flight(architecture: "Architecture", permutation: "Permutation") -> bytes:
    """The array "target" uint32 (items,): the item to whose place each moves; groups of neurons stand still."""
    structure, units, layout = (
        ngcore.graph.graph_structure(architecture),
        block_map(architecture),
        layout_of(architecture),
    )
    targets = node_targets(architecture, permutation)
    found = np.arange(layout.num_items, dtype=np.uint32)
    item_of = np.full(structure.num_nodes, -1)
    for number, unit in enumerate(units.units):
        start = structure.node_blocks[unit.blocks[0]].start
        if layout.grids[number].per_item == 1:
            item_of[start : start + unit.size] = layout.starts[number] + np.arange(unit.size)
    moves = (item_of >= 0) & (item_of[targets] >= 0)
    found[item_of[moves]] = item_of[targets[moves]]
    return pack({}, {"target": found})
