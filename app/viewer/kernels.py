"""The kernels that lead into one neuron, each with the place in the tensors that holds it."""

from typing import TYPE_CHECKING, Any

import numpy as np

import ngcore.graph
from app.charts.gaps import full_colour
from app.edge_paths import edge_paths
from app.viewer.packing import pack
from app.viewer.scene import MAX_NAME

if TYPE_CHECKING:
    from ngcore.graph import EdgeBlock
    from ngcore.networks import Network

MAX_KERNELS = 64
MAX_SIDE = 32
"""Entries of a side of a kernel; larger ones are no small pictures."""


def pack_kernels(network: "Network", node: int) -> bytes | None:
    """The strongest kernels into a neuron as bytes, see `app.viewer.packing`; None where single weights lead into it.

    The array "values" is float32 (kernels, height, width). The facts say the number of the neuron, the sides, the
    |value| at which colours are full, how many kernels there are in all, and in "rows" for each that is here the number
    of the neuron that it reads, its path and its signed norm.

    Args:
        network: A stack whose first network is shown.
        node: Number of the neuron in the graph.
    """
    structure = ngcore.graph.graph_structure(network.architecture)
    own = next((i for i, block in enumerate(structure.node_blocks) if block.start <= node < block.stop), None)
    blocks = [
        block
        for block in structure.edge_blocks
        if block.target == own and block.parameter is not None and block.kernel != (1, 1)
    ]
    if not blocks or max(blocks[0].kernel) > MAX_SIDE:
        return None
    found = [_kernels_into(network, block, node) for block in blocks if block.kernel == blocks[0].kernel]
    values = np.concatenate([values for values, _ in found])
    rows = [row for _, own_rows in found for row in own_rows]
    order = np.argsort([-abs(row["norm"]) for row in rows], kind="stable")[:MAX_KERNELS]
    facts = {
        "node": node,
        "height": values.shape[1],
        "width": values.shape[2],
        "limit": full_colour(values[order], 0.99),
        "count": len(rows),
        "rows": [rows[i] for i in order],
    }
    return pack(facts, {"values": values[order].reshape(-1)})


def _kernels_into(network: "Network", block: "EdgeBlock", node: int) -> tuple[np.ndarray, list[dict[str, Any]]]:
    """float32 (sources, height, width) the kernels of a block into a neuron, and what there is to say of each."""
    structure = ngcore.graph.graph_structure(network.architecture)
    _, per_source, per_target = structure.edge_shape(block)
    target = node - structure.node_blocks[block.target].start
    group, place = divmod(target, per_target)
    kernels = ngcore.graph.edge_kernels(network[:1].detach().to("cpu"), [block])[0][0, group, :, place]
    values = np.nan_to_num(kernels.float().numpy(), posinf=0.0, neginf=0.0)
    sources = [group * per_source + i for i in range(per_source)]
    paths = edge_paths(block, sources, [target] * per_source, per_group=per_source)
    start = structure.node_blocks[block.source].start
    sizes = np.linalg.norm(values.reshape(per_source, -1).astype(float), axis=1)
    signs = np.where(values.reshape(per_source, -1).sum(axis=1) < 0, -1.0, 1.0)
    rows = [
        {"source": start + source, "path": path[:MAX_NAME], "norm": float(size)}
        for source, path, size in zip(sources, paths, signs * sizes, strict=True)
    ]
    return values, rows
