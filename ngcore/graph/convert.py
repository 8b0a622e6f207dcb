"""Network → neural graph and back: two inverse functions side by side."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from ngcore.errors import ShapeMismatchError
from ngcore.graph.neural_graph import NeuralGraph
from ngcore.graph.structure import EdgeBlock, GraphStructure, NodeBlock, graph_structure
from ngcore.networks import Layer, Network


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
    return NeuralGraph(structure, node_features(network), tuple(edges), size)


def node_features(network: Network) -> Float[Tensor, "networks nodes d_node"]:
    """What the nodes of the neural graph carry; see `NeuralGraph`."""
    structure = graph_structure(network.architecture)
    return torch.cat([_node_features(block, network, structure.node_width) for block in structure.node_blocks], dim=1)


def edge_kernels(network: Network) -> list[Float[Tensor, "networks _ _ _ _ _"]]:
    """The kernel of every edge at its own size: networks, groups, sources per group, targets per group, height, width.

    Takes no more memory than the parameters, where one large kernel makes all edges of a `NeuralGraph` as large.
    """
    structure = graph_structure(network.architecture)
    return [_edge_kernels(block, structure, network) for block in structure.edge_blocks]


def to_network(graph: NeuralGraph) -> Network:
    """The network of a neural graph, bit for bit: `to_network(to_graph(network))` equals `network`.

    Features that stand for no parameter (padding, absent biases, skips) are left out.
    """
    structure, parameters = graph.structure, {}
    layers = structure.architecture.layers
    for block, features in graph.blocks:
        if block.layer is None:
            continue
        shape = layers[block.layer].parameter_shapes()["weight"]
        parameters[f"{block.layer}.weight"] = _weight(block, features, graph.kernel_size).reshape(-1, *shape)
    for node_block in structure.node_blocks:
        if node_block.layer is None:
            continue
        columns = graph.node_features[:, node_block.start : node_block.stop].unbind(dim=-1)
        for name, column in zip(_node_parameters(layers[node_block.layer]), columns, strict=False):
            parameters[f"{node_block.layer}.{name}"] = column
    return Network(structure.architecture, parameters)


def _node_parameters(layer: Layer) -> list[str]:
    """The parameters that the nodes of a layer carry, in the order of the feature's entries."""
    return [name for name in ("bias", "running_mean", "running_var") if name in layer.parameter_shapes()]


def _node_features(block: NodeBlock, network: Network, width: int) -> Tensor:
    first = next(iter(network.parameters.values()))
    columns: list[Tensor] = []
    if block.layer is not None:
        names = _node_parameters(network.architecture.layers[block.layer])
        columns = [network.parameters[f"{block.layer}.{name}"] for name in names]
    columns += [first.new_zeros(len(network), block.size)] * (width - len(columns))
    return torch.stack(columns, dim=-1)


def _edge_kernels(block: EdgeBlock, structure: GraphStructure, network: Network) -> Tensor:
    groups, sources, targets = structure.edge_shape(block)
    if block.layer is None:
        first = next(iter(network.parameters.values()))
        return first.new_ones(len(network), groups, sources, targets, 1, 1)
    weight = network.parameters[f"{block.layer}.weight"]
    if block.kind == "norm":
        return weight.reshape(len(network), groups, sources, targets, 1, 1)
    return weight.reshape(len(network), groups, targets, sources, *block.kernel).transpose(2, 3)


def _weight(block: EdgeBlock, features: Tensor, size: tuple[int, int]) -> Tensor:
    left, right, top, bottom = _padding(block.kernel, size)
    kernels = features.unflatten(4, size)[..., top : size[0] - bottom, left : size[1] - right]
    return kernels if block.kind == "norm" else kernels.transpose(2, 3)


def _padding(kernel: tuple[int, int], size: tuple[int, int]) -> tuple[int, int, int, int]:
    """(left, right, top, bottom) zeros that centre a kernel in `size`."""
    top, left = (size[0] - kernel[0]) // 2, (size[1] - kernel[1]) // 2
    return (left, size[1] - kernel[1] - left, top, size[0] - kernel[0] - top)
