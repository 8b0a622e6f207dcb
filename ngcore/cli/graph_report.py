"""The report of `ngcore graph`: a row for each layer, and what of the original the network holds."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from rich.console import Console

from ngcore.cli.output import say, table_of

if TYPE_CHECKING:
    from ngcore.graph import EdgeBlock, GraphStructure
    from ngcore.networks import Network

COLUMNS = ("Layer", "Kind", ">Neurons", "Activation", "Reads", ">Edges", ">Parameters")
JOINED = {"input": "input", "position": "positions"}


def report_of(network: "Network", structure: "GraphStructure") -> dict[str, Any]:
    """Layers in the order of the forward pass, and the coverage report; None where there is nothing to report.

    A layer is made of the node blocks of one step. Where no step with parameters makes them, such as for the scores
    of attention, its name is None. Edges are those into the layer; tied parameters count where they come first.
    """
    members = _members(structure)
    place = {block: number for number, own in enumerate(members) for block in own}
    into: dict[int, list[EdgeBlock]] = {number: [] for number in range(len(members))}
    for edge in structure.edge_blocks:
        into[place[edge.target]].append(edge)
    counted: set[str] = set()
    layers = []
    for number, own in enumerate(members):
        first = structure.node_blocks[own[0]]
        names = {edge.parameter for edge in into[number] if edge.parameter}
        names |= {feature[0] for i in own for feature in structure.node_blocks[i].parameters if feature}
        fresh, counted = names - counted, counted | names
        layers.append(
            {
                "layer": first.layer,
                "kind": _kind(structure, own[0], into[number]),
                "num_neurons": sum(structure.node_blocks[i].size for i in own),
                "activation": first.activation,
                "reads": sorted({place[edge.source] for edge in into[number]}),
                "num_edges": sum(math.prod(structure.edge_shape(edge)) for edge in into[number]),
                "num_parameters": sum(math.prod(network.architecture.parameter_shapes[name]) for name in fresh),
            }
        )
    shapes = network.architecture.parameter_shapes
    return {
        "layers": layers,
        "num_parameters_elsewhere": sum(math.prod(shapes[name]) for name in structure.constants),
        "coverage": network.origin.coverage.to_dict() if network.origin else None,
    }


def _members(structure: "GraphStructure") -> list[list[int]]:
    """Node blocks by layers: pieces of one step that stand side by side are one, and so are gates."""
    found: list[list[int]] = []
    for number, block in enumerate(structure.node_blocks):
        before = structure.node_blocks[number - 1]
        is_piece = block.first == before.first + before.size
        is_gate = block.layer is not None and block.value is before.value is None
        keys = [(own.layer, own.value, own.activation) for own in (before, block)]
        if number and keys[0] == keys[1] and (is_piece or is_gate):
            found[-1].append(number)
        else:
            found.append([number])
    return found


def _kind(structure: "GraphStructure", block: int, into: "list[EdgeBlock]") -> str:
    """What a layer is: the kind of its step, else of the edges that enter it."""
    node, architecture = structure.node_blocks[block], structure.architecture
    if node.layer is not None and node.value is not None:
        return architecture.steps[node.value - architecture.num_inputs].layer.kind
    if node.layer is not None:
        return next(step.layer.kind for step in architecture.steps if step.name == node.layer)
    return JOINED.get(node.role, ", ".join(dict.fromkeys(edge.kind for edge in into)))


def show_report(console: Console, result: dict[str, Any]) -> None:
    """Print the layers as a table, and below it what was left out."""
    rows = list(_rows(result["layers"]))
    console.print(table_of((">", *COLUMNS), rows))
    if result["num_parameters_elsewhere"]:
        say(f"{result['num_parameters_elsewhere']:,} numbers are fixed tables, which are on no edge.")
    coverage = result["coverage"]
    if coverage is None:
        return
    say(f"{coverage['num_covered']:,} of {coverage['num_parameters']:,} parameters of the original are in the graph.")
    if coverage["skipped"]:
        names = ("path", "operation", "reason", "parameters", "input")
        skipped = [[row[name] for name in names] for row in coverage["skipped"]]
        columns = ("Path", "Operation", "Reason", ">Parameters", ">Input")
        console.print(table_of(columns, skipped, title="Left out; what it makes is an input"))
    for name in coverage["unused"]:
        say(f"No output depends on {name}.")
    for note in coverage["notes"]:
        say(note)


def _rows(layers: list[dict[str, Any]]) -> Iterator[tuple[object, ...]]:
    for number, layer in enumerate(layers):
        function = "" if layer["activation"] == "none" else layer["activation"]
        reads = " ".join(map(str, layer["reads"]))
        sizes = (layer["num_edges"], layer["num_parameters"])
        yield (number, layer["layer"] or "–", layer["kind"], layer["num_neurons"], function, reads, *sizes)
