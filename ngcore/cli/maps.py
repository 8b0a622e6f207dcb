"""`ngcore map`: the maps that ship with a zoo."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from ngcore.cli.choosing import cards_by_name
from ngcore.cli.options import Device, Json, example
from ngcore.cli.output import print_result, table_of
from ngcore.cli.progress import progress_bar
from ngcore.cli.replacing import Replace, expect_free
from ngcore.errors import UnknownNameError

RAW_WEIGHTS = "weights"
TASKS = ("classify", "predict", "edit")


def register(program: typer.Typer) -> None:
    """Add the command to the program."""
    program.command("map", epilog=example("map mnist-inrs --model mnist-ng-gnn --model weights", "map mnist-inrs"))(
        fit_maps
    )


def fit_maps(
    zoo: Annotated[str, typer.Argument(help="A zoo, by name or folder.")],
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="A checkpoint, or weights for raw weights; may be repeated.",
            show_default="all that fit, except editors",
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder to write to.", show_default="work/maps")] = None,
    keep_coordinates: Annotated[
        bool,
        typer.Option(
            "--keep-coordinates",
            help="Leave the points of a map that is there already where they are; measure its quality alone.",
        ),
    ] = False,
    replace: Replace = False,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Lay out the networks of a zoo by UMAP of a model's embeddings, for the app's map page.

    The app shows a map only for the exact zoo and model it was fitted to. To ship one: map assets/zoos/NAME
    --out assets/maps --replace.
    """
    from ngcore.device import choose_device
    from ngcore.maps.zoo_maps import map_file, own_maps, write_map
    from ngcore.zoo import Zoo, find_zoo

    opened = Zoo.open(find_zoo(zoo))
    folder, place = out or own_maps(), choose_device(device)
    cards = _cards(opened.name, model)
    for name in cards:
        expect_free(folder / map_file(opened.name, name), replace=replace)
    written = []
    for name, card in cards.items():
        with progress_bar(f"Map of {opened.name} by {name}") as bar:
            bar(0, len(opened), note="embedding, layout, quality")
            path = write_map(opened, card, folder=folder, device=place, progress=bar, keep_coordinates=keep_coordinates)
        written.append({"zoo": opened.name, "model": name, "file": str(path), "bytes": path.stat().st_size})
    print_result(written, as_json=as_json, show=lambda console: _show(console, written))


def _cards(zoo: str, names: list[str] | None) -> dict[str, dict[str, Any] | None]:
    """Cards by name, None for raw weights; unless named, the zoo's checkpoints except editors, as in the app."""
    known: dict[str, dict[str, Any] | None] = {**cards_by_name(*TASKS), RAW_WEIGHTS: None}
    for name in names or ():
        if name not in known:
            raise UnknownNameError("checkpoint", name, known)
    own = [
        name
        for name, card in known.items()
        if card is None or (card["corpus"]["name"] == zoo and card["task"] != "edit")
    ]
    return {name: known[name] for name in names or own}


def _show(console: Console, written: list[dict[str, Any]]) -> None:
    rows = [(entry["model"], entry["file"], f"{entry['bytes'] / 1e3:,.0f} kB") for entry in written]
    console.print(table_of(("Model", "File", ">Size"), rows))
