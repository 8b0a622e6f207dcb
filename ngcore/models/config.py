"""What a model is made of, as plain numbers."""

import dataclasses
import operator
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from ngcore.errors import CheckpointError, NeuralGraphError, ShapeMismatchError, UnknownNameError
from ngcore.graph import GraphStructure, graph_structure
from ngcore.networks import Architecture

GRAPH_KINDS = ("ng-gnn", "ng-t", "ng-sweep")
BASELINE_KINDS = ("flat-mlp", "statnn", "output-probes")


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


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """The numbers of a model; fields that its kind has no use for are ignored.

    Attributes:
        kind: "ng-gnn", "ng-t" and "ng-sweep" read the neural graph; "flat-mlp", "statnn" and "output-probes" are
            baselines.
        head: "invariant" answers with `d_out` numbers a network, "parameters" with a change of its parameters.
        d_out: Numbers in the answer of an invariant head.
        d_node: Width of node features.
        d_edge: Width of edge features.
        d_output: Hidden width of the MLP at the output neurons of NG-Sweep; 0 for none.
        d_hidden: Width of the head's and of the baselines' hidden layers.
        num_layers: Layers of message passing or attention; sweeps; hidden layers of a baseline.
        num_heads: Attention heads (NG-T).
        d_attention: Width of queries, keys and values over all heads (NG-T).
        num_probes: Learned inputs whose responses become node features; 0 for none.
        generates_probes: Whether a deep linear generator makes those inputs.
        has_lattice: Whether those inputs are fixed instead, places in a lattice over the image, and convolutions read
            what INRs answer there (NG-Sweep and output-only probing).
        num_steps: Steps of learned descent that an editor of INRs ends with; 0 for none.
        edit: Key of `IMAGE_EDITS` towards which it descends.
        image_side: Height and width in pixels of the pictures that it edits for that.
        readout: "outputs" reads the output nodes, "all" also means over the nodes of every layer.
        dropout: Share of node features dropped in training.
        fourier_frequencies: Random frequencies of the parameter embedding.
        fourier_scale: Their standard deviation.
        input_noise: Standard deviation of noise on the standardised parameters that NG-Sweep reads in training; the
            networks that answer to probes stay as they are.
        input_scaling: By whose statistics weights and biases are standardised; see `Normaliser`.
        norm: What normalises the node features of NG-GNN: each node's own ("layer", "rms") or the batch's ("batch").
        is_sign_invariant: Bring every neuron with an odd activation to a canonical sign first.
    """

    kind: Literal["ng-gnn", "ng-t", "ng-sweep", "flat-mlp", "statnn", "output-probes"]
    head: Literal["invariant", "parameters"] = "invariant"
    d_out: int = 1
    d_node: int = 32
    d_edge: int = 32
    d_output: int = 0
    d_hidden: int = 128
    num_layers: int = 4
    num_heads: int = 8
    d_attention: int = 128
    num_probes: int = 0
    generates_probes: bool = False
    has_lattice: bool = False
    num_steps: int = 0
    edit: str = "dilate"
    image_side: int = 28
    readout: Literal["outputs", "all"] = "all"
    dropout: float = 0.0
    fourier_frequencies: int = 128
    fourier_scale: float = 3.0
    input_noise: float = 0.0
    input_scaling: Literal["corpus", "network", "none"] = "corpus"
    norm: Literal["layer", "rms", "batch"] = "layer"
    is_sign_invariant: bool = False

    def __post_init__(self) -> None:
        if self.kind not in (*GRAPH_KINDS, *BASELINE_KINDS):
            raise UnknownNameError("kind of model", self.kind, (*GRAPH_KINDS, *BASELINE_KINDS))
        if self.is_sign_invariant and self.head == "parameters":
            raise NeuralGraphError("Expected an invariant head for a sign-invariant model, got a parameter head.")

    @property
    def is_graph_model(self) -> bool:
        """Whether the model reads the neural graph."""
        return self.kind in GRAPH_KINDS

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types; inverse of `from_dict`."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> "ModelConfig":
        """Inverse of `to_dict`.

        Raises:
            CheckpointError: If a field is unknown.
        """
        unknown = set(fields) - {field.name for field in dataclasses.fields(cls)}
        if unknown or "kind" not in fields:
            raise CheckpointError(f"Expected the fields of a model configuration, got {dict(fields)!r:.300}.")
        return cls(**fields)
