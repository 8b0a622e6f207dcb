"""The input networks that a model is built for."""

import dataclasses
import functools
import math
from collections.abc import Iterable, Sequence
from typing import Literal

import torch
from jaxtyping import Int
from torch import Tensor

from ngcore.errors import ShapeMismatchError
from ngcore.graph import EDGE_KINDS, EdgeKind, GraphStructure, graph_structure
from ngcore.models.places import pinned_places, tables
from ngcore.models.rows import ENDS, BlockKind, Rows, RowsBy, block_kinds, hidden_layers, rows_by_depth, rows_by_kind
from ngcore.networks import ACTIVATION_KINDS, NUM_FIRST_KINDS, ActivationKind, Architecture, Shape

FIRST_EDGE_KINDS: dict[EdgeKind, int] = {"linear": 0, "conv2d": 0, "norm": 1, "skip": 2}
"""Rows of the kinds of edges that models knew first."""

NUM_FIRST_EDGE_ROWS = 3
MAX_EDGES = 20_000_000
MAX_ENDS = 20_000  # input and output neurons, each with a vector of its own

Extra = Literal["slopes", "places", "tables"]


@dataclasses.dataclass(frozen=True)
class Inputs:
    """What a network reads.

    Attributes:
        shapes: Of its inputs.
        tokens: Numbers of the inputs that are tokens.
    """

    shapes: tuple[Shape, ...]
    tokens: frozenset[int] = frozenset()

    @classmethod
    def of(cls, architecture: Architecture) -> "Inputs":
        """What networks of an architecture read."""
        return cls(architecture.input_shapes, architecture.token_values & frozenset(range(architecture.num_inputs)))


@dataclasses.dataclass(frozen=True, kw_only=True)
class InputSpec:
    """The input networks that a model is built for.

    Attributes:
        inputs: What the networks read, each kind once, in the order of the architectures.
        input_sizes: Neurons of each input, the largest.
        num_outputs: Output neurons, those of all outputs together.
        num_answers: Channels of all outputs together, more than neurons where an output is flattened.
        max_hidden_layers: Hidden node blocks with embeddings of their own; deeper ones share the last.
        kernel_size: (height, width) that holds every kernel.
        num_parameters: Parameters of one network (of the first architecture), which a flat MLP reads.
        max_layers: Layers whose statistics StatNN reads.
        block_kinds: Kinds of hidden node blocks that occur.
        edge_kinds: Kinds of edges that occur, without the first.
        activations: Activations that occur, without the first.
        extras: What else neurons carry: slopes of PReLUs, places that matter, fixed tables.
    """

    inputs: tuple[Inputs, ...]
    input_sizes: tuple[int, ...]
    num_outputs: int
    num_answers: int
    max_hidden_layers: int
    kernel_size: tuple[int, int]
    num_parameters: int
    max_layers: int
    block_kinds: tuple[BlockKind, ...]
    edge_kinds: tuple[EdgeKind, ...]
    activations: tuple[ActivationKind, ...]
    extras: frozenset[Extra]

    @classmethod
    def of(cls, architectures: Sequence[Architecture]) -> "InputSpec":
        """The specification that covers all of the architectures."""
        structures = [graph_structure(architecture) for architecture in architectures]
        sizes = [structure.kernel_size for structure in structures]
        max_hidden = max(len(hidden_layers(structure)) for structure in structures)
        hidden = {kind for structure in structures for kind in block_kinds(structure)} - set(ENDS)
        return cls(
            inputs=tuple(dict.fromkeys(map(Inputs.of, architectures))),
            input_sizes=_largest([input_sizes(structure) for structure in structures]),
            num_outputs=max(map(num_outputs, structures)),
            num_answers=max(map(num_answers, architectures)),
            max_hidden_layers=max_hidden,
            kernel_size=(max(height for height, _ in sizes), max(width for _, width in sizes)),
            num_parameters=architectures[0].num_parameters,
            max_layers=max(max_hidden + 1, *(len(layers_with_statistics(a)) for a in architectures)),
            block_kinds=tuple(sorted(hidden)),
            edge_kinds=tuple(kind for kind in EDGE_KINDS if any(kind in _new_edge_kinds(s) for s in structures)),
            activations=tuple(
                kind for kind in ACTIVATION_KINDS if any(kind in _new_activations(s) for s in structures)
            ),
            extras=frozenset(extra for structure in structures for extra in extras(structure)),
        )

    @property
    def input_shape(self) -> Shape:
        """Shape of the first input of the first architecture."""
        return self.inputs[0].shapes[0]

    @property
    def num_inputs(self) -> int:
        """Input neurons, those of all inputs together."""
        return sum(self.input_sizes)

    @property
    def num_edge_rows(self) -> int:
        """Rows of tables for kinds of edges."""
        return NUM_FIRST_EDGE_ROWS + len(self.edge_kinds)

    def edge_row(self, kind: EdgeKind) -> int:
        """Row of a kind of edges in such a table."""
        return FIRST_EDGE_KINDS[kind] if kind in FIRST_EDGE_KINDS else NUM_FIRST_EDGE_ROWS + self.edge_kinds.index(kind)

    @property
    def num_activation_rows(self) -> int:
        """Rows of tables for activations."""
        return NUM_FIRST_KINDS + len(self.activations)

    def activation_row(self, kind: ActivationKind) -> int:
        """Row of an activation in such a table."""
        first = ACTIVATION_KINDS.index(kind)
        return first if first < NUM_FIRST_KINDS else NUM_FIRST_KINDS + self.activations.index(kind)

    def rows(self, by: RowsBy) -> Rows:
        """Rows of tables for blocks of neurons."""
        return rows_by_depth(self.max_hidden_layers) if by == "depth" else rows_by_kind(self.block_kinds)

    def can_read(self, architecture: Architecture, *, kind: str) -> bool:
        """Whether a model of this kind that is built for such networks reads those of an architecture as well."""
        structure = graph_structure(architecture)
        if kind == "flat-mlp":
            return architecture.num_parameters == self.num_parameters
        if kind == "statnn":
            return len(layers_with_statistics(architecture)) <= self.max_layers
        if Inputs.of(architecture) not in self.inputs or num_outputs(structure) > self.num_outputs:
            return False
        if kind == "output-probes":
            return num_answers(architecture) <= self.num_answers
        return not any(self._misfits(structure))

    def number_of_inputs(self, architecture: Architecture) -> int:
        """Which of `inputs` networks of an architecture read.

        Raises:
            ShapeMismatchError: If it is none of them.
        """
        own = Inputs.of(architecture)
        if own not in self.inputs:
            raise ShapeMismatchError(
                f"Expected networks that read inputs of shape {_in_words(self.inputs)}, got {_in_words([own])}; "
                "use a model without probes."
            )
        return self.inputs.index(own)

    def expect_fit(self, structure: GraphStructure) -> None:
        """Check that a model built for this can read networks of the structure.

        Raises:
            ShapeMismatchError: If they have more, larger or other parts.
        """
        for misfit in self._misfits(structure):
            raise ShapeMismatchError(f"{misfit} in {structure.architecture.name}; use a model built for such networks.")

    def _misfits(self, structure: GraphStructure) -> Iterable[str]:
        """What a model built for this cannot read in such networks."""
        own, size = structure.kernel_size, self.kernel_size
        if own[0] > size[0] or own[1] > size[1]:
            yield f"Expected kernels of at most {size[0]}×{size[1]}, got {own[0]}×{own[1]}"
        inputs, outputs = input_sizes(structure), num_outputs(structure)
        if _largest([inputs, self.input_sizes]) != self.input_sizes or outputs > self.num_outputs:
            yield (
                f"Expected networks of at most {_sum(self.input_sizes)} inputs and {self.num_outputs} outputs, "
                f"got {_sum(inputs)} and {outputs}"
            )
        unknown: set[str] = {*_new_edge_kinds(structure), *_new_activations(structure), *extras(structure)}
        unknown -= {*self.edge_kinds, *self.activations, *self.extras}
        if unknown:
            yield f"Expected networks like those that the model was built for, got {', '.join(sorted(unknown))}"
        if structure.num_edges > MAX_EDGES:
            yield f"Expected networks of at most {MAX_EDGES:,} connections, got {_sizes_in_words(structure)}"


def expect_ends(spec: InputSpec) -> None:
    """Check that every input and output neuron can have a vector of its own.

    Raises:
        ShapeMismatchError: If there are too many.
    """
    if spec.num_inputs + spec.num_outputs > MAX_ENDS:
        raise ShapeMismatchError(
            f"Expected networks of at most {MAX_ENDS:,} input and output neurons, got {spec.num_inputs:,} and "
            f"{spec.num_outputs:,}; each word of a vocabulary is one: read networks with a smaller vocabulary."
        )


def input_sizes(structure: GraphStructure) -> tuple[int, ...]:
    """Neurons of each input."""
    return tuple(shape[0] for shape in structure.architecture.input_shapes)


def num_outputs(structure: GraphStructure) -> int:
    """Output neurons, those of all outputs together."""
    return sum(structure.node_blocks[number].size for number in structure.outputs)


def num_answers(architecture: Architecture) -> int:
    """Channels of all outputs together."""
    return sum(architecture.shapes[value][0] for value in architecture.outputs)


def extras(structure: GraphStructure) -> frozenset[Extra]:
    """What neurons carry besides a bias and an activation."""
    found: set[Extra] = set()
    if any(slope_columns(structure)):
        found.add("slopes")
    if pinned_places(structure) is not None:
        found.add("places")
    if tables(structure):
        found.add("tables")
    return frozenset(found)


def slope_columns(structure: GraphStructure) -> tuple[tuple[int, ...], ...]:
    """For each node block the places of features that another layer than its own gave it: slopes of PReLUs."""
    return tuple(
        tuple(
            column
            for column, own in enumerate(block.parameters)
            if own is not None and own[0].rpartition(".")[0] != block.layer
        )
        for block in structure.node_blocks
    )


def layers_with_statistics(architecture: Architecture) -> dict[str, tuple[list[str], list[str]]]:
    """Names of the weights and of the biases of each layer that has any, by its name."""
    found: dict[str, tuple[list[str], list[str]]] = {}
    for name in architecture.parameter_shapes:
        layer, _, parameter = name.rpartition(".")
        if parameter.startswith(("weight", "value", "bias")):
            found.setdefault(layer, ([], []))[parameter.startswith("bias")].append(name)
    return found


def kernel_window(own: tuple[int, int], size: tuple[int, int]) -> Int[Tensor, " entries"] | None:
    """Entries of a kernel of `size` that one of `own` size covers, centred; None: all of them."""
    return None if own == size else _window(own, size)


@functools.lru_cache(maxsize=1024)
def _window(own: tuple[int, int], size: tuple[int, int]) -> Tensor:
    top, left = (size[0] - own[0]) // 2, (size[1] - own[1]) // 2
    entries = torch.arange(math.prod(size)).view(size)
    return entries[top : top + own[0], left : left + own[1]].flatten()


def _new_edge_kinds(structure: GraphStructure) -> set[EdgeKind]:
    return {block.kind for block in structure.edge_blocks} - FIRST_EDGE_KINDS.keys()


def _new_activations(structure: GraphStructure) -> set[ActivationKind]:
    return {block.activation for block in structure.node_blocks} - {*ACTIVATION_KINDS[:NUM_FIRST_KINDS]}


def _largest(sizes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """The largest size at each place."""
    length = max(map(len, sizes))
    return tuple(max((own[i] for own in sizes if i < len(own)), default=0) for i in range(length))


def _in_words(inputs: Sequence[Inputs]) -> str:
    """Such as "(2,)", "(1, 32, 32) or (3, 32, 32)", "(9, 5) of tokens"."""
    return " or ".join(
        " and ".join(f"{shape}{' of tokens' * (i in own.tokens)}" for i, shape in enumerate(own.shapes))
        for own in inputs
    )


def _sum(sizes: Sequence[int]) -> str:
    return " + ".join(map(str, sizes))


def _sizes_in_words(structure: GraphStructure) -> str:
    """How many connections there are, and in which layer the most are."""
    counts = [structure.edge_shape(block) for block in structure.edge_blocks]
    largest = max(range(len(counts)), key=lambda i: counts[i][0] * counts[i][1] * counts[i][2])
    groups, sources, targets = counts[largest]
    layer = structure.edge_blocks[largest].layer
    return f"{structure.num_edges:,}, of them {groups * sources * targets:,} in layer {layer!r}"
