"""The input networks that a model is built for."""

import dataclasses
import operator
from collections.abc import Sequence

from ngcore.errors import ShapeMismatchError
from ngcore.graph import GraphStructure, graph_structure
from ngcore.networks import Architecture


@dataclasses.dataclass(frozen=True, kw_only=True)
class InputSpec:
    """The input networks that a model is built for.

    Attributes:
        input_shape: Shape of what the networks read.
        num_outputs: Neurons of their last layer.
        max_hidden_layers: Hidden node blocks with embeddings of their own; deeper ones share the last.
        kernel_size: (height, width) that kernels are padded to.
        num_parameters: Parameters of one network (of the first architecture), which a flat MLP reads.
    """

    input_shape: tuple[int, ...]
    num_outputs: int
    max_hidden_layers: int
    kernel_size: tuple[int, int]
    num_parameters: int

    @classmethod
    def of(cls, architectures: Sequence[Architecture]) -> "InputSpec":
        """The specification that covers all of the architectures."""
        structures = [graph_structure(architecture) for architecture in architectures]
        sizes = [structure.kernel_size for structure in structures]
        return cls(
            input_shape=architectures[0].input_shape,
            num_outputs=max(structure.node_blocks[-1].size for structure in structures),
            max_hidden_layers=max(len(structure.node_blocks) - 2 for structure in structures),
            kernel_size=(max(height for height, _ in sizes), max(width for _, width in sizes)),
            num_parameters=architectures[0].num_parameters,
        )

    def can_read(self, architecture: Architecture, *, kind: str) -> bool:
        """Whether a model of this kind that is built for such networks reads those of an architecture as well."""
        structure = graph_structure(architecture)
        if kind == "flat-mlp":
            return architecture.num_parameters == self.num_parameters
        if kind == "statnn":
            names = architecture.parameter_shapes
            return sum(name.endswith(".weight") for name in names) <= self.max_hidden_layers + 1
        if kind != "output-probes" and any(map(operator.gt, structure.kernel_size, self.kernel_size)):
            return False
        return architecture.input_shape == self.input_shape and structure.node_blocks[-1].size <= self.num_outputs

    def expect_fit(self, structure: GraphStructure) -> None:
        """Check that a model built for this can read networks of the structure.

        Raises:
            ShapeMismatchError: If they have more inputs or outputs.
        """
        inputs, outputs = structure.node_blocks[0].size, structure.node_blocks[-1].size
        if inputs > self.input_shape[0] or outputs > self.num_outputs:
            raise ShapeMismatchError(
                f"Expected networks of at most {self.input_shape[0]} inputs and {self.num_outputs} outputs, "
                f"got {inputs} and {outputs} in {structure.architecture.name}; use a model built for such networks."
            )
