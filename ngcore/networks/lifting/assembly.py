"""Puts lifted steps together: an architecture, its parameters, and the record of where they come from."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor

from ngcore.networks.architecture import Architecture, Step
from ngcore.networks.lifting.builder import Value
from ngcore.networks.lifting.coverage import Coverage, Skipped
from ngcore.networks.lifting.graph import ForeignGraph
from ngcore.networks.lifting.lifter import Cut, Lifter, ordered
from ngcore.networks.lifting.nodes import Node
from ngcore.networks.lifting.rules import RULES
from ngcore.networks.lifting.turning import settle_turns
from ngcore.networks.network import Network
from ngcore.networks.origin import Derived, Entry, Origin, Part


@dataclasses.dataclass(frozen=True)
class Original:
    """What is known of the tensors of the original.

    Attributes:
        state: All that its state dict (or file) holds, in its order.
        canonical: For tensors with several names the one under which the graph knows them.
        learned: Canonical names of parameters.
    """

    state: Mapping[str, object]
    canonical: Mapping[str, str]
    learned: frozenset[str]


def lifted(graph: ForeignGraph, original: Original, *, batch_size: int) -> Network:
    """A foreign graph as a network, with its origin and the report of what was left out.

    Raises:
        ArchitectureError: If something that was left out has no axis for the batch.
    """
    lifter = Lifter(graph, batch_size=batch_size, rules=RULES)
    lifter.lift_all()
    outputs = lifter.outputs()
    needed = _needed(outputs)
    inputs = [v for number, v in enumerate(lifter.inputs) if number < len(graph.inputs) or v in needed]
    made = [value for value in lifter.builder.values if value.layer is not None and value in needed]
    numbers = {value: number for number, value in enumerate([*inputs, *made])}
    steps = tuple(
        Step(value.layer, tuple(numbers[read] for read in value.reads), value.name)
        for value in made
        if value.layer is not None
    )
    shapes = tuple(value.shape for value in inputs)
    paths = tuple(value.path for value in made)
    architecture = Architecture(shapes, steps, tuple(numbers[value] for value in outputs))
    architecture, paths = settle_turns(architecture, paths)
    nodes = {f"{value.name}.{key}": node for value in made for key, node in value.parameters.items()}
    dtype = _common_dtype(node.value for node in nodes.values() if node.value is not None)
    parameters = {name: _as_stack(nodes[name], dtype) for name in architecture.parameter_shapes}
    stand_ins = {
        cut.node: numbers.get(value) for cut, value in zip(lifter.cuts, lifter.inputs[len(graph.inputs) :], strict=True)
    }
    coverage = _coverage(original, nodes, lifter.cuts, stand_ins, graph.outputs)
    return Network(architecture, parameters, origin=_origin(original, nodes, coverage, paths))


def _needed(outputs: Iterable[Value]) -> set[Value]:
    found: set[Value] = set()
    stack = list(outputs)
    while stack:
        value = stack.pop()
        if value not in found:
            found.add(value)
            stack.extend(value.reads)
    return found


def _common_dtype(tensors: Iterable[Tensor]) -> torch.dtype:
    """Double precision where something needs it, else single: halves are held in full."""
    return torch.float64 if any(tensor.dtype == torch.float64 for tensor in tensors) else torch.float32


def _as_stack(node: Node, dtype: torch.dtype) -> Tensor:
    assert node.value is not None
    return node.value.detach().to(dtype=dtype, copy=True).contiguous()[None]


def _origin(original: Original, nodes: Mapping[str, Node], coverage: Coverage, paths: tuple[str, ...]) -> Origin:
    parts: dict[str, list[Part]] = {}
    derived = []
    for name, node in nodes.items():
        if node.source is not None:
            parts.setdefault(node.source.name, []).append(Part(name, node.source.views))
        elif node.origins and node.value is not None:
            derived.append(Derived(name, tuple(sorted(node.origins)), node.value, node.attrs.get("fold")))
    entries = []
    for name, tensor in original.state.items():
        own = tuple(parts.get(original.canonical.get(name, name), ()))
        if isinstance(tensor, Tensor):
            entries.append(Entry.of(name, tensor, own))
        else:
            entries.append(Entry(name, None, (), (), tensor))
    return Origin(tuple(entries), tuple(derived), coverage, paths)


def _coverage(
    original: Original,
    nodes: Mapping[str, Node],
    cuts: Sequence[Cut],
    stand_ins: Mapping[Node, int | None],
    outputs: Sequence[Node],
) -> Coverage:
    sizes = {
        original.canonical.get(name, name): tensor.numel()
        for name, tensor in original.state.items()
        if isinstance(tensor, Tensor) and original.canonical.get(name, name) in original.learned
    }
    held = {name for node in nodes.values() for name in node.origins if name in sizes}
    missing = set(sizes) - held
    skipped = []
    for cut in cuts:
        lost = {name for node in ordered([cut.node]) for name in node.origins if name in missing}
        missing -= lost
        what = str(cut.node.attrs.get("what", cut.node.op))
        total = sum(sizes[name] for name in lost)
        skipped.append(Skipped(cut.node.path, what, cut.reason, total, stand_ins.get(cut.node)))
    covered = sum(sizes[name] for name in held)
    return Coverage(sum(sizes.values()), covered, tuple(skipped), tuple(sorted(missing)), _notes(nodes))


def _notes(nodes: Mapping[str, Node]) -> tuple[str, ...]:
    found = []
    for name, node in nodes.items():
        if node.source is None and node.is_learned:
            kind = " (weight norm)" if node.attrs.get("fold") else ""
            found.append(f"{name} was computed once from {', '.join(sorted(node.origins))}{kind}")
    return tuple(found)
