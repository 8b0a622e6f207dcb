"""`ngcore data`: the real images that networks are trained on."""

from typing import Annotated, Any

import typer

from ngcore.cli.options import Json, example
from ngcore.cli.output import print_result, table_of
from ngcore.cli.progress import waiting

commands = typer.Typer(
    no_args_is_help=True,
    help="Image sets: mnist, fashion-mnist, cifar10.",
    rich_markup_mode="rich",
    epilog=example("data fetch mnist"),
)


@commands.callback()
def _group() -> None:
    """Keeps `fetch` a command of the group, though it is the only one."""


@commands.command(epilog=example("data fetch mnist fashion-mnist", "data fetch cifar10 --json"))
def fetch(
    names: Annotated[list[str], typer.Argument(help="mnist, fashion-mnist, cifar10.")],
    as_json: Json = False,
) -> None:
    """Fetch image sets into the cache, once; those in the folder $NGCORE_DATA are used as they are."""
    from ngcore.zoo import fetch_images

    described = []
    for name in names:
        with waiting(f"Fetching {name} …"):
            described.append(_describe(fetch_images(name)))
    columns = ("Images", ">Training", ">Test", "Shape", ">Classes", "Note")
    rows = [list(entry.values())[:6] for entry in described]
    print_result(described, as_json=as_json, show=lambda console: console.print(table_of(columns, rows)))


def _describe(images: Any) -> dict[str, Any]:
    return {
        "name": images.name,
        "num_train": len(images.train_images),
        "num_test": len(images.test_images),
        "shape": "×".join(map(str, images.train_images.shape[1:])),
        "num_classes": len(images.class_names),
        "note": images.note,
        "sha256": images.hash,
    }
