"""`ngcore study`: many short training runs that answer one question with a table."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from ngcore.cli.options import Device, Json, Limit, ZooOption, example
from ngcore.cli.output import print_result, table_of
from ngcore.cli.progress import progress_bar
from ngcore.cli.replacing import Replace, expect_free
from ngcore.errors import NeuralGraphError, UnknownNameError


def register(program: typer.Typer) -> None:
    """Add the command to the program."""
    examples = (
        "study number-of-probes",
        "study accuracy-baselines --zoo cifar10-gs-cnns",
        "study optimisers --task fashion-mnist --width 1 --width 2",
        "study optimisers --cost",
    )
    program.command(epilog=example(*examples))(study)


def study(
    name: Annotated[
        str,
        typer.Argument(
            help="probes-and-data, normalisation, number-of-probes, parts, editing or extremes, about INRs; "
            "accuracy-baselines, -parts, -probes, -data or -leave-out, about a zoo with accuracies; optimisers."
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
        int | None,
        typer.Option(help="Steps of each training.", min=1, show_default="1500; of optimisers 1000"),
    ] = None,
    task: Annotated[
        list[str] | None,
        typer.Option(
            help="What optimisers train: fashion-mnist, cifar10, 5-layers, mlp or transformer; may be repeated.",
            show_default="the first two",
        ),
    ] = None,
    width: Annotated[
        list[int] | None,
        typer.Option(help="How many times as wide that is; may be repeated.", min=1, show_default="1"),
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(help="Networks that each optimiser trains.", min=1, show_default="5")
    ] = None,
    precision: Annotated[
        str | None,
        typer.Option(help="Of what optimisers train: float32 or bfloat16.", show_default="float32"),
    ] = None,
    only_moved: Annotated[
        bool, typer.Option("--only-moved", help="Take rates of optimisers that are best on Fashion-MNIST everywhere.")
    ] = False,
    cost: Annotated[
        bool, typer.Option("--cost", help="Measure instead the time of optimisers' steps, and what they keep.")
    ] = False,
    replace: Replace = False,
    device: Device = "auto",
    limit: Limit = None,
    as_json: Json = False,
) -> None:
    """Train the models of a study in turn, or measure baselines, editors or extremes; a stopped study continues.

    A study in work/studies takes precedence over a shipped one. To ship it, copy its file to assets/studies.
    """
    from ngcore.report.studies import run_study, study_head, study_names, zoo_of_study
    from ngcore.report.study_files import OPTIMISERS, goes_on, own_studies, study_file
    from ngcore.zoo import Zoo, find_zoo

    if name not in study_names():
        raise UnknownNameError("study", name, study_names())
    if name == OPTIMISERS:
        _expect_none(name, {"--zoo": zoo, "--preset": preset, "--limit": limit})
        if cost:
            _cost_of_optimisers(out, as_json=as_json)
            return
        content = _study_optimisers(
            out,
            tasks=task,
            widths=width,
            steps=steps,
            seeds=seeds,
            precision=precision,
            only_moved=only_moved,
            replace=replace,
            device=device,
        )
        _print(content, as_json=as_json)
        return
    _expect_none(
        name,
        {
            "--task": task,
            "--width": width,
            "--seeds": seeds,
            "--precision": precision,
            "--only-moved": only_moved,
            "--cost": cost,
        },
    )
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
    _print(content, as_json=as_json)


def _study_optimisers(
    out: Path | None,
    *,
    tasks: list[str] | None,
    widths: list[int] | None,
    steps: int | None,
    seeds: int | None,
    precision: str | None,
    only_moved: bool,
    replace: bool,
    device: str,
) -> dict[str, Any]:
    """Compare optimisers; what the file holds already of others stays there."""
    from ngcore.report.optimiser_plan import Plan
    from ngcore.report.optimiser_study import optimisers_head, run_optimiser_study
    from ngcore.report.study_files import goes_on, own_studies, study_file

    plan = Plan(
        tasks=tuple(tasks or Plan.tasks),
        widths=tuple(widths or Plan.widths),
        steps=steps or Plan.steps,
        num_seeds=seeds or Plan.num_seeds,
        precision=precision or Plan.precision,
        only_moved=only_moved,
    )
    head = optimisers_head()
    path = out or own_studies() / study_file(head)
    if not goes_on(head, path):
        expect_free(path, replace=replace)
    with progress_bar("Study optimisers") as bar:
        return run_optimiser_study(
            path, plan, device=device, progress=lambda done, of, trial: bar(done, of, note=trial)
        )


def _cost_of_optimisers(out: Path | None, *, as_json: bool) -> None:
    """Measure costs, and add them to the file of the study."""
    from ngcore.report.optimiser_study import add_costs, optimisers_head
    from ngcore.report.optimiser_table import costs_table
    from ngcore.report.study_files import own_studies, study_file

    path = out or own_studies() / study_file(optimisers_head())
    with progress_bar("Cost of optimisers") as bar:
        costs = add_costs(path, lambda done, of, what: bar(done, of, note=what))["costs"]
    heads, rows = costs_table(costs)
    title = "Processor time of a training step (Fashion-MNIST, 128 images, one thread), and memory"
    print_result(costs, as_json=as_json, show=lambda console: console.print(table_of(heads, rows, title=title)))


def _expect_none(study: str, options: Mapping[str, object]) -> None:
    """Refuse options that a study does not have."""
    given = [option for option, value in options.items() if value]
    if given:
        raise NeuralGraphError(f"Expected no {' or '.join(given)} with the study {study}; leave it out.")


def _print(content: Mapping[str, Any], *, as_json: bool) -> None:
    from ngcore.report.study_files import study_table

    heads, rows = study_table(content)
    print_result(
        content,
        as_json=as_json,
        show=lambda console: console.print(table_of(heads, rows, title=content["question"])),
    )
