"""`ngcore graph`: the neural graph of a network, in numbers and as a file."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from ngcore.cli.graph_report import report_of, show_report
from ngcore.cli.hints import takes_hints
from ngcore.cli.inputs import InputNetwork, Source, read_input
from ngcore.cli.options import Json, example
from ngcore.cli.output import print_result, say, table_of
from ngcore.cli.replacing import Replace, check_output
from ngcore.files import write_atomically

if TYPE_CHECKING:
    from ngcore.graph import GraphStructure, NeuralGraph
    from ngcore.upload import Hints

SUFFIXES = (".json", ".pt", ".html")


def register(program: typer.Typer) -> None:
    """Add the command to the program."""
    program.command(
        epilog=example(
            "graph mnist-inrs/060000",
            "graph weights.safetensors --activation relu --out graph.html",
            "graph weights.safetensors --activation relu --report  # its layers, and what was left out",
            "graph cifar10-gs-cnns/00030-000105 --out graph.pt  # a torch_geometric Data",
        )
    )(takes_hints(graph))


def graph(
    source: Source,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Also write the graph: .json (plain lists), .pt (torch_geometric Data) or .html (a drawing)."
        ),
    ] = None,
    report: Annotated[
        bool, typer.Option("--report", help="A table of the layers instead, and what of the original was left out.")
    ] = False,
    replace: Replace = False,
    as_json: Json = False,
    hints: "Hints | None" = None,
) -> None:
    """Describe the neural graph of a network: neurons as nodes, weights as edges."""
    from ngcore.graph import graph_structure, to_graph

    if out is not None:
        check_output(out, suffixes=SUFFIXES, replace=replace)
    given = read_input(source, hints)
    structure = graph_structure(given.network.architecture)
    result = _describe(given, structure)
    if report:
        del result["node_blocks"], result["edge_blocks"]
        result |= report_of(given.network, structure)
    if out is not None:
        neural_graph = to_graph(given.network)
        write_atomically(out, lambda temporary: _write(temporary, out.suffix, given, neural_graph))
        result["file"] = str(out)
        say(f"Written to {out}.")
    print_result(result, as_json=as_json, show=lambda console: _show(console, result, is_report=report))


def _describe(given: InputNetwork, structure: "GraphStructure") -> dict[str, Any]:
    from ngcore.tasks import find_degeneracy

    nodes = [
        {"layer": block.layer, "role": block.role, "num_nodes": block.size, "activation": block.activation}
        for block in structure.node_blocks
    ]
    edges = []
    for block in structure.edge_blocks:
        groups, sources, targets = structure.edge_shape(block)
        about = {"source": block.source, "target": block.target, "kind": block.kind, "layer": block.layer}
        sizes = {"groups": groups, "num_edges": groups * sources * targets, "kernel": list(block.kernel)}
        edges.append({**about, **sizes})
    return {
        "network": given.source,
        "architecture": given.network.architecture.name,
        "num_parameters": given.network.architecture.num_parameters,
        "notes": list(given.notes),
        "warnings": list(find_degeneracy(given.network).sentences),
        "num_nodes": structure.num_nodes,
        "num_edges": structure.num_edges,
        "node_blocks": nodes,
        "edge_blocks": edges,
    }


def _show(console: Console, result: dict[str, Any], *, is_report: bool) -> None:
    for note in (*result["notes"], *result["warnings"]):
        say(note)
    console.print(
        f"{result['architecture']}: {result['num_parameters']:,} parameters, {result['num_nodes']:,} nodes, "
        f"{result['num_edges']:,} edges",
    )
    if is_report:
        show_report(console, result)
        return
    nodes = [
        (i, block["role"], block["num_nodes"], block["activation"]) for i, block in enumerate(result["node_blocks"])
    ]
    console.print(table_of((">Block", "Role", ">Nodes", "Activation"), nodes))
    edges = [
        (f"{b['source']} → {b['target']}", b["kind"], b["groups"], b["num_edges"], "×".join(map(str, b["kernel"])))
        for b in result["edge_blocks"]
    ]
    console.print(table_of(("From → to", "Kind", ">Groups", ">Edges", "Kernel"), edges))


def _write(path: Path, suffix: str, given: InputNetwork, neural_graph: "NeuralGraph") -> None:
    if suffix == ".pt":
        import torch

        from ngcore.graph import to_pyg

        torch.save(to_pyg(neural_graph)[0], path)
        return
    if suffix == ".html":
        from ngcore.cli.graph_drawing import draw_page

        path.write_text(draw_page(neural_graph, title=given.source), encoding="utf-8")
        return
    path.write_text(json.dumps(_plain_graph(given, neural_graph), allow_nan=False), encoding="utf-8")


def _plain_graph(given: InputNetwork, neural_graph: "NeuralGraph") -> dict[str, Any]:
    """The graph as lists: the features of node i are at index i, an edge is [source, target, its features …]."""
    from ngcore.graph import to_flat

    flat = to_flat(neural_graph)
    edges = zip(flat.edge_index.T.tolist(), flat.edge_features.tolist(), strict=True)
    return {
        "network": given.source,
        "architecture": given.network.architecture.to_dict(),
        "kernel_size": list(neural_graph.kernel_size),
        "nodes": flat.node_features.tolist(),
        "edges": [[*ends, *features] for ends, features in edges],
    }
