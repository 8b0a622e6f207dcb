"""The parts of a network that an answer may be attributed to: which parameters make a layer, a neuron, or an edge.

A part is a set of places in `Network.flatten`. A neuron is what the symmetries of the architecture call one: its
incoming weights, its bias and its outgoing weights, in every layer that it appears in, so that one channel of a
residual stream is one neuron. Edges are those of the neural graph, each with its whole kernel.
"""

import dataclasses
import math
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from ngcore.graph import GraphStructure, graph_structure, to_graph
from ngcore.networks import Architecture, Network
from ngcore.networks.labels import labels_of, parameter_axes
from ngcore.networks.layers import Axis

Indices = NDArray[np.int64]


@dataclasses.dataclass(frozen=True, eq=False)
class Parts:
    """Parts of one kind: pairs of a part and a parameter in it.

    Attributes:
        count: How many parts there are; some may be empty.
        part: (pairs,) number of the part, increasing.
        place: (pairs,) place of the parameter in `Network.flatten`.
    """

    count: int
    part: Indices
    place: Indices

    @classmethod
    def of(cls, count: int, part: Indices, place: Indices) -> "Parts":
        """Parts of pairs in any order, each counted once."""
        pairs = np.unique(np.stack([part, place], axis=1), axis=0)
        return cls(count, pairs[:, 0], pairs[:, 1])

    def sums(self, values: Float[Tensor, "networks parameters"]) -> Float[Tensor, "networks parts"]:
        """The sum over each part's parameters."""
        part, place = torch.from_numpy(self.part), torch.from_numpy(self.place)
        return values.new_zeros(len(values), self.count).index_add_(1, part.to(values.device), values[:, place])

    def places(self, part: int) -> Indices:
        """The places of one part's parameters."""
        start, stop = np.searchsorted(self.part, [part, part + 1])
        return self.place[start:stop]


@lru_cache(maxsize=32)
def first_places(architecture: Architecture) -> dict[str, int]:
    """Where each parameter begins in `Network.flatten`."""
    sizes = {name: math.prod(shape) for name, shape in architecture.parameter_shapes.items()}
    ends = np.cumsum([0, *sizes.values()])[:-1]
    return dict(zip(sizes, ends.tolist(), strict=True))


def layer_names(architecture: Architecture) -> tuple[str, ...]:
    """Names of the steps with parameters that are learned, in the order of the forward pass."""
    fixed = graph_structure(architecture).constants
    return tuple(dict.fromkeys(_owner(name) for name in architecture.parameter_shapes if name not in fixed))


@lru_cache(maxsize=32)
def layer_parts(architecture: Architecture) -> Parts:
    """One part for each of `layer_names`: all its parameters."""
    names = layer_names(architecture)
    first, part, place = first_places(architecture), [], []
    for name, shape in architecture.parameter_shapes.items():
        if _owner(name) in names:
            size = math.prod(shape)
            part.append(np.full(size, names.index(_owner(name))))
            place.append(first[name] + np.arange(size))
    return Parts.of(len(names), _joined(part), _joined(place))


@lru_cache(maxsize=32)
def neuron_parts(architecture: Architecture) -> Parts:
    """One part for each label of the architecture: weights into it, its bias, weights out of it, each once."""
    labels, fixed = labels_of(architecture), graph_structure(architecture).constants
    first, part, place = first_places(architecture), [], []
    for name, made, step, groups, axes in parameter_axes(architecture):
        shape = architecture.parameter_shapes[name]
        for number, axis in enumerate(axes):
            if name in fixed or axis is None or axis.of_value:
                continue
            own = _along(labels.along(step.reads, made, axis), shape, number, axis, groups)
            part.append(own.ravel())
            place.append(first[name] + np.arange(own.size))
    return Parts.of(labels.count, _joined(part), _joined(place))


@lru_cache(maxsize=32)
def edge_parts(architecture: Architecture) -> Parts:
    """One part for each edge of the neural graph, block after block, in the order of `GraphStructure.edge_shape`."""
    numbers = torch.arange(1, architecture.num_parameters + 1, dtype=torch.float64)[None]
    graph = to_graph(Network.unflatten(architecture, numbers))  # carries, for each edge, where its weights are
    count, part, place = 0, [], []
    for block, features in graph.blocks:
        own = features[0].flatten(0, 2).long().numpy() - 1  # edges, kernel
        if block.parameter is not None:
            edge, entry = np.nonzero(own >= 0)
            part.append(count + edge)
            place.append(own[edge, entry])
        count += len(own)
    return Parts.of(count, _joined(part), _joined(place))


def neurons_of_nodes(structure: GraphStructure) -> Int[Tensor, " nodes"]:
    """The label of each node of the neural graph; −1 where no value holds it."""
    labels = labels_of(structure.architecture)
    own = np.full(structure.num_nodes, -1, dtype=np.int64)
    for block in structure.node_blocks:
        if block.value is not None:
            channels = labels.of_value[block.value][0]
            own[block.start : block.stop] = channels[block.first : block.first + block.size]
    return torch.from_numpy(own)


def _along(labels: Indices, shape: tuple[int, ...], number: int, axis: Axis, groups: int) -> Indices:
    """The label along one axis for every entry of a parameter."""
    if axis.groups > 1:  # the entries of the group that the row is in
        group = np.arange(shape[0]) // (shape[0] // groups)
        labels = labels[group[:, None] * shape[1] + np.arange(shape[1])]
        return np.broadcast_to(labels.reshape(shape[:2] + (1,) * (len(shape) - 2)), shape)
    spread = [1] * len(shape)
    spread[number] = shape[number]
    return np.broadcast_to(labels.reshape(spread), shape)


def _owner(name: str) -> str:
    return name.rpartition(".")[0]


def _joined(arrays: list[Indices]) -> Indices:
    return np.concatenate([np.zeros(0, np.int64), *arrays])
