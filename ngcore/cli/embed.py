"""`ngcore embed`: the networks of a zoo as vectors."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ngcore.cli.options import Device, Json, Limit, Processes, Scheduler, example
from ngcore.cli.output import line, print_result
from ngcore.cli.progress import progress_bar
from ngcore.cli.replacing import Replace, check_output
from ngcore.errors import UnknownNameError, ZooError

if TYPE_CHECKING:
    import numpy as np

    from ngcore.zoo import Zoo

SUFFIXES = (".parquet", ".csv", ".npz")
AXES = ("x", "y", "z")
NO_LAYOUT = "none"


def register(program: typer.Typer) -> None:
    """Add the command to the program."""
    program.command(
        epilog=example(
            "embed mnist-inrs --model mnist-ng-gnn --out embeddings.parquet",
            "embed mnist-inrs --model mnist-ng-gnn --split test --out embeddings.npz",
            "embed mnist-inrs --model mnist-ng-gnn --layout umap --dimensions 3 --out map.csv",
            "embed mnist-inrs --model mnist-ng-gnn --scheduler tcp://10.0.0.1:8786 --out embeddings.parquet",
        )
    )(embed)


def embed(
    zoo: Annotated[str, typer.Argument(help="A zoo, by name or folder.")],
    model: Annotated[str, typer.Option(help="A checkpoint.")],
    out: Annotated[
        Path,
        typer.Option(
            help="A .parquet file (metadata, coordinates, a column of embeddings), a .csv file, or an .npz file."
        ),
    ],
    layout: Annotated[str, typer.Option(help="How the coordinates are made: umap, tsne, pca or none.")] = "umap",
    dimensions: Annotated[int, typer.Option(help="2 or 3 coordinates.", min=2, max=3)] = 2,
    split: Annotated[str | None, typer.Option(help="train, validation or test.", show_default="all")] = None,
    replace: Replace = False,
    limit: Limit = None,
    device: Device = "auto",
    workers: Processes = 1,
    scheduler: Scheduler = None,
    as_json: Json = False,
) -> None:
    """Write a model's embedding of every network in a zoo, and its place on a map of them.

    Embedding Atlas opens the parquet file: embedding-atlas FILE.parquet --x x --y y. Networks too few for UMAP or t-SNE
    are laid out by PCA. In a .csv file every number of an embedding has its own column, e0, e1, …
    """
    from ngcore.maps.layouts import MAP_METHODS
    from ngcore.tasks import ask_about_zoo, embed_networks, load_checkpoint
    from ngcore.workers import Workers
    from ngcore.zoo import Zoo, find_zoo

    who = Workers(processes=workers, scheduler=scheduler)
    check_output(out, suffixes=SUFFIXES, replace=replace)
    if layout not in (*MAP_METHODS, NO_LAYOUT):
        raise UnknownNameError("layout", layout, (*MAP_METHODS, NO_LAYOUT))
    opened = Zoo.open(find_zoo(zoo))
    rows = opened.rows(split=split)[:limit]
    if not len(rows):
        raise ZooError(f"Expected networks to embed in {opened.name}, got none.")
    checkpoint = load_checkpoint(model, device)
    with progress_bar(f"Embedding {opened.name}") as bar:
        vectors = ask_about_zoo(embed_networks, checkpoint, opened, rows, workers=who, progress=bar)
    method, points = _lay_out(vectors, layout, dimensions)
    _write(out, opened, rows, vectors, points)
    result = {
        "file": str(out),
        "model": checkpoint.name,
        "num_networks": len(rows),
        "d": int(vectors.shape[1]),
        "layout": method,
    }
    text = f"{len(rows):,} vectors of dimension {vectors.shape[1]} in {out}"
    text += f", with {points.shape[1]} coordinates by {method}" if len(points) else ""
    print_result(result, as_json=as_json, show=lambda console: console.print(line(text), soft_wrap=True))


def _lay_out(vectors: "np.ndarray", layout: str, dimensions: int) -> tuple[str, "np.ndarray"]:
    """How the networks were laid out, and where, (networks, dimensions); ("none", no points) where not asked for."""
    import numpy as np
    import torch

    from ngcore.maps.layouts import FEWEST_FOR_UMAP, MapParameters, fit_map

    if layout == NO_LAYOUT:
        return layout, np.empty((0, dimensions), np.float32)
    method = layout if len(vectors) >= FEWEST_FOR_UMAP else "pca"
    parameters = MapParameters(dimensions=dimensions)
    fit = fit_map(torch.from_numpy(vectors), method=method, parameters=parameters)  # type: ignore[arg-type]
    return method, fit.coordinates.numpy()


def _write(path: Path, zoo: "Zoo", rows: "np.ndarray", vectors: "np.ndarray", points: "np.ndarray") -> None:
    import pandas

    from ngcore.disk_cache import save_arrays
    from ngcore.files import write_atomically

    places = dict(zip(AXES, points.T, strict=False)) if len(points) else {}
    table = zoo.metadata.iloc[rows].reset_index(drop=True).assign(**places)

    if path.suffix == ".npz":
        arrays = {"id": table["id"].to_numpy(dtype=str), "embedding": vectors}
        save_arrays(path, arrays | ({"coordinates": points} if len(points) else {}), compress=False)
        return

    def write(temporary: Path) -> None:
        if path.suffix == ".parquet":
            table.assign(embedding=list(vectors)).to_parquet(temporary, index=False)
        else:
            numbers = pandas.DataFrame(vectors, columns=[f"e{i}" for i in range(vectors.shape[1])])
            pandas.concat([table, numbers], axis=1).to_csv(temporary, index=False)

    write_atomically(path, write)
