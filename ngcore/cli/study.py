"""`ngcore study`: many short training runs that answer one question with a table."""

from pathlib import Path
from typing import Annotated

import typer

from ngcore.cli.options import Device, Json, Limit, ZooOption, example
from ngcore.cli.output import print_result, table_of
from ngcore.cli.progress import progress_bar
from ngcore.cli.replacing import Replace, expect_free


def register(program: typer.Typer) -> None:
    """Add the command to the program."""
    program.command(epilog=example("study number-of-probes", "study probes-and-data --limit 1000 --out probes.json"))(
        study
    )


def study(
    name: Annotated[str, typer.Argument(help="probes-and-data, normalisation, number-of-probes, parts or editing.")],
    zoo: ZooOption = None,
    out: Annotated[
        Path | None, typer.Option(help="The .json file to write.", show_default="work/studies/NAME.json")
    ] = None,
    replace: Replace = False,
    device: Device = "auto",
    limit: Limit = None,
    as_json: Json = False,
) -> None:
    """Train the models of a study one after another, resuming a stopped study; or compare all editors.

    A study in work/studies takes precedence over a shipped one. To ship it: --out assets/studies/NAME.json.
    """
    from ngcore.report.studies import EDITED_ZOO, find_study, run_edit_study, run_study
    from ngcore.report.study_files import EDITING, goes_on, own_studies, study_table
    from ngcore.zoo import Zoo, find_zoo

    folder = find_zoo(zoo or (EDITED_ZOO if name == EDITING else find_study(name).zoo))
    path = out or own_studies() / f"{name}.json"
    if not goes_on(name, path, Zoo.open(folder)):
        expect_free(path, replace=replace)
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
