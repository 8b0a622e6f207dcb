"""`ngcore weights`: the tensors of any file of weights, whether or not a network can be made of them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from ngcore.cli.options import Json, example
from ngcore.cli.output import print_result, say, table_of
from ngcore.errors import DataError, UploadError

if TYPE_CHECKING:
    from ngcore.upload.schemes import Recognition
    from ngcore.upload.weights import Connection, WeightFile, WeightTensor

MAX_NAMED = 5  # reasons for setting aside that a line lists


def register(program: typer.Typer) -> None:
    """Add the command to the program."""
    program.command(
        epilog=example(
            "weights weights.safetensors",
            "weights weights.safetensors --no-statistics --json",
        )
    )(weights)


def weights(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file of weights of up to 2 GB.")],
    statistics: Annotated[
        bool, typer.Option("--statistics/--no-statistics", help="Read the numbers, too, not only names and shapes.")
    ] = True,
    as_json: Json = False,
) -> None:
    """List the tensors in a file of weights, with statistics, and guesses of how they connect."""
    from ngcore.upload.schemes import connections_of, recognise_file
    from ngcore.upload.weights import open_weights

    if not file.is_file():
        raise DataError(f"Expected a file of weights, got {str(file)!r}: no such file.")
    try:
        opened = open_weights(file)
        found = recognise_file(opened)
    except UploadError as error:
        raise UploadError(f"{file}: {error}", recipe=error.recipe) from error
    result = _describe(file, opened, connections_of(opened, found), with_statistics=statistics)
    result["structure"] = _structure(found)
    print_result(result, as_json=as_json, show=lambda console: _show(console, result))


def _describe(
    path: Path, opened: "WeightFile", connections: "tuple[Connection, ...]", *, with_statistics: bool
) -> dict[str, Any]:
    return {
        "file": str(path),
        "format": opened.format,
        "num_bytes": opened.size,
        "num_tensors": len(opened.tensors),
        "num_numbers": opened.num_numbers,
        "notes": list(opened.notes),
        "tensors": [_row(tensor, with_statistics=with_statistics) for tensor in opened.tensors.values()],
        "guessed_connections": _links(connections, are_guesses=True),
        "known_connections": _links(connections, are_guesses=False),
        "aside": [
            {"name": one.name, "reason": one.reason, "shape": None if one.shape is None else list(one.shape)}
            for one in opened.aside
        ],
    }


def _links(connections: "tuple[Connection, ...]", *, are_guesses: bool) -> list[dict[str, str]]:
    own = [link for link in connections if link.is_guess == are_guesses]
    return [{"source": link.source, "target": link.target, "reason": link.reason} for link in own]


def _structure(found: "Recognition") -> dict[str, Any]:
    """Which network it is, and what is taken for granted or open; else what it only looks like."""
    if found.structure is None:
        return {"scheme": None, "notes": list(found.near_misses)}
    structure = found.structure
    return {
        "scheme": structure.scheme,
        "num_parameters": structure.architecture.num_parameters,
        "notes": list(structure.notes),
        "open": [
            {"field": one.field, "suggestion": one.suggestion, "reason": one.reason} for one in structure.questions
        ],
    }


def _row(tensor: "WeightTensor", *, with_statistics: bool) -> dict[str, Any]:
    row: dict[str, Any] = {
        "name": tensor.name,
        "shape": list(tensor.shape),
        "dtype": tensor.dtype,
        "num_numbers": tensor.size,
        "made_of": tensor.made_of,
    }
    if not with_statistics:
        return row
    summary = tensor.summary
    return row | {
        "mean": summary.mean,
        "std": summary.std,
        "min": summary.min,
        "max": summary.max,
        "zeros": summary.zeros,
        "num_nan": summary.num_nan,
        "num_infinite": summary.num_infinite,
        "histogram": list(summary.counts),
    }


def _show(console: Console, result: dict[str, Any]) -> None:
    for note in result["notes"]:
        say(note)
    aside = result["aside"]
    if aside:
        reasons = list(dict.fromkeys(one["reason"] for one in aside))
        more = "; …" if len(reasons) > MAX_NAMED else ""
        say(f"Set aside: {len(aside):,} ({'; '.join(reasons[:MAX_NAMED])}{more}). --json lists them.")
    structure = result["structure"]
    for note in structure["notes"]:
        say(note)
    guessed, known = (len(result[f"{kind}_connections"]) for kind in ("guessed", "known"))
    what = f"{structure['scheme']}, by the names of its tensors; " if structure["scheme"] else ""
    how = f"{known:,} connections" if structure["scheme"] else f"{guessed:,} connections guessed by matching sizes"
    console.print(
        f"{result['format']}: {what}{result['num_tensors']:,} tensors, {result['num_numbers']:,} numbers; {how}"
    )
    has_statistics = bool(result["tensors"]) and "mean" in result["tensors"][0]
    columns = ["Tensor", "Shape", "Type", ">Numbers", *([">Mean", ">Std", ">Min", ">Max"] if has_statistics else [])]
    console.print(table_of(columns, [_cells(row, has_statistics) for row in result["tensors"]]))


def _cells(row: dict[str, Any], has_statistics: bool) -> list[Any]:
    cells = [row["name"], "×".join(map(str, row["shape"])) or "scalar", row["dtype"], row["num_numbers"]]
    if not has_statistics:
        return cells
    odd = row["num_nan"] + row["num_infinite"]
    shown = [f"{row[key]:.4g}" if row[key] == row[key] else "–" for key in ("mean", "std", "min", "max")]
    return [*cells, *shown[:3], f"{shown[3]}{f' ({odd:,} not finite)' if odd else ''}"]
