"""`ngcore zoo`: building, describing, checking and sampling zoos."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ngcore.cli.exits import FAILED
from ngcore.cli.options import Device, Json, Out, Processes, Scheduler, Seed, example
from ngcore.cli.output import line, plain, print_result, say, table_of
from ngcore.cli.progress import progress_bar, waiting
from ngcore.cli.replacing import Replace, check_output
from ngcore.cli.zoo_builds import Recipe, build_classifiers, build_inrs
from ngcore.cli.zoo_imports import register as register_import
from ngcore.cli.zoo_tables import show_zoo
from ngcore.errors import UnknownNameError
from ngcore.paths import work_folder

commands = typer.Typer(
    no_args_is_help=True,
    help="Zoos: collections of trained networks with labels.",
    rich_markup_mode="rich",
    epilog=example("zoo build mnist-inrs --count 2000 --workers 4", "zoo info mnist-inrs"),
)

register_import(commands)

ZooName = Annotated[str, typer.Argument(help="A zoo, by name or folder.")]


@commands.command(
    epilog=example(
        "zoo build mnist-inrs --count 20000,2000,2000 --recipe cheap --workers 4",
        "zoo build cifar10-gs-cnns --count 240 --workers 4",
        "zoo build fashion-families --count 200",
        "zoo build cifar10-gs-cnns --scheduler tcp://10.0.0.1:8786",
    )
)
def build(
    name: Annotated[
        str,
        typer.Argument(
            help="{mnist,fashion-mnist,cifar10}-inrs, {cifar10-gs,fashion-mnist}-cnns, cnn-park or fashion-families."
        ),
    ],
    count: Annotated[
        str | None,
        typer.Option(help="INRs: training networks, or train,validation,test. Others: runs.", show_default="all"),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, help="INRs: optimiser steps.", show_default="the recipe's")
    ] = None,
    passes: Annotated[
        float | None,
        typer.Option(
            help="Not INRs: passes over the images (epochs) of the longest runs.", show_default="the recipe's"
        ),
    ] = None,
    recipe: Annotated[
        Recipe | None,
        typer.Option(help="INRs: published uses all pixels per step, the others a quarter.", show_default="published"),
    ] = None,
    workers: Processes = 1,
    scheduler: Scheduler = None,
    out: Out = None,
    seed: Seed = 0,
    device: Device = "cpu",
    as_json: Json = False,
) -> None:
    """Train the networks of a zoo on real images, resuming a stopped build."""
    from ngcore.workers import Workers
    from ngcore.zoo import CLASSIFIER_ZOOS, INR_ZOOS, default_zoo_folder

    who = Workers(processes=workers, scheduler=scheduler)
    if name not in (*INR_ZOOS, *CLASSIFIER_ZOOS):
        raise UnknownNameError("zoo to build", name, (*INR_ZOOS, *CLASSIFIER_ZOOS))
    build_zoo = build_inrs if name in INR_ZOOS else build_classifiers
    folder = out or default_zoo_folder(name)
    with progress_bar(f"Building {name}") as bar:
        zoo = build_zoo(
            name,
            folder,
            count=count,
            steps=steps,
            passes=passes,
            recipe=recipe,
            workers=who,
            seed=seed,
            device=device,
            progress=bar,
        )
    say(f"Written to {folder}.")
    result = {"name": zoo.name, "folder": str(folder), "num_networks": len(zoo), "hash": zoo.hash}
    print_result(result, as_json=as_json, show=lambda console: console.print(line(f"{zoo!r}")))


@commands.command(name="list", epilog=example("zoo list"))
def list_all(as_json: Json = False) -> None:
    """List the available zoos; damaged and unfinished ones are named on stderr.

    Of two zoos with the same name, the first in $NGCORE_ZOOS, work/zoos and the shipped ones is used.
    """
    from ngcore.zoo import Zoo, survey_zoos

    listing = survey_zoos()
    for reason in (*listing.damaged.values(), *listing.unfinished.values()):
        say(reason)
    zoos = [(name, Zoo.open(folder)) for name, folder in sorted(listing.zoos.items())]
    result = [
        {"name": name, "num_networks": len(zoo), "folder": str(zoo.folder), "is_sample": "sample_of" in zoo.card}
        for name, zoo in zoos
    ]
    columns = ("Zoo", ">Networks", "Folder", "Sample")
    rows = [list(entry.values()) for entry in result]
    print_result(result, as_json=as_json, show=lambda console: console.print(table_of(columns, rows)))


@commands.command(epilog=example("zoo info mnist-inrs --sheet sheet.png", "zoo info cifar10-gs-cnns --json"))
def info(
    name: ZooName,
    sheet: Annotated[
        Path | None, typer.Option(help="INRs: also write an image that shows some networks of each class.")
    ] = None,
    replace: Replace = False,
    as_json: Json = False,
) -> None:
    """Describe a zoo: splits, labels, quality of the networks, weight distributions."""
    from ngcore.zoo import Zoo, describe_zoo, find_zoo, write_contact_sheet

    if sheet is not None:
        check_output(sheet, suffixes=(".png", ".jpg", ".jpeg", ".webp"), replace=replace, option="--sheet")
    with waiting(f"Reading {name} …"):
        zoo = Zoo.open(find_zoo(name))
        described = plain(describe_zoo(zoo))
        if sheet is not None:
            write_contact_sheet(zoo, sheet)
            say(f"Written to {sheet}.")
    print_result(described, as_json=as_json, show=lambda console: show_zoo(console, described))


@commands.command(epilog=example("zoo verify mnist-inrs"))
def verify(name: ZooName, as_json: Json = False) -> None:
    """Check every file of a zoo against its card; exit code 1 if something is wrong."""
    from ngcore.zoo import Zoo, find_problems, find_zoo

    with waiting(f"Checking {name} …"):
        zoo = Zoo.open(find_zoo(name))
        problems = find_problems(zoo)
    result = {"name": zoo.name, "folder": str(zoo.folder), "num_networks": len(zoo), "problems": problems}
    lines = problems or [f"{zoo!r} in {zoo.folder} is intact."]
    print_result(
        result,
        as_json=as_json,
        show=lambda console: console.print(*map(line, lines), sep="\n", soft_wrap=True),
    )
    if problems:
        raise typer.Exit(FAILED)


class Unit(StrEnum):
    """What a sample is counted in."""

    NETWORK = "network"
    RUN = "run"
    GROUP = "group"


@commands.command(
    epilog=example(
        "zoo sample mnist-inrs --test 100 --out few-inrs",
        "zoo sample cifar10-gs-cnns --test 2 --unit group --out few-cnns",
    )
)
def sample(
    name: ZooName,
    train: Annotated[int, typer.Option(min=0, help="Training networks, runs or groups.")] = 0,
    validation: Annotated[int, typer.Option(min=0, help="Validation networks, runs or groups.")] = 0,
    test: Annotated[int, typer.Option(min=0, help="Test networks, runs or groups.")] = 0,
    unit: Annotated[Unit, typer.Option(help="What is counted: runs come with all checkpoints.")] = Unit.NETWORK,
    out: Annotated[Path | None, typer.Option(help="Folder to write to.", show_default="work/samples/NAME")] = None,
    as_json: Json = False,
) -> None:
    """Cut a small zoo out of a large one, INRs with their images. To ship it: --out assets/zoos/NAME."""
    from ngcore.zoo import Zoo, find_zoo, write_sample

    source = Zoo.open(find_zoo(name))
    folder = out or work_folder() / "samples" / source.name
    with waiting(f"Writing {folder} …"):
        counts = {"train": train, "validation": validation, "test": test}
        zoo = write_sample(source, folder, counts, unit=unit.value, with_images=source.card.get("kind") == "inr")
    size = sum(path.stat().st_size for path in zoo.folder.iterdir())
    result = {"name": zoo.name, "folder": str(folder), "num_networks": len(zoo), "bytes": size, "hash": zoo.hash}
    text = f"{zoo!r} in {folder}, {size / 1e6:.1f} MB"
    print_result(result, as_json=as_json, show=lambda console: console.print(line(text), soft_wrap=True))


@commands.command(epilog=example("zoo merge mnist-inrs fashion-mnist-inrs --name grey-inrs"))
def merge(
    names: Annotated[list[str], typer.Argument(metavar="ZOO…", help="Two zoos or more: names or folders.")],
    name: Annotated[str, typer.Option(help="Name of the union.")] = "merged",
    out: Annotated[Path | None, typer.Option(help="Folder to write to.", show_default="work/zoos/NAME")] = None,
    as_json: Json = False,
) -> None:
    """Make several zoos one, for a model that reads the networks of all of them."""
    from ngcore.zoo import Zoo, default_zoo_folder, find_zoo, write_union

    folder = out or default_zoo_folder(name)
    with waiting(f"Writing {folder} …"):
        zoo = write_union([Zoo.open(find_zoo(own)) for own in names], folder, name=name)
    result = {"name": zoo.name, "folder": str(folder), "num_networks": len(zoo), "hash": zoo.hash}
    print_result(
        result, as_json=as_json, show=lambda console: console.print(line(f"{zoo!r} in {folder}"), soft_wrap=True)
    )
