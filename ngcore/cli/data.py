"""`ngcore data`: the real images that networks are trained on."""

from typing import Annotated, Any

import typer

from ngcore.cli.exits import FAILED
from ngcore.cli.options import Json, Out, example
from ngcore.cli.output import line, print_result, say_failure, table_of
from ngcore.cli.progress import waiting
from ngcore.cli.replacing import Replace, expect_free
from ngcore.errors import NeuralGraphError
from ngcore.paths import work_folder

commands = typer.Typer(
    no_args_is_help=True,
    help="Image sets: mnist, fashion-mnist, cifar10.",
    rich_markup_mode="rich",
    epilog=example("data fetch mnist"),
)


@commands.command(epilog=example("data fetch mnist fashion-mnist", "data fetch cifar10 --json"))
def fetch(
    names: Annotated[list[str], typer.Argument(help="mnist, fashion-mnist, cifar10.")],
    as_json: Json = False,
) -> None:
    """Download image sets into the cache, unless already there; files in $NGCORE_DATA are used as they are."""
    from ngcore.zoo import fetch_images

    described, failures = [], 0
    for name in dict.fromkeys(names):
        try:
            with waiting(f"Fetching {name} …"):
                described.append(_describe(fetch_images(name)))
        except (NeuralGraphError, OSError) as error:
            say_failure(error, about=name)
            failures += 1
    if not described:
        raise typer.Exit(FAILED)
    columns = ("Images", ">Training", ">Test", "Shape", ">Classes", "Note")
    rows = [list(entry.values())[:6] for entry in described]
    print_result(described, as_json=as_json, show=lambda console: console.print(table_of(columns, rows)))
    if failures:
        raise typer.Exit(FAILED)


@commands.command(epilog=example("data sample fashion-mnist --count 500 --out few-images"))
def sample(
    name: Annotated[str, typer.Argument(help="mnist, fashion-mnist or cifar10.")],
    count: Annotated[int, typer.Option(min=1, help="Training images, the first of the set; a multiple of 100.")] = 8000,
    out: Out = None,
    replace: Replace = False,
    as_json: Json = False,
) -> None:
    """Write some training images as one picture. To ship it: --out assets/images --replace."""
    from ngcore.zoo import fetch_images, write_training_sample

    folder = out or work_folder() / "images"
    expect_free(folder / f"{name}.json", replace=replace)
    with waiting(f"Writing {folder} …"):
        path = write_training_sample(fetch_images(name), folder, count)
    result = {"name": name, "num_images": count, "file": str(path), "bytes": path.stat().st_size}
    text = f"{count:,} images in {path}, {path.stat().st_size / 1e6:.1f} MB"
    print_result(result, as_json=as_json, show=lambda console: console.print(line(text), soft_wrap=True))


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
