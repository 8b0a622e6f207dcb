"""`ngcore study`: many short trainings that answer one question with a table."""

from pathlib import Path
from typing import Annotated

import typer

from ngcore.cli.options import Device, Json, Limit, ZooOption, example
from ngcore.cli.output import print_result, table_of
from ngcore.cli.progress import progress_bar
from ngcore.paths import ASSETS


def register(program: typer.Typer) -> None:
    """Add the command to the program."""
    program.command(epilog=example("study number-of-probes", "study probes-and-data --limit 1000 --out probes.json"))(
        study
    )


def study(
    name: Annotated[str, typer.Argument(help="probes-and-data, normalisation, number-of-probes, parts or editing.")],
    zoo: ZooOption = None,
    out: Annotated[
        Path | None, typer.Option(help="The .json file to write.", show_default="assets/studies/NAME.json")
    ] = None,
    device: Device = "auto",
    limit: Limit = None,
    as_json: Json = False,
) -> None:
    """Train the models of a study one after the other, going on where it was stopped; or compare all editors."""
    from ngcore.report.studies import EDITED_ZOO, EDITING, find_study, run_edit_study, run_study, study_table
    from ngcore.zoo import find_zoo

    folder = find_zoo(zoo or (EDITED_ZOO if name == EDITING else find_study(name).zoo))
    path = out or ASSETS / "studies" / f"{name}.json"
    with progress_bar(f"Study {name}") as bar:
        if name == EDITING:
            bar(0, 1, note="editing and refitting")
            content = run_edit_study(path, zoo_folder=folder, device=device, limit=limit)
        else:
            content = run_study(
                name,
                path,
                zoo_folder=folder,
                device=device,
                limit=limit,
                progress=lambda done, of, cell: bar(done, of, note=cell),
            )
    heads, rows = study_table(content)
    print_result(
        content,
        as_json=as_json,
        show=lambda console: console.print(table_of(heads, rows, title=content["question"])),
    )
