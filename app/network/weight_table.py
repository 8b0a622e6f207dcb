"""All weights of a network as a CSV file, a row for each edge, written by columns: millions of rows in seconds."""

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

import ngcore.graph
from app.block_map import BlockMap, block_map
from app.edge_paths import edge_paths
from ngcore.errors import NeuralGraphError

if TYPE_CHECKING:
    import pyarrow as pa
    import torch

    from ngcore.graph import EdgeBlock, GraphStructure
    from ngcore.networks import Network

MAX_WEIGHTS = 40_000_000
"""Weights of a network whose table is written, some 2 GB of text; larger ones are exported as tensors."""

CHUNK = 500_000
COLUMNS = ("from", "to", "tensor", "weights")


def weight_table(network: "Network") -> bytes:
    """Every edge as a row: the names of both neurons, the tensor entry, and the weights of its kernel.

    Args:
        network: A stack whose first network is written.

    Raises:
        NeuralGraphError: If it has more than `MAX_WEIGHTS` weights.
    """
    import pyarrow as pa
    import pyarrow.csv

    if network.architecture.num_parameters > MAX_WEIGHTS:
        raise NeuralGraphError(
            f"Expected at most {MAX_WEIGHTS:,} weights in a table, got {network.architecture.num_parameters:,}. "
            "Save the network as safetensors or single tensors as .npy instead."
        )
    file = io.BytesIO()
    schema = pa.schema([(name, pa.string()) for name in COLUMNS])
    with pyarrow.csv.CSVWriter(file, schema) as writer:
        for chunk in _chunks(network):
            writer.write_table(pa.table(chunk, schema=schema))
    return file.getvalue()


def _chunks(network: "Network") -> "Iterator[dict[str, pa.Array]]":
    """The columns of some edges after the other, block by block."""
    structure, units = ngcore.graph.graph_structure(network.architecture), block_map(network.architecture)
    one = network[:1].detach().to("cpu")
    for block in structure.edge_blocks:
        kernels = ngcore.graph.edge_kernels(one, [block])[0][0].flatten(3)
        groups, sources, targets = structure.edge_shape(block)
        names = [neuron_names(structure, units, end) for end in (block.source, block.target)]
        indices = _index_texts(block, groups * sources, groups * targets, sources)
        count = groups * sources * targets
        rows = max(1, CHUNK // kernels.shape[3])
        for first in range(0, count, rows):
            places = np.unravel_index(np.arange(first, min(first + rows, count)), (groups, sources, targets))
            source, target = places[0] * sources + places[1], places[0] * targets + places[2]
            yield {
                "from": names[0].take(source),
                "to": names[1].take(target),
                "tensor": _paths(block, *indices, source, target),
                "weights": _in_words(kernels.reshape(count, -1)[first : first + rows]),
            }


def neuron_names(structure: "GraphStructure", units: BlockMap, number: int) -> "pa.Array":
    """The names of the neurons of a node block, such as "layer 2 · 17"."""
    import pyarrow as pa

    unit = units.units[units.of_block[number]]
    part = f", part {unit.blocks.index(number) + 1}" if len(unit.blocks) > 1 else ""
    return pa.array([f"{unit.name}{part} · {i}" for i in range(structure.node_blocks[number].size)])


def _index_texts(block: "EdgeBlock", sources: int, targets: int, per_group: int) -> "tuple[pa.Array, pa.Array]":
    """The first and the second index of an entry of a tensor: by target and by source, or the other way round."""
    import pyarrow as pa

    by_target = edge_paths(block, [0] * targets, range(targets), per_group=per_group)
    by_source = edge_paths(block, range(sources), [0] * sources, per_group=per_group)
    if block.parameter is None:
        return pa.array(by_target), pa.array(by_source)
    cut = len(block.parameter) + 1
    places = (0, 1) if block.layout == "out_in" else (1, 0)
    into = [path[cut:-1].split(", ")[places[0]] if block.layout != "diagonal" else path[cut:-1] for path in by_target]
    out_of = [path[cut:-1].split(", ")[places[1]] if block.layout != "diagonal" else "" for path in by_source]
    return pa.array(into), pa.array(out_of)


def _paths(
    block: "EdgeBlock", into: "pa.Array", out_of: "pa.Array", source: np.ndarray, target: np.ndarray
) -> "pa.Array":
    import pyarrow.compute as pc

    if block.parameter is None:
        return into.take(target)
    if block.layout == "diagonal":
        return pc.binary_join_element_wise(f"{block.parameter}[", into.take(target), "]", "")
    first, second = into.take(target), out_of.take(source)
    if block.layout == "in_out":
        first, second = second, first
    return pc.binary_join_element_wise(f"{block.parameter}[", first, ", ", second, "]", "")


def _in_words(kernels: "torch.Tensor") -> "pa.Array":
    """The numbers of each kernel (edges, numbers), row by row, with spaces between them."""
    import pyarrow as pa
    import pyarrow.compute as pc

    rows = kernels.contiguous().numpy()
    numbers = pc.cast(pa.array(rows.reshape(-1)), pa.string())
    if rows.shape[1] == 1:
        return numbers
    return pc.binary_join(pa.FixedSizeListArray.from_arrays(numbers, rows.shape[1]).cast(pa.list_(pa.string())), " ")
