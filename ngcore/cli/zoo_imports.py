"""`ngcore zoo import`: any folder of weight files as a zoo."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from ngcore.cli.hints import takes_hints
from ngcore.cli.options import Json, Out, Processes, Scheduler, example
from ngcore.cli.output import line, print_result, say
from ngcore.cli.progress import progress_bar
from ngcore.errors import ZooError

if TYPE_CHECKING:
    import pandas

    from ngcore.upload import Hints
    from ngcore.zoo import ImportReport

MOST_REASONS = 5


def register(commands: typer.Typer) -> None:
    """Add the command to `ngcore zoo`."""
    commands.command(
        name="import",
        epilog=example(
            "zoo import . --name my-networks",
            "zoo import . --name my-inrs --activation sine --omega-0 30 --convention dws",
        ),
    )(takes_hints(import_zoo))


def import_zoo(
    folder: Annotated[Path, typer.Argument(help="A folder with files of weights, in folders or not.")],
    name: Annotated[str | None, typer.Option(help="Name of the zoo.", show_default="that of the folder")] = None,
    labels: Annotated[
        Path | None,
        typer.Option(help="A .csv or .parquet file with a column file (paths in the folder), and label, accuracy, …"),
    ] = None,
    workers: Processes = 1,
    scheduler: Scheduler = None,
    out: Out = None,
    as_json: Json = False,
    *,
    hints: "Hints",
) -> None:
    """Make a zoo of all files of weights in a folder, resuming a stopped import.

    Folders called train, validation or test name the split, other folders the class. Files that are no networks are
    left out and named.
    """
    from ngcore.workers import Workers
    from ngcore.zoo import default_zoo_folder, import_folder

    who = Workers(processes=workers, scheduler=scheduler)
    called = name or folder.resolve().name
    target = out or default_zoo_folder(called)
    with progress_bar(f"Importing {called}") as bar:
        report = import_folder(
            folder, target, name=called, table=_table(labels), hints=hints, workers=who, progress=bar
        )
    for path, reason in list(report.refused.items())[:MOST_REASONS]:
        say(f"{path}: {reason}")
    say(f"Written to {target}.")
    print_result(_result(report, target), as_json=as_json, show=lambda console: _show(console, report))


def _table(path: Path | None) -> "pandas.DataFrame | None":
    """The table in a file.

    Raises:
        ZooError: If it cannot be read.
    """
    if path is None:
        return None
    import pandas

    if path.suffix not in (".csv", ".parquet"):
        raise ZooError(f"Expected a .csv or .parquet file as --labels, got {path}.")
    try:
        return pandas.read_csv(path) if path.suffix == ".csv" else pandas.read_parquet(path)
    except (OSError, ValueError) as error:  # pandas and pyarrow raise kinds of ValueError for damaged files
        raise ZooError(f"Expected a table in {path}, got a file that cannot be read: {error}") from error


def _result(report: "ImportReport", target: Path) -> dict[str, Any]:
    return {
        "name": report.zoo.name,
        "folder": str(target),
        "num_networks": len(report.zoo),
        "num_files": report.num_files,
        "refused": dict(report.refused),
        "hash": report.zoo.hash,
    }


def _show(console: Console, report: "ImportReport") -> None:
    left_out = f"; {len(report.refused):,} files were left out" if report.refused else ""
    console.print(line(f"{report.zoo!r} from {report.num_files:,} files{left_out}"))
