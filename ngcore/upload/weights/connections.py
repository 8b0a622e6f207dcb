"""Which tensors may follow each other, guessed from their sizes in the order of the file, and corrected by hand."""

import dataclasses
import math
from collections.abc import Mapping

from ngcore.errors import UnknownNameError
from ngcore.upload.checkpoints import SEPARATOR
from ngcore.upload.names import TABLES, pieces
from ngcore.upload.weights.file import WeightFile
from ngcore.upload.weights.tensor import WeightTensor

BIASES = ("bias", "b", "bias:0")
INPUTS_FIRST = frozenset({"hdf5", "keras"})  # formats whose matrices stand as inputs × outputs
MAX_POSITIONS = 1_024  # positions of a map that a linear layer behind it may take, 32 × 32
REACH = 12  # weights that are looked back at; what stands farther off is no guess but chance


@dataclasses.dataclass(frozen=True)
class Connection:
    """Two tensors of which the second may take what the first puts out.

    Attributes:
        source: Name of the first.
        target: Name of the second.
        reason: Why it is guessed, such as "64 outputs, 64 inputs".
        is_guess: Whether nobody has said so.
    """

    source: str
    target: str
    reason: str = ""
    is_guess: bool = True


@dataclasses.dataclass(frozen=True)
class Corrections:
    """What the user says about connections; pairs of names of tensors.

    Attributes:
        added: Those that are there.
        removed: Those that are not.
    """

    added: frozenset[tuple[str, str]] = frozenset()
    removed: frozenset[tuple[str, str]] = frozenset()

    def add(self, source: str, target: str) -> "Corrections":
        """These, and that two tensors are connected."""
        pair = frozenset({(source, target)})
        return Corrections(self.added | pair, self.removed - pair)

    def remove(self, source: str, target: str) -> "Corrections":
        """These, and that two tensors are not connected."""
        pair = frozenset({(source, target)})
        return Corrections(self.added - pair, self.removed | pair)


@dataclasses.dataclass(frozen=True)
class _Sides:
    """How many features a weight takes and puts out, and whether it takes maps."""

    inputs: int
    outputs: int
    is_map: bool


def guess_connections(file: WeightFile) -> tuple[Connection, ...]:
    """For each weight the nearest one before it that puts out as much as it takes, in `file.likely_order`.

    Weights are the tensors of two or more axes. A linear layer may also take the flattened map of a convolution. What
    nothing fits stays unconnected. These are guesses: files store no connections, and sizes may match by chance.
    """
    names = [name for name in file.likely_order if 2 <= len(file.tensors[name].shape) <= 5]
    sides = {name: _sides(file.tensors[name], file) for name in names}
    before: list[str] = []
    connections = []
    for name, own in sides.items():
        for other in reversed(before[-REACH:]):
            if reason := _match(sides[other], own):
                connections.append(Connection(other, name, reason))
                break
        before.append(name)
    return tuple(connections)


def _match(first: _Sides, second: _Sides) -> str:
    """Why the second may follow the first; empty if it may not."""
    if first.outputs == second.inputs:
        return f"{first.outputs:,} outputs, {second.inputs:,} inputs"
    positions, rest = divmod(second.inputs, first.outputs)
    if first.is_map and not second.is_map and not rest and 1 < positions <= MAX_POSITIONS:
        return f"{first.outputs:,} outputs at {positions:,} positions, {second.inputs:,} inputs"
    return ""


def _sides(tensor: WeightTensor, file: WeightFile) -> _Sides:
    """Inputs and outputs of a weight, by its bias where that tells them apart, else by the habit of its format."""
    shape = tensor.shape
    is_map = len(shape) > 2
    rows_first = (shape[1], shape[0])
    is_keras = file.format in INPUTS_FIRST
    columns_first = (shape[-2], shape[-1]) if is_keras else (shape[0], shape[1])
    if len(shape) == 2 and pieces(tensor.name) & TABLES:
        return _Sides(shape[0], shape[1], is_map=False)
    bias = _bias_size(tensor.name, file.tensors)
    is_columns = bias == columns_first[1] if bias in (rows_first[1], columns_first[1]) else is_keras
    if shape[0] == shape[1] and not is_keras:
        is_columns = False
    inputs, outputs = columns_first if is_columns else rows_first
    return _Sides(max(inputs, 1), max(outputs, 1), is_map)


def _bias_size(name: str, tensors: Mapping[str, WeightTensor]) -> int | None:
    """How many numbers the bias beside a weight has; None if there is none."""
    start = name[: len(name) - len(SEPARATOR.split(name)[-1])]
    sizes = [math.prod(tensors[start + role].shape) for role in BIASES if start + role in tensors]
    return sizes[0] if sizes else None


def correct(file: WeightFile, connections: tuple[Connection, ...], said: Corrections) -> tuple[Connection, ...]:
    """Connections as the user says: without those that are removed, with those that are added, no guesses any more.

    Raises:
        UnknownNameError: If a correction names a tensor that is not in the file.
    """
    for pair in sorted(said.added):
        for name in pair:
            if name not in file.tensors:
                raise UnknownNameError("tensor", name, list(file.tensors)[:REACH])
    kept = [c for c in connections if (c.source, c.target) not in said.removed | said.added]
    order = {name: position for position, name in enumerate(file.likely_order)}
    added = [Connection(source, target, "as stated", is_guess=False) for source, target in said.added]
    return tuple(sorted([*kept, *added], key=lambda c: (order[c.target], order[c.source])))
