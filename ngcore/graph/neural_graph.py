"""The neural graph: neurons as nodes with their biases, weights as edges, in dense blocks."""

import dataclasses
from collections.abc import Mapping

from jaxtyping import Float
from torch import Tensor

from ngcore.graph.structure import EdgeBlock, GraphStructure


@dataclasses.dataclass(frozen=True)
class NeuralGraph:
    """N neural graphs of one architecture, stacked.

    A 2-3-1 network has three node blocks, two edge blocks, 6 nodes and 9 edges:

        input    hidden   output        node_features  (N, 6, 1): 0, 0, b₁ … b₃, b₄
         (0) ─┐
              ├──  (2) ─┐               edge_features  block 0: (N, 1, 2, 3, 1), entry [n, 0, i, j] = weight from
         (1) ─┤    (3) ─┼── (5)                        input i to hidden neuron j;
              └──  (4) ─┘                              block 1: (N, 1, 3, 1, 1)

    Attributes:
        structure: Which nodes and edges there are.
        node_features: (networks, nodes, d): the bias (0 where there is none), and with batch normalisation the
            running mean and variance.
        edge_features: One tensor per edge block, (networks, groups, sources per group, targets per group, kernel
            area): kernels zero-padded around their centre to the common size.
        kernel_size: (height, width) that the kernels are padded to.
        constants: Fixed tables that are on no node and no edge, (networks, *shape) by name.
    """

    structure: GraphStructure
    node_features: Float[Tensor, "networks nodes d_node"]
    edge_features: tuple[Float[Tensor, "networks _ _ _ d_edge"], ...]
    kernel_size: tuple[int, int]
    constants: Mapping[str, Tensor] = dataclasses.field(default_factory=dict)

    def __len__(self) -> int:
        return self.node_features.shape[0]

    def __repr__(self) -> str:
        structure = self.structure
        sizes = f"{structure.num_nodes} nodes, {structure.num_edges} edges"
        return f"NeuralGraph({len(self)} × {structure.architecture.name}: {sizes})"

    @property
    def blocks(self) -> list[tuple[EdgeBlock, Tensor]]:
        """The edge blocks with their features."""
        return list(zip(self.structure.edge_blocks, self.edge_features, strict=True))
