"""`ngcore benchmark`: how fast the models are on this machine."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from ngcore.cli.options import Json, example
from ngcore.cli.output import line, plain, print_result, say, table_of
from ngcore.cli.progress import progress_bar
from ngcore.cli.replacing import Replace, check_output
from ngcore.files import write_atomically


def register(program: typer.Typer) -> None:
    """Add the command to the program."""
    program.command(epilog=example("benchmark --quick", "benchmark --out benchmark.json"))(benchmark)


def benchmark(
    quick: Annotated[bool, typer.Option("--quick", help="Fewer repetitions and sizes; takes about a minute.")] = False,
    out: Annotated[Path | None, typer.Option(help="Also write the figures to a .json file.")] = None,
    replace: Replace = False,
    as_json: Json = False,
) -> None:
    """Measure training and inference speed of the models: block layout, flat layout, torch_geometric reference."""
    from ngcore.benchmark import run_benchmark

    if out is not None:
        check_output(out, suffixes=(".json",), replace=replace)
    with progress_bar("Measuring") as bar:
        result = plain(run_benchmark(quick=quick, progress=bar))
    if out is not None:
        figures = json.dumps(result, indent=2, allow_nan=False) + "\n"
        write_atomically(out, lambda path: path.write_text(figures, encoding="utf-8"))
        say(f"Written to {out}.")
    print_result(result, as_json=as_json, show=lambda console: _show(console, result))


def _show(console: Console, result: dict[str, Any]) -> None:
    """Print lists of rows as tables, and everything else as lines."""
    for name, value in result.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            fields = list(value[0])
            is_number = {field: isinstance(value[0][field], int | float) for field in fields}
            columns = [f"{'>' if is_number[field] else ''}{field}" for field in fields]
            rows = [[row.get(field) for field in fields] for row in value]
            console.print(table_of(columns, rows, title=name))
        else:
            console.print(line(f"{name}: {value}"))
