"""`ngcore results`: the figures of all trained models, one protocol, from their cards."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from ngcore.cli.options import Json, example
from ngcore.cli.output import print_result, say, table_of
from ngcore.cli.replacing import Replace, check_output
from ngcore.files import readable_json, write_atomically


def register(program: typer.Typer) -> None:
    """Add the command to the program."""
    program.command(epilog=example("results", "results --readme README.md --out results.json"))(results)


def results(
    readme: Annotated[
        Path | None,
        typer.Option(help="Update the tables of shipped models in this Markdown file and in docs/ beside it."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Also write the figures to a .json file.")] = None,
    shipped: Annotated[bool, typer.Option("--shipped", help="Only the models that ship.")] = False,
    replace: Replace = False,
    as_json: Json = False,
) -> None:
    """Show the test figures of all trained models, the best for each question first."""
    from ngcore.report.results import result_rows, write_results
    from ngcore.report.studies import list_studies
    from ngcore.tasks import survey_checkpoints

    if out is not None:
        check_output(out, suffixes=(".json",), replace=replace)
    listing = survey_checkpoints(shipped=shipped or readme is not None)
    for reason in listing.damaged.values():
        say(reason)
    rows = result_rows(listing.cards.values())
    if readme is not None:
        changed = write_results(readme, rows, list_studies(shipped=True))
        say(f"Written into {', '.join(map(str, changed))}." if changed else f"{readme} is up to date.")
    if out is not None:
        figures = readable_json(rows) + "\n"
        write_atomically(out, lambda path: path.write_text(figures, encoding="utf-8"))
        say(f"Written to {out}.")
    print_result(rows, as_json=as_json, show=lambda console: _show(console, rows, list_studies(shipped=shipped)))


def _show(console: Console, rows: list[dict[str, Any]], studies: list[dict[str, Any]]) -> None:
    from ngcore.report.accuracy_table import (
        COLUMNS,
        NUM_WORDS,
        accuracy_lines,
        compare_with_baselines,
        describe_comparison,
    )
    from ngcore.report.results import describe_figure

    columns = ("Task", "Zoo", "Model", "On test networks", ">n", ">Seeds", ">Parameters", ">Minutes", ">Networks/s")
    cells = [
        (
            row["task"],
            row["zoo"],
            row["name"],
            describe_figure(row),
            row["test"]["n"],
            row["seeds"],
            row["parameters"],
            round(row["training_seconds"] / 60),
            round(row["networks_per_second"]),
        )
        for row in rows
    ]
    console.print(table_of(columns, cells, title="On test networks"))
    heads = [head if place < NUM_WORDS else f">{head}" for place, head in enumerate(COLUMNS)]
    for one in compare_with_baselines(rows, studies):
        lines = [[cell.replace("**", "") for cell in cells] for cells in accuracy_lines(one)]
        console.print(table_of(heads, lines, title=describe_comparison(one).replace("**", "")))
