"""`ngcore seeds`: results of training with other seeds, added to a checkpoint's card."""

import re
from typing import Annotated

import typer

from ngcore.cli.options import Json, Out, example
from ngcore.cli.output import print_result, say, table_of
from ngcore.cli.replacing import Replace, expect_free
from ngcore.errors import CheckpointError
from ngcore.paths import work_folder


def register(program: typer.Typer) -> None:
    """Add the command to the program."""
    program.command(epilog=example("train mnist-ng-sweep --seed 1", "seeds mnist-ng-sweep"))(seeds)


def seeds(
    name: Annotated[str, typer.Argument(help="A checkpoint, by name.")],
    out: Out = None,
    replace: Replace = False,
    as_json: Json = False,
) -> None:
    """Add the results of `ngcore train NAME --seed 1`, `--seed 2`, … to the card of NAME.

    The checkpoint is written to work/checkpoints/NAME. To ship it: --out assets/checkpoints/NAME --replace.
    """
    from ngcore.report.seeds import join_seeds, over_seeds
    from ngcore.tasks import PROBLEMS, folder_of_training
    from ngcore.tasks.checkpoints import find_checkpoint

    cards = sorted((work_folder() / "checkpoints").glob("*/card.json"))
    others = [path for path in cards if re.fullmatch(rf"{re.escape(name)}-seed\d+", path.parent.name)]
    if not others:
        raise CheckpointError(
            f"Expected checkpoints of {name} with other seeds in {work_folder() / 'checkpoints'}, found none; "
            f"run ngcore train {name} --seed 1 first."
        )
    folder = out or folder_of_training(name)
    expect_free(folder / "card.json", replace=replace)
    card = join_seeds(find_checkpoint(name), [path.parent for path in others], out=folder)
    say(f"Written to {folder}.")
    metric = PROBLEMS[card["task"]].monitor
    rows = [(split, metric, *over_seeds(card, split, metric)) for split in ("validation", "test")]
    columns = ("Split", "Metric", ">Mean", ">Std", ">Seeds")
    print_result(card, as_json=as_json, show=lambda console: console.print(table_of(columns, rows, title=name)))
