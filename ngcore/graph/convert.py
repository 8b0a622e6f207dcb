"""Network → neural graph and back: two inverse functions side by side."""

import math
from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from ngcore.errors import ShapeMismatchError
from ngcore.graph.neural_graph import NeuralGraph
from ngcore.graph.structure import EdgeBlock, GraphStructure, NodeBlock, graph_structure
from ngcore.networks import Network, Shape


def to_graph(network: Network, *, kernel_size: tuple[int, int] | None = None) -> NeuralGraph:
    """The neural graph of a network (paper, Sec. 2.1); gradients flow.

    Args:
        network: N stacked networks.
        kernel_size: (height, width) that kernels are zero-padded to; None: the largest kernel of the architecture.

    Raises:
        ShapeMismatchError: If a kernel is larger than `kernel_size`.
    """
    structure = graph_structure(network.architecture)
    size = kernel_size or structure.kernel_size
    if size[0] < structure.kernel_size[0] or size[1] < structure.kernel_size[1]:
        raise ShapeMismatchError(
            f"Expected kernels of at most {size[0]}×{size[1]}, got {structure.kernel_size[0]}×"
            f"{structure.kernel_size[1]} in {network.architecture.name}; use a model built for larger kernels."
        )
    edges = [
        functional.pad(kernels, _padding(block.kernel, size)).flatten(4)
        for block, kernels in zip(structure.edge_blocks, edge_kernels(network), strict=True)
    ]
    constants = {name: network.parameters[name] for name in structure.constants}
    return NeuralGraph(structure, node_features(network), tuple(edges), size, constants)


def node_features(network: Network) -> Float[Tensor, "networks nodes d_node"]:
    """What the nodes of the neural graph carry; see `NeuralGraph`."""
    structure = graph_structure(network.architecture)
    return torch.cat([_node_features(block, network, structure.node_width) for block in structure.node_blocks], dim=1)


def edge_kernels(
    network: Network, blocks: Sequence[EdgeBlock] | None = None
) -> list[Float[Tensor, "networks _ _ _ _ _"]]:
    """The kernel of every edge at its own size: networks, groups, sources per group, targets per group, height, width.

    Takes no more memory than the parameters, where one large kernel makes all edges of a `NeuralGraph` as large.

    Args:
        network: N networks.
        blocks: Edge blocks of their graph; None: all.
    """
    structure = graph_structure(network.architecture)
    chosen = structure.edge_blocks if blocks is None else blocks
    return [_edge_kernels(block, structure, network) for block in chosen]


def to_network(graph: NeuralGraph) -> Network:
    """The network of a neural graph, bit for bit: `to_network(to_graph(network))` equals `network`.

    Features that stand for no parameter (padding, absent biases, skips) are left out. Of weights that are tied, the
    edges of the first layer count.
    """
    kernels = [_unpadded(block, features, graph.kernel_size) for block, features in graph.blocks]
    return network_of(graph.structure, graph.node_features, kernels, graph.constants)


def network_of(
    structure: GraphStructure,
    features: Float[Tensor, "networks nodes d_node"],
    kernels: Sequence[Float[Tensor, "networks _ _ _ _ _"]],
    constants: Mapping[str, Tensor],
) -> Network:
    """The network of features of nodes and kernels of edges; inverse of `node_features` and `edge_kernels`.

    Args:
        structure: Of its graph.
        features: What the nodes carry.
        kernels: What the edges carry, each block's at its own size.
        constants: The fixed tables of the structure.
    """
    pieces: dict[str, list[tuple[EdgeBlock, Tensor]]] = {}
    for block, own_kernels in zip(structure.edge_blocks, kernels, strict=True):
        if block.parameter is not None:
            pieces.setdefault(block.parameter, []).append((block, own_kernels))
    columns: dict[str, list[tuple[int | None, Tensor]]] = {}
    for node_block in structure.node_blocks:
        own = features[:, node_block.start : node_block.stop].unbind(dim=-1)
        for parameter, column in zip(node_block.parameters, own, strict=False):
            if parameter is not None:
                columns.setdefault(parameter[0], []).append((parameter[1], column))
    shapes = structure.architecture.parameter_shapes
    parameters = dict(constants)
    parameters |= {name: _whole_weight(parts, shapes[name]) for name, parts in pieces.items()}
    parameters |= {name: _whole_column(parts, shapes[name]) for name, parts in columns.items()}
    return Network(structure.architecture, parameters)


def _whole_weight(parts: list[tuple[EdgeBlock, Tensor]], shape: Shape) -> Tensor:
    """A parameter of the pieces that edge blocks carry."""
    block, kernels = parts[0]
    if kernels[0].numel() == math.prod(shape) and not block.interleaved:
        return _as_stored(kernels, block).reshape(-1, *shape)
    whole = kernels.new_zeros(len(kernels), *shape)
    for own, piece in reversed(parts):
        stored = _stored(whole, own)
        stored.copy_(_as_stored(piece, own).reshape(stored.shape))
    return whole


def _whole_column(parts: list[tuple[int | None, Tensor]], shape: Shape) -> Tensor:
    """A parameter of the features of node blocks and their places in it; at None stands what all neurons share."""
    place, column = parts[0]
    if place is None:
        return column[:, :1]
    if column.shape[1:] == shape:
        return column
    whole = column.new_zeros(len(column), *shape)
    for start, own in reversed(parts):
        assert start is not None
        whole[:, start : start + own.shape[1]] = own
    return whole


def _node_features(block: NodeBlock, network: Network, width: int) -> Tensor:
    first = next(iter(network.parameters.values()))
    columns = [first.new_zeros(len(network), block.size)] * width
    for number, own in enumerate(block.parameters):
        if own is not None:
            tensor, place = network.parameters[own[0]], own[1]
            columns[number] = tensor.expand(-1, block.size) if place is None else tensor[:, place : place + block.size]
    return torch.stack(columns, dim=-1)


def _edge_kernels(block: EdgeBlock, structure: GraphStructure, network: Network) -> Tensor:
    groups, sources, targets = structure.edge_shape(block)
    if block.parameter is None:
        first = next(iter(network.parameters.values()))
        return first.new_ones(len(network), groups, sources, targets, 1, 1)
    stored = _stored(network.parameters[block.parameter], block)
    if block.layout == "out_in":
        if block.interleaved:
            stored = stored.transpose(2, 3)  # networks, targets, sources, positions
        return stored.reshape(len(network), groups, targets, sources, *block.kernel).transpose(2, 3)
    return stored.reshape(len(network), groups, sources, targets, *block.kernel)


def _stored(tensor: Tensor, block: EdgeBlock) -> Tensor:
    """The entries of a parameter (networks, *shape) that an edge block carries, as a view."""
    rows, columns = slice(*block.rows), slice(*block.columns)
    match block.layout:
        case "diagonal":
            return tensor[:, rows]
        case "in_out":
            return tensor[:, columns, rows]
        case "out_in":
            matrix = tensor.flatten(2)  # networks, targets, sources of a group · kernel
            if block.interleaved:
                return matrix.unflatten(2, (-1, block.interleaved))[:, rows, :, columns]
            return matrix[:, rows, columns]


def _as_stored(kernels: Tensor, block: EdgeBlock) -> Tensor:
    """Kernels (networks, groups, sources, targets, height, width) in the order of the parameter's entries."""
    if block.layout != "out_in":
        return kernels
    by_target = kernels.transpose(2, 3)
    return by_target.flatten(4).transpose(3, 4) if block.interleaved else by_target


def _unpadded(block: EdgeBlock, features: Tensor, size: tuple[int, int]) -> Tensor:
    left, right, top, bottom = _padding(block.kernel, size)
    return features.unflatten(4, size)[..., top : size[0] - bottom, left : size[1] - right]


def _padding(kernel: tuple[int, int], size: tuple[int, int]) -> tuple[int, int, int, int]:
    """(left, right, top, bottom) zeros that centre a kernel in `size`."""
    top, left = (size[0] - kernel[0]) // 2, (size[1] - kernel[1]) // 2
    return (left, size[1] - kernel[1] - left, top, size[0] - kernel[0] - top)
