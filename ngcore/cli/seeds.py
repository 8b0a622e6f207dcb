"""`ngcore seeds`: figures of trainings with other seeds, joined into a checkpoint's card."""

from typing import Annotated

import typer

from ngcore.cli.options import Json, example
from ngcore.cli.output import print_result, table_of
from ngcore.errors import CheckpointError
from ngcore.paths import ASSETS, work_folder


def register(program: typer.Typer) -> None:
    """Add the command to the program."""
    program.command(epilog=example("seeds mnist-ng-sweep"))(seeds)


def seeds(
    name: Annotated[str, typer.Argument(help="A checkpoint among those that ship.")],
    as_json: Json = False,
) -> None:
    """Join what `ngcore train NAME --seed 1`, `--seed 2`, … came to into the card of NAME."""
    from ngcore.report.seeds import join_seeds, over_seeds
    from ngcore.tasks import PROBLEMS

    others = sorted((work_folder() / "checkpoints").glob(f"{name}-seed*/card.json"))
    if not others:
        raise CheckpointError(
            f"Expected checkpoints of {name} with other seeds in {work_folder() / 'checkpoints'}, found none; "
            f"run ngcore train {name} --seed 1 first."
        )
    card = join_seeds(ASSETS / "checkpoints" / name, [path.parent for path in others])
    metric = PROBLEMS[card["task"]].monitor
    rows = [(split, metric, *over_seeds(card, split, metric)) for split in ("validation", "test")]
    columns = ("Split", "Metric", ">Mean", ">Std", ">Seeds")
    print_result(card, as_json=as_json, show=lambda console: console.print(table_of(columns, rows, title=name)))
