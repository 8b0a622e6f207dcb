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
    examples = ("study number-of-probes", "study accuracy-baselines --zoo cifar10-gs-cnns")
    program.command(epilog=example(*examples))(study)


def study(
    name: Annotated[
        str,
        typer.Argument(
            help="probes-and-data, normalisation, number-of-probes, parts, editing or extremes, about INRs; "
            "accuracy-baselines, -parts, -probes, -data or -leave-out, about a zoo with accuracies."
        ),
    ],
    zoo: ZooOption = None,
    out: Annotated[
        Path | None, typer.Option(help="The .json file to write.", show_default="work/studies/NAME.json")
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(help="The model that a study of accuracy varies.", show_default="ng-sweep-accuracy"),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(help="Steps of each of its trainings.", min=1, show_default="1500")
    ] = None,
    replace: Replace = False,
    device: Device = "auto",
    limit: Limit = None,
    as_json: Json = False,
) -> None:
    """Train the models of a study in turn, or measure baselines, editors or extremes; a stopped study continues.

    A study in work/studies takes precedence over a shipped one. To ship it, copy its file to assets/studies.
    """
    from ngcore.report.studies import run_study, study_head, zoo_of_study
    from ngcore.report.study_files import goes_on, own_studies, study_file, study_table
    from ngcore.zoo import Zoo, find_zoo

    opened = Zoo.open(find_zoo(zoo or zoo_of_study(name)))
    head = study_head(name, opened, preset=preset, steps=steps)
    path = out or own_studies() / study_file(head)
    if not goes_on(head, path):
        expect_free(path, replace=replace)
    with progress_bar(f"Study {name}") as bar:
        content = run_study(
            name,
            path,
            zoo_folder=opened.folder,
            device=device,
            limit=limit,
            preset=preset,
            steps=steps,
            progress=lambda done, of, cell: bar(done, of, note=cell),
        )
    heads, rows = study_table(content)
    print_result(
        content,
        as_json=as_json,
        show=lambda console: console.print(table_of(heads, rows, title=content["question"])),
    )
