"""`ngcore embed`: the networks of a zoo as vectors."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ngcore.cli.options import Device, Json, Limit, Processes, Scheduler, example
from ngcore.cli.output import line, print_result
from ngcore.cli.progress import progress_bar
from ngcore.cli.replacing import Replace, check_output
from ngcore.errors import ZooError

if TYPE_CHECKING:
    import numpy as np

    from ngcore.zoo import Zoo

SUFFIXES = (".parquet", ".npz")


def register(program: typer.Typer) -> None:
    """Add the command to the program."""
    program.command(
        epilog=example(
            "embed mnist-inrs --model mnist-ng-gnn --out embeddings.parquet",
            "embed mnist-inrs --model mnist-ng-gnn --split test --out embeddings.npz",
            "embed mnist-inrs --model mnist-ng-gnn --scheduler tcp://10.0.0.1:8786 --out embeddings.parquet",
        )
    )(embed)


def embed(
    zoo: Annotated[str, typer.Argument(help="A zoo, by name or folder.")],
    model: Annotated[str, typer.Option(help="A checkpoint.")],
    out: Annotated[Path, typer.Option(help="A .parquet file (metadata and a column of embeddings) or an .npz file.")],
    split: Annotated[str | None, typer.Option(help="train, validation or test.", show_default="all")] = None,
    replace: Replace = False,
    limit: Limit = None,
    device: Device = "auto",
    workers: Processes = 1,
    scheduler: Scheduler = None,
    as_json: Json = False,
) -> None:
    """Write a model's embedding of every network in a zoo."""
    from ngcore.tasks import ask_about_zoo, embed_networks, load_checkpoint
    from ngcore.workers import Workers
    from ngcore.zoo import Zoo, find_zoo

    who = Workers(processes=workers, scheduler=scheduler)
    check_output(out, suffixes=SUFFIXES, replace=replace)
    opened = Zoo.open(find_zoo(zoo))
    rows = opened.rows(split=split)[:limit]
    if not len(rows):
        raise ZooError(f"Expected networks to embed in {opened.name}, got none.")
    checkpoint = load_checkpoint(model, device)
    with progress_bar(f"Embedding {opened.name}") as bar:
        vectors = ask_about_zoo(embed_networks, checkpoint, opened, rows, workers=who, progress=bar)
    _write(out, opened, rows, vectors)
    result = {"file": str(out), "model": checkpoint.name, "num_networks": len(rows), "d": int(vectors.shape[1])}
    text = f"{len(rows):,} vectors of dimension {vectors.shape[1]} in {out}"
    print_result(result, as_json=as_json, show=lambda console: console.print(line(text), soft_wrap=True))


def _write(path: Path, zoo: "Zoo", rows: "np.ndarray", vectors: "np.ndarray") -> None:
    import numpy as np

    from ngcore.files import write_atomically

    table = zoo.metadata.iloc[rows].reset_index(drop=True)

    def write(temporary: Path) -> None:
        if path.suffix == ".parquet":
            table.assign(embedding=list(vectors)).to_parquet(temporary, index=False)
            return
        with temporary.open("wb") as file:
            np.savez(file, id=table["id"].to_numpy(dtype=str), embedding=vectors)

    write_atomically(path, write)
