"""`ngcore models`: the presets, the recipes, and the trained models with their figures."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from ngcore.cli.figures import list_figures
from ngcore.cli.options import Json, example
from ngcore.cli.output import line, print_result, table_of
from ngcore.paths import ASSETS


def register(program: typer.Typer) -> None:
    """Add the command to the program."""
    program.command(epilog=example("models", "models --task classify --json"))(models)


def models(
    task: Annotated[str | None, typer.Option(help="classify, predict, edit or optimise.", show_default="all")] = None,
    as_json: Json = False,
) -> None:
    """List presets, recipes and trained models, optimisers included.

    Of two models with the same name, the first in $NGCORE_CHECKPOINTS, work/checkpoints and the shipped ones is used.
    """
    from ngcore.errors import UnknownNameError
    from ngcore.models import PRESETS
    from ngcore.optim import PAPER_PRESETS, find_rules
    from ngcore.optim.checkpoint import TASK
    from ngcore.tasks import PROBLEMS, RECIPES, survey, survey_checkpoints
    from ngcore.tasks.optimiser_training import OPTIMISER_RECIPES

    if task not in (None, TASK, *PROBLEMS):
        raise UnknownNameError("task", str(task), (*PROBLEMS, TASK))
    recipes = {
        name: {"task": recipe.task, "zoo": recipe.zoo, "preset": recipe.preset}
        for name, recipe in RECIPES.items()
        if task in (None, recipe.task)
    }
    is_about_optimisers = task in (None, TASK)
    if is_about_optimisers:
        recipes |= {
            name: {"task": TASK, "zoo": " and ".join(config.image_sets), "preset": name.removeprefix("optimiser-")}
            for name, (config, _) in OPTIMISER_RECIPES.items()
        }
    listings = (survey_checkpoints(task), survey(find_rules() if is_about_optimisers else {}))
    result = {
        "checkpoints": [card for listing in listings for card in listing.cards.values()],
        "folders": {name: str(folder) for listing in listings for name, folder in listing.folders.items()},
        "damaged": {name: reason for listing in listings for name, reason in listing.damaged.items()},
        "recipes": recipes,
        "presets": {name: config.to_dict() for name, config in (PRESETS | PAPER_PRESETS).items()},
    }
    print_result(result, as_json=as_json, show=lambda console: _show(console, result))


def _show(console: Console, result: dict[str, Any]) -> None:
    cards = [
        (
            name,
            card["task"],
            card["corpus"]["name"],
            card["parameters"],
            *_figures(card),
            _origin(result["folders"][name]),
        )
        for name, card in zip(result["folders"], result["checkpoints"], strict=True)
    ]
    columns = ("Checkpoint", "Task", "Zoo", ">Parameters", "On test networks", ">n", "Folder")
    console.print(table_of(columns, cards, title="Trained models"))
    for reason in result["damaged"].values():
        console.print(line(reason))
    recipes = [(name, *recipe.values()) for name, recipe in result["recipes"].items()]
    console.print(table_of(("Recipe", "Task", "Zoo", "Preset"), recipes, title="Recipes, for ngcore train"))
    presets: list[tuple[object, ...]] = [
        (name, *(config.get(field) for field in ("kind", "head", "num_layers", "d_node", "d_edge", "num_probes")))
        for name, config in result["presets"].items()
    ]
    headings = ("Preset", "Kind", "Head", ">Layers", ">d_node", ">d_edge", ">Probes")
    console.print(table_of(headings, presets, title="Presets"))


def _origin(folder: str) -> str:
    """The folder of a checkpoint, in short."""
    return "shipped" if ASSETS in Path(folder).parents else str(Path(folder).parent)


def _figures(card: dict[str, Any]) -> tuple[Text, int | None]:
    """The first two figures, one per line, and the number of networks they were measured on."""
    test = card["metrics"].get("test", {})
    figures = [f"{metric} {value:.4f}" for metric, (value, _) in list_figures(test).items() if value is not None]
    return Text("\n".join(figures[:2])), test.get("n")
