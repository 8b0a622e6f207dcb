"""`ngcore train`: a recipe becomes a checkpoint with its card."""

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from ngcore.cli.figures import list_figures
from ngcore.cli.options import Device, Json, Limit, Out, Seed, ZooOption, example, finite
from ngcore.cli.output import print_result, say, table_of
from ngcore.cli.progress import ProgressBar, describe_seconds, progress_bar
from ngcore.cli.replacing import Replace, expect_free

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ngcore.training import ProgressEvent


def register(program: typer.Typer) -> None:
    """Add the command to the program."""
    program.command(
        epilog=example(
            "zoo build mnist-inrs --workers 4",
            "train mnist-ng-gnn",
            "train mnist-ng-gnn --seed 1 --max-seconds 3600",
            "models  # all recipes",
        )
    )(train)


def train(
    name: Annotated[str, typer.Argument(help="A recipe; its checkpoint gets the same name.")],
    zoo: ZooOption = None,
    out: Out = None,
    seed: Seed = 0,
    device: Device = "auto",
    limit: Limit = None,
    max_seconds: Annotated[
        float | None, typer.Option(min=0, callback=finite, help="Stop after this many seconds; run again to continue.")
    ] = None,
    replace: Replace = False,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads.")] = None,
    as_json: Json = False,
) -> None:
    """Train a model, resuming a stopped run.

    The checkpoint is written to work/checkpoints/NAME, or to NAME-on-ZOO-seed1-limit500 where the options depart from
    the recipe. It takes precedence over a shipped one of its name. To ship it: --out assets/checkpoints/NAME --replace.
    """
    import torch

    from ngcore.tasks import find_recipe, folder_of_training, train_recipe
    from ngcore.tasks.optimiser_training import OPTIMISER_RECIPES
    from ngcore.zoo import Zoo, find_zoo

    if threads is not None:
        torch.set_num_threads(threads)
    if name in OPTIMISER_RECIPES:
        run = {"out": out, "seed": seed, "device": device, "max_seconds": max_seconds}
        _train_optimiser(name, run, replace=replace, as_json=as_json)
        return
    recipe = find_recipe(name)
    zoo_folder = find_zoo(zoo or recipe.zoo)
    corpus = Zoo.open(zoo_folder).name
    folder = out or folder_of_training(name, seed=seed, limit=limit, zoo=None if corpus == recipe.zoo else corpus)
    expect_free(folder / "card.json", replace=replace)
    with progress_bar(f"Training {name}") as bar:
        reporter = _Reporter(bar)
        card = train_recipe(
            name,
            out=folder,
            zoo_folder=zoo_folder,
            device=device,
            seed=seed,
            limit=limit,
            max_seconds=max_seconds,
            progress=reporter,
        )
    if card is None:
        say(f"Not finished: {reporter.describe()}. Run the same command again to continue.")
        print_result({"is_finished": False, **reporter.position()}, as_json=as_json, show=lambda console: None)
        return
    say(f"Written to {folder}.")
    print_result({"is_finished": True, "folder": str(folder), "card": card}, as_json=as_json, show=_shower(card))


def _train_optimiser(name: str, run: "dict[str, Any]", *, replace: bool, as_json: bool) -> None:
    """Train the rule of an optimiser, and show how its trainings ended; `run` are options of `train_optimiser`."""
    from ngcore.tasks.optimiser_training import OPTIMISER_RECIPES, folder_of_optimiser, train_optimiser

    folder = run["out"] or folder_of_optimiser(name, run["seed"])
    expect_free(folder / "card.json", replace=replace)
    total = OPTIMISER_RECIPES[name][0].updates
    with progress_bar(f"Training {name}") as bar:

        def report(entry: "Mapping[str, Any]") -> None:
            bar(entry["update"], total, note=f"accuracy {entry['accuracy']:.4f} · {entry['diverged']} diverged")

        card = train_optimiser(name, **{**run, "out": folder}, report=report)
    if card is None:
        say("Not finished. Run the same command again to continue.")
        print_result({"is_finished": False}, as_json=as_json, show=lambda console: None)
        return
    say(f"Written to {folder}.")
    rows = [
        [row["architecture"], row["images"], row["steps"], f"{row['accuracy']:.4f}", f"{row['base_accuracy']:.4f}"]
        for row in card["metrics"]["validation"]["tasks"]
    ]
    columns = ("Network", "Images", ">Steps", ">Accuracy", ">Without the rule")
    result = {"is_finished": True, "folder": str(folder), "card": card}
    print_result(result, as_json=as_json, show=lambda console: console.print(table_of(columns, rows)))


class _Reporter:
    """Passes the events of a training run to a bar, and remembers the last."""

    def __init__(self, bar: ProgressBar) -> None:
        self._bar = bar
        self._event: ProgressEvent | None = None

    def __call__(self, event: "ProgressEvent") -> None:
        self._event = event
        note = [f"loss {event.loss:.4f}", *(f"{name} {value:.4f}" for name, value in event.metrics.items())]
        note.append(f"{event.networks_per_second:,.0f} networks/s")
        self._bar(event.step, event.total_steps, note=" · ".join(note), seconds_left=event.seconds_left)

    def position(self) -> dict[str, Any]:
        """How far the run has got."""
        event = self._event
        return {} if event is None else {"steps": event.step, "total_steps": event.total_steps}

    def describe(self) -> str:
        """How far the run has got, in words."""
        event = self._event
        if event is None:
            return "no steps done"
        left = describe_seconds(event.seconds_left)
        return f"{event.step:,} of {event.total_steps:,} steps done, about {left} left"


def _shower(card: dict[str, Any]) -> Any:
    """A function that shows the figures of a card."""

    def show(console: Console) -> None:
        training = card["training"]
        rows = [
            (split, metric, value, n)
            for split, metrics in card["metrics"].items()
            for metric, (value, n) in list_figures(metrics).items()
        ]
        console.print(table_of(("Split", "Metric", ">Value", ">n"), rows, title=card["name"]))
        console.print(
            f"{card['parameters']:,} parameters, {training['steps']:,} steps, best after "
            f"{training['best_step']:,}; {describe_seconds(training['seconds'])} on {training['device']}.",
        )

    return show
